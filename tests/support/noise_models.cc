#include "tests/support/noise_models.h"

#include <cmath>
#include <random>
#include <utility>

namespace mdn {

std::vector<MixtureHead::Options> EveryNoiseModel(int64_t components, int64_t dims) {
  MixtureHead::Options options;
  options.components = components;
  options.dims = dims;
  options.fixed_noise_level = 0.3;
  std::vector<MixtureHead::Options> models;
  for (const NoiseType type :
       {NoiseType::kDiagonal, NoiseType::kIsotropic, NoiseType::kIsotropicAcrossClusters,
        NoiseType::kFixed, NoiseType::kFull}) {
    options.noise_type = type;
    models.push_back(options);
  }
  options.noise_type = NoiseType::kIsotropic;
  options.isotropic_layout = IsotropicLayout::kPerComponent;
  models.push_back(options);
  return models;
}

std::string NoiseModelName(const MixtureHead::Options& options) {
  std::string name(NoiseTypeName(options.noise_type));
  if (options.noise_type == NoiseType::kIsotropic) {
    name += "_" + std::string(IsotropicLayoutName(options.isotropic_layout));
  }
  return name;
}

std::vector<float> RandomNumbers(int64_t count, float range, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = range * ((generator() >> 8) * 0x1p-23f - 1);
  return numbers;
}

Mixture RandomMixture(const MixtureHead::Options& options, int64_t rows, uint32_t seed,
                      float range) {
  const MixtureHead head(options);
  Mixture mixture;
  head.Assemble(RandomNumbers(rows * options.components, range, seed),
                RandomNumbers(rows * head.normal_channels(), range, seed + 1), rows, mixture);
  return mixture;
}

Mixture DiagonalMixture(std::vector<float> log_pi, std::vector<float> mu,
                        std::vector<float> sigma) {
  Mixture mixture;
  const auto components = static_cast<int64_t>(log_pi.size());
  mixture.Resize({components, static_cast<int64_t>(mu.size()) / components, false}, 1);
  mixture.log_pi = std::move(log_pi);
  mixture.mu = std::move(mu);
  mixture.sigma = std::move(sigma);
  for (size_t i = 0; i < mixture.sigma.size(); ++i) {
    mixture.log_scale[i] = std::log(mixture.sigma[i]);
  }
  return mixture;
}

}  // namespace mdn
