#ifndef MDN_CLIENT_TOOL_JSON_H_
#define MDN_CLIENT_TOOL_JSON_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace mdn::tool {

/// A JSON number with 9 significant digits; null for what JSON cannot write, which is infinite.
std::string JsonNumber(double value);

/// A JSON string. Bytes that are no ASCII pass as they are, so UTF-8 stays UTF-8.
std::string JsonString(absl::string_view text);

/// Nested JSON lists: `values` holds the product of `shape` numbers in row-major order.
std::string JsonArray(absl::Span<const double> values, absl::Span<const int64_t> shape);
std::string JsonArray(absl::Span<const float> values, absl::Span<const int64_t> shape);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_JSON_H_
