#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mdn/client.h"
#include "model/train/data/examples.h"
#include "tests/model/checkpoint/checkpoint_files.h"
#include "tests/support/child_process.h"
#include "tests/support/statistics.h"

namespace mdn {
namespace {

constexpr int64_t kPoints = 50'000;
constexpr int64_t kRowsPerRequest = 10'000;
constexpr uint64_t kFreshSeed = 1'000'000;

/// A model trained by mdn_train on an example, served by mdn_server, asked by the client.
class TrainedModel {
 public:
  TrainedModel(const std::string& example, int seed, const std::vector<std::string>& flags)
      : server_(Train(example, seed, flags)),
        client_({{server_.address()}}),
        fresh_(FindExample(example)->draw(kPoints, kFreshSeed)) {}

  const Dataset& fresh() const { return fresh_; }

  /// log p(y|x) of the fresh points.
  std::vector<double> LogLikelihoods() const {
    std::vector<double> all;
    for (int64_t row = 0; row < kPoints; row += kRowsPerRequest) {
      LogLikelihoodRequest request;
      request.x = X(row);
      request.y = Y(row);
      const auto result = client_.LogLikelihood(request);
      EXPECT_TRUE(result.ok()) << result.status();
      const std::vector<float>& values = result->log_likelihood.values;
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

  /// F(y|x) of the fresh points, uniform on [0, 1] if the model is right. Of one dimension.
  std::vector<double> ProbabilityIntegralTransforms() const {
    std::vector<double> all;
    for (int64_t row = 0; row < kPoints; row += kRowsPerRequest) {
      PredictRequest request;
      request.x = X(row);
      const auto prediction = client_.Predict(request);
      EXPECT_TRUE(prediction.ok()) << prediction.status();
      const size_t components = prediction->log_pi.shape.back();
      for (int64_t i = 0; i < kRowsPerRequest; ++i) {
        double below = 0;
        for (size_t k = i * components; k < (i + 1) * components; ++k) {
          below += std::exp(prediction->log_pi.values[k]) *
                   NormalCdf((fresh_.y[row + i] - prediction->mu.values[k]) /
                             prediction->sigma.values[k]);
        }
        all.push_back(below);
      }
    }
    return all;
  }

 private:
  std::string Train(const std::string& example, int seed, const std::vector<std::string>& flags) {
    std::vector<std::string> command = {MDN_TRAIN_PROGRAM, "--example=" + example,
                                        absl::StrCat("--seed=", seed),
                                        "--output=" + directory_.Path("")};
    command.insert(command.end(), flags.begin(), flags.end());
    ChildProcess program(command);
    while (!program.ReadLine().empty()) continue;
    EXPECT_EQ(program.Wait(), 0) << program.errors();
    return directory_.Path("model.safetensors");
  }

  ArrayView X(int64_t row) const {
    return {{kRowsPerRequest, fresh_.dim_in()},
            absl::MakeConstSpan(fresh_.x).subspan(row * fresh_.dim_in(),
                                                  kRowsPerRequest * fresh_.dim_in())};
  }
  ArrayView Y(int64_t row) const {
    return {{kRowsPerRequest, fresh_.dim_out()},
            absl::MakeConstSpan(fresh_.y).subspan(row * fresh_.dim_out(),
                                                  kRowsPerRequest * fresh_.dim_out())};
  }

  const TemporaryDirectory directory_;
  const ServerProcess server_;
  const Client client_;
  const Dataset fresh_;
};

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// The share of points inside the central interval of the given probability.
double Coverage(const std::vector<double>& transforms, double probability) {
  const double tail = (1 - probability) / 2;
  const auto inside = std::count_if(transforms.begin(), transforms.end(),
                                    [tail](double u) { return u >= tail && u <= 1 - tail; });
  return static_cast<double>(inside) / static_cast<double>(transforms.size());
}

void CheckCalibration(const std::string& name, const TrainedModel& model) {
  const std::vector<double> transforms = model.ProbabilityIntegralTransforms();
  const double distance = KolmogorovSmirnovDistance(transforms, [](double u) { return u; });
  std::printf("%s: central 50 %% holds %.2f %%, 90 %% %.2f %%, 99 %% %.2f %%; ", name.c_str(),
              100 * Coverage(transforms, 0.5), 100 * Coverage(transforms, 0.9),
              100 * Coverage(transforms, 0.99));
  std::printf("PIT is %.4f from uniform (Kolmogorov-Smirnov)\n", distance);
  EXPECT_NEAR(Coverage(transforms, 0.5), 0.5, 0.03);
  EXPECT_NEAR(Coverage(transforms, 0.9), 0.9, 0.02);
  EXPECT_NEAR(Coverage(transforms, 0.99), 0.99, 0.01);
  EXPECT_LT(distance, 0.03);
}

/// The median over seeds of what a model lacks to the best expected log density.
double MedianGap(const std::string& name, const std::vector<std::string>& flags) {
  std::vector<double> gaps;
  for (int seed = 1; seed <= 3; ++seed) {
    const TrainedModel model(name, seed, flags);
    gaps.push_back(FindExample(name)->oracle_log_density - Mean(model.LogLikelihoods()));
    std::printf("%s, seed %d: %.4f nats below the best\n", name.c_str(), seed, gaps.back());
    if (model.fresh().dim_out() == 1 && seed == 1) CheckCalibration(name, model);
  }
  return Median(gaps);
}

TEST(AccuracyTest, Ex1d) {
  EXPECT_LE(MedianGap("ex_1d", {"--rows=20000", "--components=8", "--hidden=64", "--standardize",
                                "--batch_size=512", "--iterations=3000",
                                "--validation_fraction=0.1", "--max_gradient_norm=10"}),
            0.06);
}

TEST(AccuracyTest, BishopInverse) { EXPECT_LE(MedianGap("bishop_inverse", {}), 0.15); }

TEST(AccuracyTest, EconDensity) { EXPECT_LE(MedianGap("econ_density", {}), 0.01); }

// Diagonal components must tile a thin tilted ellipse, a full one lies along it.
TEST(AccuracyTest, FullCovarianceBeatsDiagonalWhereDimensionsCorrelate) {
  const double full = MedianGap("rotating_ellipses", {"--noise_type=full"});
  EXPECT_LE(full, 0.05);
  const TrainedModel diagonal("rotating_ellipses", 1, {"--noise_type=diagonal"});
  const double diagonal_gap = FindExample("rotating_ellipses")->oracle_log_density -
                              Mean(diagonal.LogLikelihoods());
  std::printf("rotating_ellipses, diagonal: %.4f nats below the best\n", diagonal_gap);
  EXPECT_GE(diagonal_gap, full + 0.5);
}

}  // namespace
}  // namespace mdn
