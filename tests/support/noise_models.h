#ifndef MDN_TESTS_SUPPORT_NOISE_MODELS_H_
#define MDN_TESTS_SUPPORT_NOISE_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/mixture/mixture.h"
#include "model/mixture/noise_model.h"

namespace mdn {

/// Every noise model, the isotropic one in both layouts; the fixed level is 0.3.
std::vector<MixtureHead::Options> EveryNoiseModel(int64_t components, int64_t dims);

/// "isotropic_tiled": a name for a parametrised test.
std::string NoiseModelName(const MixtureHead::Options& options);

/// Numbers spread evenly over [-range, range): the same ones for the same seed, everywhere.
std::vector<float> RandomNumbers(int64_t count, float range, uint32_t seed);

/// The mixture of raw outputs spread evenly over [-range, range).
Mixture RandomMixture(const MixtureHead::Options& options, int64_t rows, uint32_t seed,
                      float range = 1);

/// One row with a diagonal covariance; log_scale is log(sigma). log_pi [K], mu and sigma [K, D].
Mixture DiagonalMixture(std::vector<float> log_pi, std::vector<float> mu, std::vector<float> sigma);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_NOISE_MODELS_H_
