#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/model/engine/native/network_cases.h"
#include "tests/model/engine/native/row_bits.h"

namespace mdn {
namespace {

// Batches large enough to be worth a second thread, and not a whole number of blocks.
const std::vector<NetworkCase>& LargeBatches() {
  static const auto& cases = *new std::vector<NetworkCase>{
      CaseOf({3, 1, 3, 128}, NoiseType::kDiagonal, 1500, 1),
      CaseOf({2, 3, 5, 65}, NoiseType::kFull, 2001, 2),
      CaseOf({1, 4, 4, 17}, NoiseType::kIsotropic, 12'345, 3),
  };
  return cases;
}

void ExpectSameBits(const Mixture& mixture, const Mixture& expected, const std::string& what) {
  ASSERT_EQ(mixture.rows, expected.rows) << what;
  for (int64_t row = 0; row < mixture.rows; ++row) {
    ASSERT_TRUE(SameBits(mixture.Row(row), expected.Row(row))) << what << ", row " << row;
  }
}

TEST(EngineThreadsTest, AnyNumberOfThreadsGivesTheSameBits) {
  for (const NetworkCase& network : LargeBatches()) {
    const Mixture expected = Evaluate(*MakeNative(network.checkpoint), network.x);
    for (const int threads : {2, 8}) {
      const auto engine = MakeNative(network.checkpoint, threads);
      for (int repeat = 0; repeat < 2; ++repeat) {
        ExpectSameBits(Evaluate(*engine, network.x), expected, network.Name());
      }
    }
  }
}

TEST(EngineThreadsTest, ARowOfASplitBatchHasTheBitsThatItHasAlone) {
  const NetworkCase& network = LargeBatches().front();
  const int64_t features = network.checkpoint.config.dim_in;
  const auto engine = MakeNative(network.checkpoint, 8);
  const Mixture mixture = Evaluate(*engine, network.x);
  for (int64_t row = 0; row < network.rows; ++row) {
    const auto x = absl::MakeConstSpan(network.x).subspan(row * features, features);
    ASSERT_TRUE(SameBits(mixture.Row(row), Evaluate(*engine, x).Row(0))) << "row " << row;
  }
}

/// Evaluates the first rows of a case, ever more of them, into one mixture.
void EvaluatePrefixes(const Engine& engine, const NetworkCase& network, const Mixture& expected,
                      int64_t step) {
  Mixture mixture;
  for (int64_t rows = 1; rows <= network.rows; rows += step) {
    const auto x = absl::MakeConstSpan(network.x).first(rows * engine.dim_in());
    ASSERT_TRUE(engine.Evaluate(x, rows, mixture).ok());
    ASSERT_EQ(mixture.rows, rows);
    for (int64_t row = 0; row < rows; ++row) {
      ASSERT_TRUE(SameBits(mixture.Row(row), expected.Row(row))) << "row " << row << " of " << rows;
    }
  }
}

TEST(EngineThreadsTest, ManyThreadsShareAnEngine) {
  const NetworkCase& network = LargeBatches().front();
  const Mixture expected = Evaluate(*MakeNative(network.checkpoint), network.x);
  for (const int engine_threads : {1, 3}) {
    const auto engine = MakeNative(network.checkpoint, engine_threads);
    std::vector<std::thread> callers;
    for (const int64_t step : {211, 307, 401, 499}) {
      callers.emplace_back([&, step] { EvaluatePrefixes(*engine, network, expected, step); });
    }
    for (std::thread& caller : callers) caller.join();
  }
}

TEST(EngineThreadsTest, AThreadMayUseEnginesOfDifferentSizesInTurn) {
  std::vector<std::unique_ptr<Engine>> engines;
  std::vector<Mixture> expected;
  for (const NetworkCase& network : LargeBatches()) {
    engines.push_back(MakeNative(network.checkpoint, 2));
    expected.push_back(Evaluate(*engines.back(), network.x));
  }
  for (size_t i = engines.size(); i-- > 0;) {
    ExpectSameBits(Evaluate(*engines[i], LargeBatches()[i].x), expected[i],
                   LargeBatches()[i].Name());
  }
}

TEST(EngineThreadsTest, EachThreadHasEnoughRowsOfAnEfficientBatch) {
  const Checkpoint checkpoint = RandomCheckpoint({1, 1, 3, 8}, NoiseType::kDiagonal, 1);
  const int64_t of_one_thread = MakeNative(checkpoint, 1)->efficient_rows();
  EXPECT_GE(of_one_thread, 48);
  EXPECT_EQ(MakeNative(checkpoint, 3)->efficient_rows(), 3 * of_one_thread);
}

}  // namespace
}  // namespace mdn
