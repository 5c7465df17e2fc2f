#include "model/checkpoint/json_text.h"

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/printable.h"

namespace mdn {
namespace {

using nlohmann::json;

// Follows the parser through a text: decides what it keeps, and notes what is wrong. The parser
// cannot be stopped, but once something is wrong nothing more is kept.
class Filter {
 public:
  explicit Filter(const std::function<bool(const std::string&)>& keep) : keep_(keep) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        return Enter(depth) && StartObject(depth);
      case json::parse_event_t::array_start:
        return Enter(depth);
      case json::parse_event_t::key:
        return TakeKey(depth, parsed.get_ref<const std::string&>());
      case json::parse_event_t::value:
        return TakeValue();
      default:
        return true;
    }
  }

  const std::string& error() const { return error_; }

 private:
  bool Enter(int depth) {
    constexpr int kMaxDepth = 16;
    if (depth >= kMaxDepth) Fail(absl::StrCat("is nested deeper than ", kMaxDepth));
    return error_.empty() && keeping_;
  }

  bool StartObject(int depth) {
    keys_.resize(depth + 1);
    keys_[depth].clear();
    return true;
  }

  bool TakeKey(int depth, const std::string& key) {
    constexpr size_t kMaxKeys = 65536;
    if (depth == 1) keeping_ = keep_(key);
    if (depth != 1 && !keeping_) return false;
    if (++key_count_ > kMaxKeys) Fail(absl::StrCat("has more than ", kMaxKeys, " keys"));
    if (!error_.empty()) return false;
    if (!keys_[depth - 1].insert(key).second) {
      Fail(absl::StrCat("has the key ", Printable(key), " twice"));
    }
    return keeping_ && error_.empty();
  }

  bool TakeValue() {
    constexpr size_t kMaxValues = size_t{1} << 20;
    if (!keeping_) return false;
    if (++value_count_ > kMaxValues) Fail(absl::StrCat("has more than ", kMaxValues, " values"));
    return error_.empty();
  }

  void Fail(std::string reason) {
    if (error_.empty()) error_ = std::move(reason);
  }

  const std::function<bool(const std::string&)>& keep_;
  bool keeping_ = true;
  size_t key_count_ = 0;
  size_t value_count_ = 0;
  // Of the objects around the current place, by their depth.
  std::vector<std::set<std::string>> keys_;
  std::string error_;
};

}  // namespace

absl::StatusOr<json> ParseJson(absl::string_view text,
                               const std::function<bool(const std::string& key)>& keep,
                               JsonComments comments) {
  // The parser takes a NUL for the end of the text.
  if (text.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("is no JSON: it has a NUL byte");
  }
  Filter filter(keep);
  json parsed;
  try {
    parsed = json::parse(
        text.begin(), text.end(),
        [&filter](int depth, json::parse_event_t event, const json& value) {
          return filter(depth, event, value);
        },
        /*allow_exceptions=*/true, /*ignore_comments=*/comments == JsonComments::kIgnored);
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("is no JSON: ", Printable(error.what())));
  }
  if (!filter.error().empty()) return absl::InvalidArgumentError(filter.error());
  return parsed;
}

absl::StatusOr<json> ParseJsonObject(absl::string_view text,
                                     const std::function<bool(const std::string& key)>& keep,
                                     JsonComments comments) {
  absl::StatusOr<json> parsed = ParseJson(text, keep, comments);
  if (parsed.ok() && !parsed->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is ", parsed->type_name(), ", expected a JSON object"));
  }
  return parsed;
}

std::string JsonExcerpt(const json& value) {
  if (value.is_array() || value.is_object()) {
    return absl::StrCat(value.type_name(), " of ", value.size());
  }
  return Printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace mdn
