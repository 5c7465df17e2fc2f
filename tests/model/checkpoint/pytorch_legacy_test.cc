#include "model/checkpoint/pytorch_legacy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/model/checkpoint/fails.h"
#include "tests/model/checkpoint/pickle_builder.h"

namespace mdn {
namespace {

constexpr char kMagic[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

struct LegacyFile {
  int64_t version = 1001;
  bool little_endian = true;
  std::string object = PickleBuilder()
                           .Raw("}")
                           .Text("pi_network.0.bias")
                           .ContiguousTensor("k", {2})
                           .Raw("s")
                           .Pickle();
  std::string keys = PickleBuilder().Raw("](").Text("k").Raw("e").Pickle();
  int64_t storage_size = 2;
  std::string storage = FloatBytes({1, 2});

  std::string Bytes() const {
    std::string size(sizeof(storage_size), '\0');
    std::memcpy(size.data(), &storage_size, size.size());
    PickleBuilder platform;
    platform.Raw("}").Text("little_endian").Raw(little_endian ? "\x88s" : "\x89s");
    return std::string(kMagic) + PickleBuilder().Integer(version).Pickle() + platform.Pickle() +
           object + keys + size + storage;
  }
};

TEST(PyTorchLegacyTest, IsKnownByItsMagicNumber) {
  EXPECT_TRUE(IsPyTorchLegacy(LegacyFile().Bytes()));
  EXPECT_FALSE(IsPyTorchLegacy(PickleBuilder().Integer(5).Pickle()));
  EXPECT_FALSE(IsPyTorchLegacy(""));
}

TEST(PyTorchLegacyTest, ReadsStoragesByTheirKeys) {
  const std::string bytes = LegacyFile().Bytes();
  const auto stored = ReadPyTorchLegacy(bytes);
  ASSERT_THAT(stored, Loads());
  EXPECT_EQ(stored->tensors.at("pi_network.0.bias").storage_key, "k");
  EXPECT_EQ(stored->read_storage("k").value(), FloatBytes({1, 2}));
  EXPECT_THAT(stored->read_storage("other"), Refused("the file lacks storage other"));
}

TEST(PyTorchLegacyTest, RefusesAnotherVersion) {
  LegacyFile file;
  file.version = 1002;
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()), Refused("is not of version 1001"));
}

TEST(PyTorchLegacyTest, RefusesAnotherByteOrder) {
  LegacyFile file;
  file.little_endian = false;
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()), Refused("its byte order is big, expected little"));
}

TEST(PyTorchLegacyTest, RefusesAStorageThatNobodyHas) {
  LegacyFile file;
  file.keys = PickleBuilder().Raw("](").Text("z").Raw("e").Pickle();
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()), Refused("lists a storage z that no tensor has"));
}

TEST(PyTorchLegacyTest, RefusesAStorageOfAnotherSize) {
  LegacyFile file;
  file.storage_size = int64_t{1} << 62;
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()),
              Refused("storage k has 4611686018427387904 numbers, expected 2"));
}

TEST(PyTorchLegacyTest, RefusesACutOffStorage) {
  LegacyFile file;
  file.storage.pop_back();
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()), Refused("the file is cut off in storage k"));
}

TEST(PyTorchLegacyTest, RefusesAHugeStorage) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  PickledTensor tensor;
  tensor.key = "k";
  tensor.storage_size = kHuge;
  tensor.shape = tensor.strides = {1};
  LegacyFile file;
  file.object = PickleBuilder().Raw("}").Text("pi_network.0.bias").Tensor(tensor).Raw("s").Pickle();
  file.storage_size = kHuge;
  EXPECT_THAT(ReadPyTorchLegacy(file.Bytes()), Refused("the file is cut off in storage k"));
}

}  // namespace
}  // namespace mdn
