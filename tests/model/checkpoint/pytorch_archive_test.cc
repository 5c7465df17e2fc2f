#include "model/checkpoint/pytorch_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

std::map<std::string, Tensor> Network() { return NetworkOf(3, 5, 4, 16); }

absl::StatusOr<Checkpoint> Parse(const std::string& bytes) {
  return ParseCheckpoint(bytes, "model.pt", WithNoiseType(NoiseType::kDiagonal));
}

std::string Sound() {
  return TorchArchive(PickleBuilder().StateDict(Network()).Pickle(), StoragesOf(Network()));
}

TEST(PyTorchArchiveTest, LoadsWhatTheBuilderWrites) {
  const auto checkpoint = Parse(Sound());
  ASSERT_THAT(checkpoint, Loads());
  for (const auto& [name, tensor] : Network()) {
    EXPECT_EQ(checkpoint->tensors.at(name).values, tensor.values) << name;
  }
}

TEST(PyTorchArchiveTest, RefusesCompressedRecords) {
  EXPECT_THAT(Parse(ZipOf({{"net/data.pkl", std::string(1000, 'N')}}, /*compressed=*/true)),
              Refused("record net/data.pkl is compressed or encrypted, which torch.save never"));
}

TEST(PyTorchArchiveTest, RefusesOtherArchives) {
  EXPECT_THAT(Parse(ZipOf({{"weights.npy", "x"}})),
              Refused("a zip archive without FOLDER/data.pkl"));
  EXPECT_THAT(Parse(ZipOf({{"a/data.pkl", "N."}, {"b/data.pkl", "N."}})),
              Refused("without FOLDER/data.pkl"));
}

TEST(PyTorchArchiveTest, RecognisesTorchScriptByItsCode) {
  const std::string scripts[] = {ZipOf({{"net/data.pkl", "N."}, {"net/constants.pkl", ")."}}),
                                 ZipOf({{"net/data.pkl", "N."}, {"net/code/net.py", "x"}})};
  for (const std::string& script : scripts) {
    EXPECT_THAT(Parse(script), Refused("is a TorchScript archive"));
  }
}

TEST(PyTorchArchiveTest, RefusesAnotherByteOrder) {
  EXPECT_THAT(Parse(ZipOf({{"net/data.pkl", "N."}, {"net/byteorder", "big"}})),
              Refused("its byte order is big, expected little"));
}

TEST(PyTorchArchiveTest, NamesAMissingStorage) {
  auto storages = StoragesOf(Network());
  storages.erase("pi_network.2.bias");
  EXPECT_THAT(Parse(TorchArchive(PickleBuilder().StateDict(Network()).Pickle(), storages)),
              Refused("pi_network.2.bias: record net/data/pi_network.2.bias: the archive does not "
                      "have it"));
}

TEST(PyTorchArchiveTest, NamesAStorageOfAnotherSize) {
  auto storages = StoragesOf(Network());
  storages["pi_network.2.bias"].pop_back();
  EXPECT_THAT(
      Parse(TorchArchive(PickleBuilder().StateDict(Network()).Pickle(), storages)),
      Refused("pi_network.2.bias has a storage of 19 bytes, expected 5 numbers of float32"));
}

TEST(PyTorchArchiveTest, AFlippedWeightFailsItsChecksum) {
  std::string bytes = Sound();
  const std::string weights = FloatBytes(Network().at("pi_network.2.weight").values);
  bytes[bytes.find(weights) + 7] ^= 1;
  EXPECT_THAT(Parse(bytes), Refused("record net/data/pi_network.2.weight: "));
  EXPECT_THAT(Parse(bytes), Refused("the file is damaged or incomplete"));
}

TEST(PyTorchArchiveTest, RefusesACutOffFile) {
  const std::string bytes = Sound();
  EXPECT_THAT(Parse(bytes.substr(0, bytes.size() - 30)), Refused("the file is damaged"));
}

TEST(PyTorchArchiveTest, RefusesToBelieveACountOfRecords) {
  std::string bytes = ReadFile(GoldenPath("small_diagonal.pt"));
  const size_t record = bytes.rfind(std::string("PK\6\6", 4));
  ASSERT_NE(record, std::string::npos);
  const uint64_t count = uint64_t{1} << 31;
  std::memcpy(&bytes[record + 24], &count, sizeof(count));
  std::memcpy(&bytes[record + 32], &count, sizeof(count));
  EXPECT_THAT(Parse(bytes), Refused("the zip archive claims more than 65536 records"));
}

TEST(PyTorchArchiveTest, RefusesTensorsThatShareOneStorageTooOften) {
  PickledTensor tensor;
  tensor.storage_class = "HalfStorage";
  tensor.storage_size = 64 * 64;
  PickleBuilder builder;
  builder.Raw("}(");
  for (const auto& [name, shaped] : NetworkOf(64, 64, 64, 64)) {
    tensor.shape = shaped.shape;
    tensor.strides = {1};
    if (tensor.shape.size() == 2) tensor.strides = {64, 1};
    builder.Text(name).Tensor(tensor);
  }
  const std::string storage(tensor.storage_size * 2, '\0');
  EXPECT_THAT(Parse(TorchArchive(builder.Raw("u").Pickle(), {{tensor.key, storage}})),
              Refused("the tensors overlap so that they exceed 4 times the file's size"));
}

}  // namespace
}  // namespace mdn
