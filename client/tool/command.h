#ifndef MDN_CLIENT_TOOL_COMMAND_H_
#define MDN_CLIENT_TOOL_COMMAND_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/tool/output.h"
#include "mdn/client.h"

namespace CLI {
class App;
}

namespace mdn::tool {

/// The flags that every command takes, before its name or after it.
struct GlobalFlags {
  std::vector<std::string> servers = ClientOptions().servers;
  ModelId model;
  absl::Duration timeout = ClientOptions().timeout;
  SecurityOptions security;
  Format format = Format::kTable;
};

/// What a command runs with.
struct Session {
  const Client& client;
  ModelId model;
  Format format;
  Output& output;
  const std::vector<std::string>& servers;
  absl::Duration timeout;
  const SecurityOptions& security;
};

/// One command of the tool.
struct Command {
  CLI::App* app = nullptr;
  /// What went wrong, if anything, is printed by the caller.
  std::function<absl::Status(const Session&)> run;
  /// What the process exits with if `run` fails.
  std::function<int(const absl::Status&)> exit_code;
};

/// Each declares its command, with flags and help, to the tool's command line.
Command AddInfo(CLI::App& tool);
Command AddPredict(CLI::App& tool);
Command AddSample(CLI::App& tool);
Command AddLogLikelihood(CLI::App& tool);
Command AddPlot(CLI::App& tool);
Command AddBench(CLI::App& tool);
Command AddHealth(CLI::App& tool);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_COMMAND_H_
