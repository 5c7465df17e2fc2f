#include "server/security/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoint/json_text.h"

namespace mdn {
namespace {

using nlohmann::json;

constexpr size_t kLeastTokenSize = 16;

std::array<uint8_t, 32> Digest(absl::string_view token) {
  std::array<uint8_t, 32> digest{};
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(), digest.data());
  return digest;
}

absl::StatusOr<std::array<uint8_t, 32>> ReadToken(const json& entry) {
  const auto found = entry.find("token");
  const std::string* const token =
      found == entry.end() ? nullptr : found->get_ptr<const std::string*>();
  if (token == nullptr || token->size() < kLeastTokenSize ||
      !std::all_of(token->begin(), token->end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat("token: expected at least ", kLeastTokenSize, " printable ASCII characters"));
  }
  return Digest(*token);
}

absl::StatusOr<std::vector<Role>> ReadRoles(const json& entry) {
  std::vector<Role> roles;
  const auto found = entry.find("roles");
  if (found != entry.end() && found->is_array()) {
    for (const json& role : *found) {
      if (role == "call") {
        roles.push_back(Role::kCall);
      } else if (role == "administer") {
        roles.push_back(Role::kAdminister);
      } else {
        roles.clear();
        break;
      }
    }
  }
  if (roles.empty()) {
    return absl::InvalidArgumentError("roles: expected a list of call, administer or both");
  }
  return roles;
}

absl::Status Unauthenticated() {
  return absl::UnauthenticatedError(
      "expected the metadata 'authorization: Bearer TOKEN' with a token of this server");
}

absl::Status Denied() {
  return absl::PermissionDeniedError("the method needs a token that has its role");
}

}  // namespace

absl::StatusOr<Tokens> Tokens::Read(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadCredentialFile(path);
  if (!text.ok()) return text.status();
  const absl::StatusOr<json> file = ParseJsonObject(
      *text, [](const std::string&) { return true; }, JsonComments::kIgnored);
  if (!file.ok()) {
    // What the parser says may quote the file.
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a JSON object of tokens"));
  }
  Tokens tokens;
  int position = 0;
  for (const json& entry : *file) {
    ++position;
    const absl::StatusOr<std::array<uint8_t, 32>> digest = ReadToken(entry);
    absl::StatusOr<std::vector<Role>> roles = ReadRoles(entry);
    for (const absl::Status& status : {digest.status(), roles.status()}) {
      if (status.ok()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": entry ", position, " by name: ", status.message()));
    }
    tokens.entries_.push_back({*digest, *std::move(roles)});
  }
  if (tokens.entries_.empty()) return absl::InvalidArgumentError(path + ": has no token");
  return tokens;
}

absl::Status Tokens::Check(absl::string_view token, Role role) const {
  const std::array<uint8_t, 32> digest = Digest(token);
  bool known = false;
  bool allowed = false;
  for (const Entry& entry : entries_) {
    const bool same = CRYPTO_memcmp(digest.data(), entry.digest.data(), digest.size()) == 0;
    known |= same;
    allowed |= same && std::count(entry.roles.begin(), entry.roles.end(), role) != 0;
  }
  if (!known) return Unauthenticated();
  return allowed ? absl::OkStatus() : Denied();
}

absl::Status Access::Check(absl::string_view authorization, Role role) const {
  if (is_open_to(role)) return absl::OkStatus();
  if (tokens_ == nullptr) return Denied();
  constexpr absl::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return Unauthenticated();
  return tokens_->current()->Check(authorization.substr(kScheme.size()), role);
}

}  // namespace mdn
