#ifndef MDN_TESTS_CLIENT_TOOL_RUNNER_H_
#define MDN_TESTS_CLIENT_TOOL_RUNNER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mdn {

/// What a program did.
struct ToolResult {
  /// -1 if a signal ended it.
  int exit_code = -1;
  std::string out;
  std::string err;
};

/// Runs mdn_client with the arguments, `input` as its standard input, until it ends.
ToolResult RunTool(const std::vector<std::string>& arguments, absl::string_view input = "");

/// Runs a shell command, in which $TOOL is mdn_client.
ToolResult RunShell(const std::string& command);

/// A path in this program's own directory, which goes when it ends.
std::string TestPath(absl::string_view name);
/// Writes the file; returns its path.
std::string WriteTestFile(absl::string_view name, absl::string_view content);

}  // namespace mdn

#endif  // MDN_TESTS_CLIENT_TOOL_RUNNER_H_
