#ifndef MDN_SERVER_SECURITY_ACCESS_H_
#define MDN_SERVER_SECURITY_ACCESS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/security/credential_file.h"

namespace mdn {

/// What the bearer of a token may do.
enum class Role : uint8_t {
  /// Everything that asks models, or about them.
  kCall,
  /// What changes the models that are served.
  kAdminister,
};

/// The tokens of a file: a JSON object, with comments, that has
///   "NAME": {"token": "at least 16 printable characters", "roles": ["call", "administer"]}
/// for each. The tokens themselves are not kept, only their SHA-256.
class Tokens {
 public:
  /// NOT_FOUND, PERMISSION_DENIED: the file cannot be read. INVALID_ARGUMENT: it is none of tokens,
  /// or has none; names the file and the place of the entry among the sorted names, never a token,
  /// nor a name, which may be one by mistake.
  static absl::StatusOr<Tokens> Read(const std::string& path);

  /// UNAUTHENTICATED where no entry has the token; PERMISSION_DENIED where none that has it has the
  /// role. Takes as long for every token of a length.
  absl::Status Check(absl::string_view token, Role role) const;

  bool operator==(const Tokens& other) const { return entries_ == other.entries_; }

 private:
  struct Entry {
    std::array<uint8_t, 32> digest;
    std::vector<Role> roles;
    bool operator==(const Entry& other) const {
      return digest == other.digest && roles == other.roles;
    }
  };
  std::vector<Entry> entries_;
};

/// Who may call what. Thread-safe.
class Access {
 public:
  /// Whoever reaches the server may call, and nobody administer.
  Access() = default;
  /// Only who bears one of the tokens.
  explicit Access(std::shared_ptr<const Reloaded<Tokens>> tokens) : tokens_(std::move(tokens)) {}

  /// Whether the metadata says nothing of interest.
  bool is_open_to(Role role) const { return tokens_ == nullptr && role == Role::kCall; }
  /// `authorization` is the metadata's value, or empty. UNAUTHENTICATED or PERMISSION_DENIED; the
  /// messages are the same for all reasons.
  absl::Status Check(absl::string_view authorization, Role role) const;
  /// Another one than before: what Check said may not hold any more.
  uint64_t revision() const { return tokens_ == nullptr ? 0 : tokens_->revision(); }

 private:
  std::shared_ptr<const Reloaded<Tokens>> tokens_;
};

}  // namespace mdn

#endif  // MDN_SERVER_SECURITY_ACCESS_H_
