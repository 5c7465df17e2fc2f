#ifndef MDN_MODEL_CHECKPOINT_STATE_DICT_H_
#define MDN_MODEL_CHECKPOINT_STATE_DICT_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "model/checkpoint/model_config.h"
#include "model/checkpoint/pickle.h"
#include "model/checkpoint/stored_tensor.h"

namespace mdn {

/// The tensors of a network by the names that its state_dict() gives them.
struct StateDict {
  std::map<std::string, StoredTensor> tensors;
  /// Out of the attributes of a pickled module.
  ConfigHints hints;
};

/// Finds the one state dict with tensors of pi_network or normal_network: the pickle's root, or in
/// the dicts, lists and tuples below it; a pickled module counts as one. Of several, one under
/// "state_dict", "model_state_dict" or "model" is taken, in this order. INVALID_ARGUMENT: none, or
/// several; lists what there is.
absl::StatusOr<StateDict> FindStateDict(const Pickle& pickle);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_STATE_DICT_H_
