#ifndef MDN_SERVER_COMMAND_LINE_H_
#define MDN_SERVER_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mdn {

/// Sets absl flags from `--name=value`, `--name value`, `--switch` and `--noswitch`; a flag that
/// holds a list may be repeated. Unlike absl::ParseCommandLine it reports errors instead of ending
/// the process: INVALID_ARGUMENT names the flag, and the nearest one where there is no such flag.
/// To be called before the other sources of settings are read, see settings.h. Returns the
/// arguments that are no flags, the program's name not among them.
absl::StatusOr<std::vector<std::string>> ParseFlags(const std::vector<std::string>& arguments);

/// Names, defaults and help of the flags that the source file `file_name` defines.
std::string FlagsHelp(const std::string& file_name);

}  // namespace mdn

#endif  // MDN_SERVER_COMMAND_LINE_H_
