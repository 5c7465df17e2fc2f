#ifndef MDN_TESTS_SUPPORT_GOLDEN_H_
#define MDN_TESTS_SUPPORT_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mdn {

/// What the reference implementation, in PyTorch, computed for one checkpoint in tests/data.
/// Arrays are row-major; K = n_components, D = dim_out.
struct GoldenCase {
  struct Numbers {
    std::vector<double> log_pi;  // [rows, K]
    std::vector<double> mu;      // [rows, K, D]
    std::vector<double> sigma;   // [rows, K, D]
    /// The reference's negative log likelihood, which leaves out the constant:
    /// log p(y|x) = -loss - (D/2) log 2 pi. [rows]
    std::vector<double> loss;
  };

  std::string name;
  /// The checkpoint's file name within tests/data.
  std::string checkpoint;
  /// As ParseNoiseType reads it.
  std::string noise_type;
  /// 0 unless noise_type is "fixed".
  double fixed_noise_level = 0;
  int64_t dim_in = 0;
  int64_t dim_out = 0;
  int64_t n_components = 0;
  int64_t hidden_dim = 0;
  int64_t rows = 0;
  std::vector<float> x;  // [rows, dim_in]
  std::vector<float> y;  // [rows, D]
  /// Computed in float32 and in float64, from the same weights.
  Numbers float32;
  Numbers float64;
};

/// Reads tests/data/<name>.json, "small_diagonal" for one. A file that is missing or malformed
/// throws, which fails the test.
GoldenCase ReadGolden(const std::string& name);

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_GOLDEN_H_
