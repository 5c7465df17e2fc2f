#include "tests/support/double_network.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace mdn {
namespace {

constexpr double kEpsilon = 1e-6;

// [features, rows], so that the compiler vectorises over the rows.
using Columns = std::vector<double>;

Columns Input(const ModelConfig& config, absl::Span<const float> x, int64_t rows) {
  Columns input(x.size());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < config.dim_in; ++i) {
      double value = x[row * config.dim_in + i];
      if (!config.x_scale.empty()) value = (value - config.x_shift[i]) / config.x_scale[i];
      input[i * rows + row] = value;
    }
  }
  return input;
}

Columns Dense(const Checkpoint& checkpoint, const std::string& name, const Columns& input,
              int64_t rows) {
  const Tensor& weight = checkpoint.tensors.at(name + ".weight");
  const Tensor& bias = checkpoint.tensors.at(name + ".bias");
  const int64_t outputs = weight.shape[0];
  const int64_t inputs = weight.shape[1];
  Columns output(outputs * rows);
  for (int64_t o = 0; o < outputs; ++o) {
    double* const sums = &output[o * rows];
    std::fill_n(sums, rows, double{bias.values[o]});
    for (int64_t i = 0; i < inputs; ++i) {
      const double factor = weight.values[o * inputs + i];
      const double* const values = &input[i * rows];
      for (int64_t row = 0; row < rows; ++row) sums[row] += factor * values[row];
    }
  }
  return output;
}

Columns Relu(Columns values) {
  for (double& value : values) value = value < 0 ? 0 : value;
  return values;
}

Columns Perceptron(const Checkpoint& checkpoint, const std::string& name, const Columns& input,
                   int64_t rows) {
  const Columns first = Relu(Dense(checkpoint, name + ".0", input, rows));
  const Columns second = Relu(Dense(checkpoint, name + ".2", first, rows));
  return Dense(checkpoint, name + ".4", second, rows);
}

// One row of the mixture out of the network's outputs.
class RowWriter {
 public:
  RowWriter(const ModelConfig& config, const Columns& logits, const Columns& normal, int64_t rows,
            int64_t row)
      : config_(config), logits_(logits), normal_(normal), rows_(rows), row_(row) {}

  void AddTo(DoubleMixture& mixture) const {
    double sum = 0;
    double highest = Logit(0);
    for (int64_t k = 0; k < config_.n_components; ++k) highest = std::max(highest, Logit(k));
    for (int64_t k = 0; k < config_.n_components; ++k) sum += std::exp(Logit(k) - highest);
    for (int64_t k = 0; k < config_.n_components; ++k) {
      mixture.log_pi.push_back(Logit(k) - highest - std::log(sum));
      for (int64_t d = 0; d < config_.dim_out; ++d) AddDimension(k, d, mixture);
    }
  }

 private:
  void AddDimension(int64_t k, int64_t d, DoubleMixture& mixture) const {
    mixture.mu.push_back(Shift(d) + Scale(d) * Normal(k * config_.dim_out + d));
    mixture.log_scale.push_back(LogDiagonal(k, d) + std::log(Scale(d)));
    const double diagonal = Scale(d) * std::exp(LogDiagonal(k, d));
    double variance = diagonal * diagonal;
    for (int64_t j = 0; config_.noise_type == NoiseType::kFull && j < config_.dim_out; ++j) {
      const double left = j < d ? Scale(d) * Sigma(Triangle(k, d) + j) : 0;
      variance += left * left;
      mixture.scale_tril.push_back(j == d ? diagonal : left);
    }
    mixture.sigma.push_back(std::sqrt(variance));
  }

  double LogDiagonal(int64_t k, int64_t d) const {
    switch (config_.noise_type) {
      case NoiseType::kDiagonal:
        return Sigma(k * config_.dim_out + d) + kEpsilon;
      case NoiseType::kIsotropic:
        return Sigma(config_.isotropic_layout == IsotropicLayout::kPerComponent
                         ? k
                         : (k * config_.dim_out + d) % config_.n_components) +
               kEpsilon;
      case NoiseType::kIsotropicAcrossClusters:
        return Sigma(0) + kEpsilon;
      case NoiseType::kFixed:
        return std::log(config_.fixed_noise_level);
      case NoiseType::kFull:
        return Sigma(Triangle(k, d) + d) + kEpsilon;
    }
    return 0;
  }

  // Where row d of component k's lower triangle begins.
  int64_t Triangle(int64_t k, int64_t d) const {
    return k * config_.dim_out * (config_.dim_out + 1) / 2 + d * (d + 1) / 2;
  }
  double Logit(int64_t k) const { return logits_[k * rows_ + row_]; }
  double Normal(int64_t channel) const { return normal_[channel * rows_ + row_]; }
  double Sigma(int64_t channel) const {
    return Normal(config_.n_components * config_.dim_out + channel);
  }
  double Shift(int64_t d) const { return config_.y_shift.empty() ? 0 : config_.y_shift[d]; }
  double Scale(int64_t d) const { return config_.y_scale.empty() ? 1 : config_.y_scale[d]; }

  const ModelConfig& config_;
  const Columns& logits_;
  const Columns& normal_;
  const int64_t rows_, row_;
};

}  // namespace

DoubleMixture EvaluateInDouble(const Checkpoint& checkpoint, absl::Span<const float> x,
                               int64_t rows) {
  const Columns input = Input(checkpoint.config, x, rows);
  const Columns logits = Perceptron(checkpoint, "pi_network", input, rows);
  const Columns normal = Perceptron(checkpoint, "normal_network", input, rows);
  DoubleMixture mixture;
  for (int64_t row = 0; row < rows; ++row) {
    RowWriter(checkpoint.config, logits, normal, rows, row).AddTo(mixture);
  }
  return mixture;
}

}  // namespace mdn
