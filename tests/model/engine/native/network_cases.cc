#include "tests/model/engine/native/network_cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/engine/native/native_engine.h"
#include "tests/support/noise_models.h"

namespace mdn {
namespace {

class CaseDraw {
 public:
  explicit CaseDraw(uint64_t seed) : random_(seed) {}

  // In [0, 1).
  double Unit() { return (random_() >> 11) * 0x1p-53; }
  int64_t Whole(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(Unit() * static_cast<double>(to - from + 1));
  }
  double Logarithmic(double from, double to) { return from * std::pow(to / from, Unit()); }
  // Of float32, so that no evaluation has to round them.
  std::vector<double> Numbers(int64_t count, double from, double to) {
    std::vector<double> numbers(count);
    for (double& number : numbers) number = static_cast<float>(from + Unit() * (to - from));
    return numbers;
  }

 private:
  std::mt19937_64 random_;
};

void Amplify(Tensor& tensor, double factor) {
  for (float& value : tensor.values) value = static_cast<float>(value * factor);
}

}  // namespace

std::string NetworkCase::Name() const {
  const ModelConfig& config = checkpoint.config;
  return absl::StrCat("dim_in ", config.dim_in, ", D ", config.dim_out, ", K ", config.n_components,
                      ", H ", config.hidden_dim, ", ", NoiseModelName(HeadOptions(config)),
                      config.x_scale.empty() ? "" : ", standardised");
}

NetworkCase CaseOf(const NetworkSize& size, NoiseType noise_type, int64_t rows, uint64_t seed) {
  return {RandomCheckpoint(size, noise_type, seed), rows,
          RandomNumbers(rows * size.dim_in, 2, static_cast<uint32_t>(seed + 1))};
}

NetworkCase DrawNetworkCase(uint64_t seed, int64_t rows, int64_t most_hidden) {
  CaseDraw draw(seed);
  NetworkSize size;
  size.dim_in = draw.Whole(1, 64);
  size.dim_out = draw.Whole(1, 32);
  size.n_components = draw.Whole(1, 64);
  size.hidden_dim =
      std::lround(std::floor(draw.Logarithmic(1, static_cast<double>(most_hidden + 1))));
  const auto models = EveryNoiseModel(size.n_components, size.dim_out);
  const MixtureHead::Options& model = models[draw.Whole(0, 5)];
  NetworkCase network = CaseOf(size, model.noise_type, rows, seed);
  ModelConfig& config = network.checkpoint.config;
  config.isotropic_layout = model.isotropic_layout;
  const double factor = draw.Logarithmic(1, 10);
  for (const char* layer : {"pi_network.4.", "normal_network.4."}) {
    Amplify(network.checkpoint.tensors.at(absl::StrCat(layer, "weight")), factor);
    Amplify(network.checkpoint.tensors.at(absl::StrCat(layer, "bias")), factor);
  }
  if (draw.Unit() < 0.5) return network;
  config.x_shift = draw.Numbers(size.dim_in, -5, 5);
  config.x_scale = draw.Numbers(size.dim_in, 0.1, 10);
  config.y_shift = draw.Numbers(size.dim_out, -5, 5);
  config.y_scale = draw.Numbers(size.dim_out, 0.1, 10);
  for (int64_t i = 0; i < rows * size.dim_in; ++i) {
    float& x = network.x[i];
    x = static_cast<float>(config.x_shift[i % size.dim_in] + config.x_scale[i % size.dim_in] * x);
  }
  return network;
}

std::unique_ptr<Engine> MakeNative(const Checkpoint& checkpoint, int threads) {
  auto engine = MakeNativeEngine(checkpoint, {threads});
  EXPECT_TRUE(engine.ok()) << engine.status();
  return *std::move(engine);
}

Mixture Evaluate(const Engine& engine, absl::Span<const float> x) {
  Mixture mixture;
  const absl::Status status =
      engine.Evaluate(x, static_cast<int64_t>(x.size()) / engine.dim_in(), mixture);
  EXPECT_TRUE(status.ok()) << status;
  return mixture;
}

namespace {

class ErrorSum {
 public:
  void Add(double number, double exact, double scale) {
    const double error = number == exact ? 0 : std::abs(number - exact) / scale;
    // std::max would drop a NaN.
    EXPECT_FALSE(std::isnan(error)) << number << " for " << exact;
    largest_ = std::max(largest_, error);
    squares_ += error * error;
    ++count_;
  }
  Error Get() const { return {largest_, std::sqrt(squares_ / static_cast<double>(count_))}; }

 private:
  double largest_ = 0;
  double squares_ = 0;
  int64_t count_ = 0;
};

double Largest(absl::Span<const double> numbers) {
  double largest = 0;
  for (const double number : numbers) largest = std::max(largest, std::abs(number));
  return largest;
}

Error OfLargest(absl::Span<const float> numbers, const std::vector<double>& exact) {
  EXPECT_EQ(numbers.size(), exact.size());
  const double scale = Largest(exact);
  ErrorSum error;
  for (size_t i = 0; i < exact.size(); ++i) error.Add(numbers[i], exact[i], scale);
  return error.Get();
}

Error OfSigma(absl::Span<const float> sigma, const std::vector<double>& exact,
              const MixtureShape& shape) {
  EXPECT_EQ(sigma.size(), exact.size());
  ErrorSum error;
  for (size_t i = 0; i < exact.size(); ++i) {
    const auto component =
        absl::MakeConstSpan(exact).subspan(i / shape.dims * shape.dims, shape.dims);
    error.Add(sigma[i], exact[i], shape.full_covariance ? Largest(component) : exact[i]);
  }
  return error.Get();
}

}  // namespace

Errors ErrorsOf(absl::Span<const float> log_pi, absl::Span<const float> mu,
                absl::Span<const float> sigma, const DoubleMixture& exact,
                const MixtureShape& shape) {
  return {OfLargest(log_pi, exact.log_pi), OfLargest(mu, exact.mu),
          OfSigma(sigma, exact.sigma, shape)};
}

}  // namespace mdn
