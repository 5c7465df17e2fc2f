#ifndef MDN_MODEL_CHECKPOINT_PRINTABLE_H_
#define MDN_MODEL_CHECKPOINT_PRINTABLE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace mdn {

/// Text from a file, fit for a message: one line of ASCII, cut after 120 bytes. Other bytes are
/// written \x0a.
std::string Printable(absl::string_view text);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_PRINTABLE_H_
