#ifndef MDN_SERVER_REPOSITORY_GOLDEN_ROWS_H_
#define MDN_SERVER_REPOSITORY_GOLDEN_ROWS_H_

#include <string>

#include "absl/status/status.h"
#include "model/engine/engine.h"

namespace mdn {

/// Tries an engine on rows whose answers are known. `json` is an object of nested lists of numbers:
///   "x"               [rows, I], 1 to 4096 rows
///   "log_pi"          [rows, K]
///   "mu", "sigma"     [rows, K, D]
///   "y"               [rows, D], with "log_likelihood"
///   "log_likelihood"  [rows]
///   "tolerance"       default 1e-4: |got - expected| may be at most tolerance * (1 + |expected|)
/// At least one of log_pi, mu, sigma and log_likelihood; all in the units of the data.
/// INVALID_ARGUMENT: the text does not fit, or an answer is not the expected one; the message names
/// the field, the place, what came and what was expected.
absl::Status CheckGoldenRows(const std::string& json, const Engine& engine);

}  // namespace mdn

#endif  // MDN_SERVER_REPOSITORY_GOLDEN_ROWS_H_
