#include "model/checkpoint/printable.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace mdn {

std::string Printable(absl::string_view text) {
  constexpr size_t kMaxBytes = 120;
  std::string printable;
  for (const char byte : text.substr(0, kMaxBytes)) {
    if (byte >= ' ' && byte <= '~') {
      printable += byte;
    } else {
      absl::StrAppend(&printable, "\\x", absl::Hex(static_cast<uint8_t>(byte), absl::kZeroPad2));
    }
  }
  if (text.size() > kMaxBytes) printable += "...";
  return printable;
}

}  // namespace mdn
