#include "client/tool/seed.h"

#include <CLI/Error.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mdn::tool {

// CLI11 would take -1, as a large number.
uint64_t ParseSeed(const std::string& text) {
  uint64_t seed = 0;
  if (absl::SimpleAtoi(text, &seed)) return seed;
  throw CLI::ValidationError("--seed", absl::StrCat("\"", text, "\" is not 0 to 2^64 - 1"));
}

}  // namespace mdn::tool
