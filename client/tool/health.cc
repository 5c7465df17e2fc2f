#include <CLI/App.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"
#include "client/tool/json.h"

namespace mdn::tool {
namespace {

std::string ToString(ServingStatus status) {
  switch (status) {
    case ServingStatus::kServing:
      return "SERVING";
    case ServingStatus::kNotServing:
      return "NOT_SERVING";
    case ServingStatus::kUnknown:
      break;
  }
  return "UNKNOWN";
}

void Print(const std::string& service, const std::string& status, const Session& session) {
  if (session.format == Format::kJson) {
    session.output.Write(absl::StrCat("{\"service\":", JsonString(service),
                                      ",\"status\":", JsonString(status), "}\n"));
  } else if (session.format == Format::kCsv) {
    RecordWriter records(session.format, {{"service"}, {"status"}}, session.output);
    records.Write({service, status});
  } else {
    session.output.Write(absl::StrCat(status, "\n"));
  }
}

absl::Status Health(const std::string& service, const Session& session) {
  const absl::StatusOr<ServingStatus> serving = session.client.Health(service);
  if (!serving.ok()) return serving.status();
  const std::string status = ToString(*serving);
  Print(service, status, session);
  if (*serving == ServingStatus::kServing) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the server is ", status));
}

}  // namespace

Command AddHealth(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("health", "Whether the server takes calls");
  auto service = std::make_shared<std::string>();
  command
      ->add_option("--service", *service,
                   "A gRPC service, such as mdn.v1.MdnService, instead of the whole server")
      ->type_name("NAME");
  command->footer(
      "Exits with 0 if the answer is SERVING, else with 1.\n"
      "\n"
      "Example:\n"
      "  mdn_client health --server=unix:/run/mdn.sock --timeout=1s");
  return {command, [service](const Session& session) { return Health(*service, session); },
          [](const absl::Status&) { return kExitFailure; }};
}

}  // namespace mdn::tool
