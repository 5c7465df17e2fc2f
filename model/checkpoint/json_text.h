#ifndef MDN_MODEL_CHECKPOINT_JSON_TEXT_H_
#define MDN_MODEL_CHECKPOINT_JSON_TEXT_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace mdn {

/// Whether // and /* */ are taken, which JSON itself does not have.
enum class JsonComments { kRefused, kIgnored };

/// Parses JSON that is not trusted. Of an object at the top, only the keys that `keep` accepts are
/// built; the rest is checked for its syntax and dropped. INVALID_ARGUMENT: no JSON, a key twice in
/// one object, nested deeper than 16, or too many keys or values to keep.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text,
                                         const std::function<bool(const std::string& key)>& keep,
                                         JsonComments comments = JsonComments::kRefused);

/// The same of a text that must be an object.
absl::StatusOr<nlohmann::json> ParseJsonObject(
    absl::string_view text, const std::function<bool(const std::string& key)>& keep,
    JsonComments comments = JsonComments::kRefused);

/// A value, fit for a message.
std::string JsonExcerpt(const nlohmann::json& value);

}  // namespace mdn

#endif  // MDN_MODEL_CHECKPOINT_JSON_TEXT_H_
