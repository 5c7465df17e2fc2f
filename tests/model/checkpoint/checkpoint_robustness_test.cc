#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <random>
#include <string>

#include "model/checkpoint/checkpoint.h"
#include "tests/model/checkpoint/checkpoint_files.h"

namespace {

// Every allocation of this program has its size in front of it.
constexpr size_t kFront = alignof(std::max_align_t);
std::atomic<size_t> live_bytes{0};
std::atomic<size_t> peak_bytes{0};
std::atomic<size_t> largest_bytes{0};

void Raise(std::atomic<size_t>& mark, size_t value) {
  if (value > mark) mark = value;
}

void* AllocateOrNull(size_t size) {
  void* block = std::malloc(size + kFront);
  if (block == nullptr) return nullptr;
  *static_cast<size_t*>(block) = size;
  Raise(largest_bytes, size);
  Raise(peak_bytes, live_bytes += size);
  return static_cast<char*>(block) + kFront;
}

void* Allocate(size_t size) {
  void* memory = AllocateOrNull(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void Release(void* memory) {
  if (memory == nullptr) return;
  void* block = static_cast<char*>(memory) - kFront;
  live_bytes -= *static_cast<size_t*>(block);
  std::free(block);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return AllocateOrNull(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return AllocateOrNull(size); }
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete[](void* memory) noexcept { Release(memory); }
void operator delete(void* memory, size_t) noexcept { Release(memory); }
void operator delete[](void* memory, size_t) noexcept { Release(memory); }

namespace mdn {
namespace {

constexpr size_t kMaxAllocation = size_t{64} << 20;

class CheckpointRobustnessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& name : GoldenNames()) files_[name] = ReadFile(GoldenPath(name));
    ASSERT_GE(files_.size(), 19);
    options_ = WithNoiseType(NoiseType::kDiagonal);
    options_.allow_torchscript = true;
  }

  // Parses damaged bytes; they are refused, or make a whole checkpoint. Returns which.
  bool Parse(const std::string& name, std::string bytes) {
    peak_bytes = live_bytes.load();
    largest_bytes = 0;
    const size_t before = live_bytes;
    const absl::StatusOr<Checkpoint> parsed = ParseCheckpoint(std::move(bytes), name, options_);
    EXPECT_LE(largest_bytes, kMaxAllocation) << name;
    EXPECT_LE(peak_bytes - before, kMaxAllocation) << name;
    if (parsed.ok()) {
      EXPECT_EQ(parsed->tensors.size(), parsed->script.empty() ? 12 : 0) << name;
    } else {
      EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << parsed.status();
    }
    return parsed.ok();
  }

  std::map<std::string, std::string> files_;
  LoadOptions options_;
};

TEST_F(CheckpointRobustnessTest, NoTruncatedFileLoads) {
  constexpr size_t kStep = 64;
  for (const auto& [name, bytes] : files_) {
    for (size_t length = 0; length < bytes.size(); length += kStep) {
      EXPECT_FALSE(Parse(name, bytes.substr(0, length))) << name << " cut to " << length;
    }
  }
}

TEST_F(CheckpointRobustnessTest, FilesWithAFlippedByteAreRefusedOrWhole) {
  constexpr int kFlips = 10000;
  std::mt19937_64 random(20240229);
  int loaded = 0;
  for (int flip = 0; flip < kFlips; ++flip) {
    const auto& [name, bytes] = *std::next(files_.begin(), flip % files_.size());
    std::string damaged = bytes;
    damaged[random() % damaged.size()] ^= static_cast<char>(1 + random() % 255);
    if (Parse(name, std::move(damaged))) ++loaded;
  }
  // Padding and dates do not matter; the rest does.
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, kFlips);
}

TEST_F(CheckpointRobustnessTest, FilesWithManyFlippedBytesDoNoHarm) {
  constexpr int kFiles = 2000;
  std::mt19937_64 random(7);
  for (int file = 0; file < kFiles; ++file) {
    const auto& [name, bytes] = *std::next(files_.begin(), file % files_.size());
    std::string damaged = bytes;
    for (int flip = 0; flip < 8; ++flip) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    Parse(name, std::move(damaged));
  }
}

TEST_F(CheckpointRobustnessTest, FlippedBytesOfAPickleDoNoHarm) {
  // Where the checksum of a zip record does not stand in front.
  const std::string& legacy = files_.at("small_legacy_format.pt");
  constexpr size_t kPickles = 1893;
  std::mt19937_64 random(11);
  for (size_t position = 0; position < kPickles; ++position) {
    std::string damaged = legacy;
    damaged[position] ^= static_cast<char>(1 + random() % 255);
    Parse("small_legacy_format.pt", std::move(damaged));
  }
}

TEST_F(CheckpointRobustnessTest, DamagedSafetensorsDoNoHarm) {
  const std::string sound = SafetensorsOf(NetworkOf(2, 3, 2, 8), {{"noise_type", "diagonal"}});
  ASSERT_TRUE(Parse("sound", sound));
  std::mt19937_64 random(13);
  for (size_t position = 0; position < sound.size(); ++position) {
    std::string damaged = sound;
    damaged[position] ^= static_cast<char>(1 + random() % 255);
    Parse("damaged", std::move(damaged));
  }
}

}  // namespace
}  // namespace mdn
