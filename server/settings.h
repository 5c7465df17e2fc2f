#ifndef MDN_SERVER_SETTINGS_H_
#define MDN_SERVER_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mdn {

// The program's settings are the absl flags that one source file defines. Each has its value from
// the first of these that names it:
//   the command line  --max_batch_rows=64
//   the environment   MDN_MAX_BATCH_ROWS=64
//   the file          "max_batch_rows": 64
//   its default
// Who set a flag is, as the flags are, the process's; before threads start. Confined to the main
// thread.

/// Sets the flag, unless somebody did before; `name` is what messages call it by, as the operator
/// wrote it. INVALID_ARGUMENT: the value does not fit the flag's type.
absl::Status SetOnce(absl::CommandLineFlag& flag, const std::string& value, std::string name);

/// Forgets who set the flags.
void ForgetSettingNames();

/// What the operator called the flag, such as MDN_THREADS or "threads in /etc/mdn.json"; --threads
/// where nobody set it.
std::string SettingName(absl::string_view flag);

/// Sets the flags of `source` from variables, NAME=value each, whose name begins with MDN_. Those
/// that begin with MDN_CLIENT_ are the client's, and Kubernetes makes MDN_..._SERVICE_HOST and the
/// like of a service whose name begins with mdn. INVALID_ARGUMENT: there is no flag for another
/// one; names the nearest.
absl::Status SetFromEnvironment(const std::vector<std::string>& environment,
                                const std::string& source);

/// Sets the flags of `source` from a file: a JSON object, with comments, whose keys are the flags'
/// names, and whose values are strings, numbers, true, false or lists of strings.
/// INVALID_ARGUMENT: it cannot be read, or has a key that is no flag; names the nearest.
absl::Status SetFromFile(const std::string& path, const std::string& source);

/// The values of the flags of `source`, and in comments who set them: a file for SetFromFile.
std::string SettingsFile(const std::string& source);

/// The same in one line, for the log: first what was set, then the defaults.
std::string SettingsLine(const std::string& source);

/// How a message about an unknown name ends: with the candidate that resembles it most, or with
/// where to find them all.
std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace mdn

#endif  // MDN_SERVER_SETTINGS_H_
