#include "client/tool/json.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mdn::tool {
namespace {

template <typename Number>
void AppendArray(absl::Span<const Number> values, absl::Span<const int64_t> shape,
                 std::string* json) {
  if (shape.empty()) {
    absl::StrAppend(json, JsonNumber(values.front()));
    return;
  }
  const size_t stride = shape.front() == 0 ? 0 : values.size() / shape.front();
  json->push_back('[');
  for (int64_t i = 0; i < shape.front(); ++i) {
    if (i > 0) json->push_back(',');
    AppendArray(values.subspan(i * stride, stride), shape.subspan(1), json);
  }
  json->push_back(']');
}

}  // namespace

std::string JsonNumber(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.9g", value) : "null";
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
  return json;
}

std::string JsonArray(absl::Span<const double> values, absl::Span<const int64_t> shape) {
  std::string json;
  AppendArray(values, shape, &json);
  return json;
}

std::string JsonArray(absl::Span<const float> values, absl::Span<const int64_t> shape) {
  std::string json;
  AppendArray(values, shape, &json);
  return json;
}

}  // namespace mdn::tool
