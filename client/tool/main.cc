#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/credentials.h"
#include "client/tool/address.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"

namespace mdn::tool {
namespace {

using Arguments = std::vector<std::string>;

constexpr auto kCommands = {AddInfo, AddPredict, AddSample, AddLogLikelihood,
                            AddPlot, AddBench,   AddHealth};

absl::Duration ParseTimeout(const std::string& text) {
  absl::Duration timeout;
  if (absl::ParseDuration(text, &timeout) && timeout > absl::ZeroDuration()) return timeout;
  throw CLI::ValidationError("--timeout",
                             absl::StrCat("\"", text, "\" is no duration such as 500ms or 10s"));
}

Format ParseFormat(const std::string& text) {
  if (text == "csv") return Format::kCsv;
  return text == "json" ? Format::kJson : Format::kTable;
}

void AddGlobalFlags(CLI::App& tool, GlobalFlags* flags) {
  tool.add_option("--server", flags->servers,
                  "Servers, separated by commas: HOST:PORT, [IPV6]:PORT, unix:PATH or "
                  "dns:///HOST:PORT; no other targets of gRPC")
      ->envname("MDN_CLIENT_SERVER")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("ADDRESS")
      ->capture_default_str();
  tool.add_option("--model", flags->model.name, "Default: the server's only or default model")
      ->type_name("NAME");
  tool.add_option("--model_label", flags->model.label,
                  "The version that has this label; instead of --model_version")
      ->type_name("LABEL");
  tool.add_option("--model_version", flags->model.version, "Default: the newest that is ready")
      ->type_name("N");
  tool.add_option_function<std::string>(
          "--timeout", [flags](const std::string& text) { flags->timeout = ParseTimeout(text); },
          "For one request, such as 500ms (default 10s)")
      ->type_name("DURATION");
  tool.add_option_function<std::string>(
          "--format", [flags](const std::string& text) { flags->format = ParseFormat(text); },
          "json: an object in each line (default table)")
      ->check(CLI::IsMember(std::vector<std::string>{"table", "csv", "json"}))
      ->type_name("FORMAT");
}

/// A flag that the environment may set too: --tls_ca by MDN_CLIENT_TLS_CA.
void AddSecurityFlags(CLI::App& tool, SecurityOptions* security) {
  const auto add = [&tool](const std::string& name, std::string* value, const char* type,
                           const std::string& help) {
    tool.add_option("--" + name, *value, help)
        ->envname("MDN_CLIENT_" + absl::AsciiStrToUpper(name))
        ->type_name(type);
  };
  tool.add_flag("--tls", security->tls, "TLS, which the flags below imply")
      ->envname("MDN_CLIENT_TLS");
  add("tls_ca", &security->ca_file, "FILE",
      "The authorities that servers' certificates may come from (default: the system's)");
  add("tls_cert", &security->certificate_file, "FILE", "This client's certificate");
  add("tls_key", &security->key_file, "FILE", "The key of --tls_cert");
  add("tls_server_name", &security->server_name, "NAME",
      "The name in the server's certificate, where that is not its address's");
  add("token_file", &security->token_file, "FILE",
      "A file with nothing but a token to bear; without TLS the network can read it");
}

void Describe(CLI::App& tool) {
  tool.description("Calls MDN Server, which serves mixture density networks.");
  tool.footer(
      "Flags may stand before the command or after it, with _ or - between words. The environment\n"
      "may set --server and those of security: MDN_CLIENT_SERVER, MDN_CLIENT_TLS_CA and so on.\n"
      "\n"
      "Exit status: 0 success, 64 wrong usage or files of security that cannot be used, 65 bad\n"
      "data, 69 server unavailable, 1 any other failure.\n"
      "\n"
      "Examples:\n"
      "  mdn_client info\n"
      "  mdn_client predict --x='0.5;1.5' --format=json\n"
      "  mdn_client sample --server=a:50051,b:50051 --input=rows.csv --num_samples=10 --seed=1");
  tool.set_help_flag("-h,--help", "This help; after a command, the command's");
  tool.set_version_flag("--version", "mdn_client " MDN_VERSION, "The version of this tool");
  // None is an error as well, but reported only after words that are no commands.
  tool.require_subcommand(0, 1);
  tool.fallthrough();
}

/// --model-version becomes --model_version, as flags are declared.
std::string WithUnderscores(std::string argument) {
  if (argument.compare(0, 2, "--") != 0) return argument;
  const auto end = argument.begin() + std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + 2, end, '-', '_');
  return argument;
}

/// Always one line.
int Report(absl::string_view message, int exit_code) {
  const std::string line = absl::StrReplaceAll(message, {{"\n", " "}});
  std::fprintf(stderr, "mdn_client: %s\n", line.c_str());
  return exit_code;
}

int Report(const absl::Status& status, int exit_code) {
  return Report(absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message()),
                exit_code);
}

