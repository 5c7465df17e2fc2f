#include "model/checkpoint/printable.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace mdn {

std::string Printable(absl::string_view text) {
  constexpr size_t kMaxBytes = 120;
  if (text.size() <= kMaxBytes) return absl::CHexEscape(text);
  return absl::StrCat(absl::CHexEscape(text.substr(0, kMaxBytes)), "...");
}

}  // namespace mdn
