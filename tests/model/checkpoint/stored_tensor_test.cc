#include "model/checkpoint/stored_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

StoredTensor View(std::vector<int64_t> shape, std::vector<int64_t> strides, int64_t offset,
                  int64_t storage_size) {
  StoredTensor stored;
  stored.shape = std::move(shape);
  stored.strides = std::move(strides);
  stored.offset = offset;
  stored.storage_size = storage_size;
  return stored;
}

const std::string& SixNumbers() {
  static const auto* const bytes = new std::string(Bytes<float>({0, 1, 2, 3, 4, 5}));
  return *bytes;
}

TEST(MaterialiseTest, HonoursStridesAndOffset) {
  EXPECT_THAT(Materialise("w", View({2, 2}, {1, 3}, 1, 6), SixNumbers())->values,
              ElementsAre(1, 4, 2, 5));
  EXPECT_THAT(Materialise("w", View({3, 2}, {2, 1}, 0, 6), SixNumbers())->values,
              ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(MaterialiseTest, StridesOfSingleElementsDoNotMatter) {
  EXPECT_THAT(Materialise("w", View({1, 2}, {kMax, 5}, 0, 6), SixNumbers())->values,
              ElementsAre(0, 5));
}

TEST(MaterialiseTest, ReadsScalars) {
  EXPECT_THAT(Materialise("w", View({}, {}, 4, 6), SixNumbers())->values, ElementsAre(4));
}

TEST(MaterialiseTest, ConvertsFloat16) {
  StoredTensor stored = View({6}, {1}, 0, 6);
  stored.dtype = Dtype::kFloat16;
  // One, minus two, the largest, the smallest normal, the smallest, minus zero.
  const auto tensor =
      Materialise("w", stored, Bytes<uint16_t>({0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000}));
  ASSERT_THAT(tensor, Loads());
  EXPECT_THAT(tensor->values,
              ElementsAre(1, -2, 65504, 6.103515625e-05f, 5.9604644775390625e-08f, -0.0f));
}

TEST(MaterialiseTest, ConvertsBfloat16AndFloat64) {
  StoredTensor stored = View({2}, {1}, 0, 2);
  stored.dtype = Dtype::kBfloat16;
  EXPECT_THAT(Materialise("w", stored, Bytes<uint16_t>({0x3f80, 0xc049}))->values,
              ElementsAre(1, -3.140625f));
  stored.dtype = Dtype::kFloat64;
  EXPECT_THAT(Materialise("w", stored, Bytes<double>({0.1, -1e-300}))->values,
              ElementsAre(0.1f, -0.0f));
}

TEST(MaterialiseTest, RefusesNumbersThatAreNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Materialise("w", View({2, 2}, {2, 1}, 0, 4), Bytes<float>({1, 2, nan, 4})),
              Refused("w[1, 0] is nan; weights must be finite"));
  StoredTensor half = View({2}, {1}, 0, 2);
  half.dtype = Dtype::kFloat16;
  EXPECT_THAT(Materialise("w", half, Bytes<uint16_t>({0, 0xfc00})), Refused("w[1] is -inf"));
}

TEST(MaterialiseTest, RefusesDoublesBeyondFloat) {
  StoredTensor stored = View({1}, {1}, 0, 1);
  stored.dtype = Dtype::kFloat64;
  EXPECT_THAT(Materialise("w", stored, Bytes<double>({1e39})),
              Refused("w[0] is 1e+39, which float32 cannot hold"));
}

TEST(MaterialiseTest, RefusesIntegers) {
  StoredTensor stored = View({1}, {1}, 0, 1);
  stored.dtype = Dtype::kInt64;
  EXPECT_THAT(Materialise("w", stored, Bytes<int64_t>({1})),
              Refused("w holds int64, expected float32, float64, float16 or bfloat16"));
}

TEST(MaterialiseTest, RefusesRepeatedStorage) {
  EXPECT_THAT(Materialise("w", View({4}, {0}, 0, 6), SixNumbers()),
              Refused("w repeats its storage: shape [4] over 6 numbers; save it with "
                      ".contiguous()"));
  EXPECT_THAT(Materialise("w", View({3, 3}, {1, 1}, 0, 6), SixNumbers()),
              Refused("save it with .contiguous()"));
}

TEST(MaterialiseTest, RefusesViewsBeyondTheStorage) {
  EXPECT_THAT(Materialise("w", View({6}, {1}, 1, 6), SixNumbers()),
              Refused("w ends at number 6 of a storage of 6 numbers"));
  EXPECT_THAT(Materialise("w", View({2}, {1}, kMax - 1, 6), SixNumbers()), Refused("ends at"));
}

TEST(MaterialiseTest, RefusesViewsThatOverflow) {
  const StoredTensor views[] = {
      View({int64_t{1} << 32, int64_t{1} << 32}, {1, 1}, 0, 6),
      View({2}, {kMax}, 1, 6),
      View({3}, {kMax}, 0, 6),
      View({2}, {1}, kMax, 6),
      View({-1}, {1}, 0, 6),
      View({2}, {-1}, 1, 6),
      View({2}, {1}, -1, 6),
  };
  for (const StoredTensor& view : views) {
    EXPECT_THAT(Materialise("w", view, SixNumbers()),
                Refused("w has an impossible view of its storage"));
  }
}

TEST(MaterialiseTest, RefusesAStorageOfAnotherSize) {
  EXPECT_THAT(Materialise("w", View({6}, {1}, 0, 7), SixNumbers()),
              Refused("w has a storage of 24 bytes, expected 7 numbers of float32"));
  EXPECT_THAT(Materialise("w", View({6}, {1}, 0, 6), SixNumbers() + "x"), Refused("25 bytes"));
}

TEST(ShapeTextTest, IsShort) {
  EXPECT_EQ(ShapeText({16, 3}), "[16, 3]");
  EXPECT_EQ(ShapeText({}), "[]");
  EXPECT_EQ(ShapeText(std::vector<int64_t>(16, 1)), "[1, 1, 1, 1, 1, 1, 1, 1, ...]");
}

}  // namespace
}  // namespace mdn