/// INVALID_ARGUMENT unless all are addresses. CLI11 would check the environment's as one, and pass
/// over what it finds wrong there.
absl::Status CheckServers(const std::vector<std::string>& servers) {
  for (const std::string& server : servers) {
    const absl::Status status = CheckAddress(server);
    if (status.ok()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--server or MDN_CLIENT_SERVER: ", status.message()));
  }
  return absl::OkStatus();
}

int RunCommand(const Command& command, const GlobalFlags& flags) {
  // Here, since a command cannot tell these files' errors from those of its data.
  const absl::Status usable = client_internal::Credentials::Load(flags.security).status();
  if (!usable.ok()) return Report(usable, kExitUsage);
  ClientOptions options;
  options.servers = flags.servers;
  options.timeout = flags.timeout;
  options.security = flags.security;
  const Client client(options);
  Output output(stdout);
  const absl::Status status = command.run(
      {client, flags.model, flags.format, output, flags.servers, flags.timeout, flags.security});
  const absl::Status written = output.Flush();
  if (!status.ok()) return Report(status, command.exit_code(status));
  return written.ok() ? 0 : Report(written, kExitFailure);
}

/// Empty, or the flag of `--flag=`, for whose value CLI11 would take the next argument.
std::string FlagWithoutValue(const Arguments& arguments) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (absl::StartsWith(argument, "--") && equals + 1 == argument.size()) {
      return argument.substr(0, equals);
    }
  }
  return "";
}

int Run(Arguments arguments) {
  if (const std::string flag = FlagWithoutValue(arguments); !flag.empty()) {
    return Report(
        absl::StrCat(flag, ": got nothing after '='; expected a value, or leave the flag away"),
        kExitUsage);
  }
  CLI::App tool("", "mdn_client");
  GlobalFlags flags;
  Describe(tool);
  AddGlobalFlags(tool, &flags);
  AddSecurityFlags(tool, &flags.security);
  std::vector<Command> commands;
  for (const auto add : kCommands) commands.push_back(add(tool));
  // CLI11 takes them from the back.
  std::reverse(arguments.begin(), arguments.end());
  try {
    tool.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    // Help and version come as errors too.
    return error.get_exit_code() == 0 ? tool.exit(error) : Report(error.what(), kExitUsage);
  }
  const auto chosen = std::find_if(commands.begin(), commands.end(), [&](const Command& command) {
    return tool.got_subcommand(command.app);
  });
  if (chosen == commands.end()) return Report("a command is required, see --help", kExitUsage);
  const absl::Status servers = CheckServers(flags.servers);
  return servers.ok() ? RunCommand(*chosen, flags) : Report(servers.message(), kExitUsage);
}

}  // namespace
}  // namespace mdn::tool

// Only a lack of memory throws here, and may end the tool.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  // A reader that has seen enough, as in `| head`, ends the tool in silence.
  std::signal(SIGPIPE, SIG_DFL);
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) arguments.push_back(mdn::tool::WithUnderscores(argv[i]));
  return mdn::tool::Run(std::move(arguments));
}
