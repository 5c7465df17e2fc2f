#ifndef MDN_MODEL_CHECKPOINT_STANDARD_NETWORK_H_
#define MDN_MODEL_CHECKPOINT_STANDARD_NETWORK_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// Where in a tensor's name, after any prefix, "pi_network." or "normal_network." begins.
std::optional<size_t> FindNetworkName(absl::string_view name);

/// The twelve tensors of the standard network, {pi_network,normal_network}.{0,2,4}.{weight,bias},
/// without the prefix that all of them may have. INVALID_ARGUMENT: one is missing, several
/// prefixes, or there are other tensors, named: serving a part of a bigger network would give
/// wrong answers.
absl::StatusOr<std::map<std::string, StoredTensor>> SelectStandardNetwork(
    const std::map<std::string, StoredTensor>& tensors);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_STANDARD_NETWORK_H_
