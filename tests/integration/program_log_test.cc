#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Metadata = std::map<std::string, std::string>;

/// A Predict of x = 1234.5, or of nothing; returns the trailing metadata.
Metadata Call(const ServerProcess& server, const Metadata& metadata, bool valid = true) {
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(server.address()));
  v1::PredictRequest request;
  v1::PredictResponse response;
  request.mutable_x()->add_shape(1);
  if (valid) request.mutable_x()->add_values(1234.5f);
  grpc::ClientContext context;
  for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
  EXPECT_EQ(stub->Predict(&context, request, &response).ok(), valid);
  Metadata trailing;
  for (const auto& [name, value] : context.GetServerTrailingMetadata()) {
    trailing.emplace(std::string(name.data(), name.size()),
                     std::string(value.data(), value.size()));
  }
  return trailing;
}

/// Ends the server; the lines of its log that are of calls.
std::vector<nlohmann::json> CallLines(ServerProcess& server) {
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
  std::istringstream lines(server.errors());
  std::vector<nlohmann::json> calls;
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json parsed = nlohmann::json::parse(line);
    if (parsed.contains("method")) calls.push_back(std::move(parsed));
  }
  return calls;
}

TEST(ProgramLogTest, ACallHasItsLineWithTheIdsOfItsCaller) {
  ServerProcess server("ex_1d.pt", {"--log_format=json", "--access_log=all"});
  const Metadata told =
      Call(server, {{"x-request-id", "order-7"},
                    {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  EXPECT_EQ(told.at("x-request-id"), "order-7");
  const std::string made = Call(server, {{"x-request-id", "no id"}}).at("x-request-id");
  EXPECT_EQ(made.size(), 32u);
  const auto lines = CallLines(server);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["service"], "mdn.v1.MdnService");
  EXPECT_EQ(lines[0]["method"], "Predict");
  EXPECT_EQ(lines[0]["code"], "OK");
  EXPECT_GT(lines[0]["duration_us"], 0);
  EXPECT_EQ(lines[0]["request_id"], "order-7");
  EXPECT_EQ(lines[0]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(lines[0]["span_id"], "b7ad6b7169203331");
  EXPECT_EQ(lines[1]["request_id"], made);
  EXPECT_FALSE(lines[1].contains("trace_id"));
  EXPECT_THAT(server.errors(), Not(HasSubstr("1234")));
}

TEST(ProgramLogTest, OnlyErrorsHaveLinesWhereThatIsAskedFor) {
  ServerProcess server("ex_1d.pt", {"--log_format=json", "--access_log=errors"});
  EXPECT_EQ(Call(server, {}).count("x-request-id"), 0u);
  EXPECT_EQ(Call(server, {}, /*valid=*/false).count("x-request-id"), 1u);
  const auto lines = CallLines(server);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["code"], "INVALID_ARGUMENT");
}

TEST(ProgramLogTest, ASignalMakesItTellMoreAndAnotherLess) {
  for (const auto& [signal, level] : {std::pair(SIGUSR1, "debug"), std::pair(SIGUSR2, "warning")}) {
    const ServerProcess server("ex_1d.pt", {"--log_level=info"});
    server.Signal(signal);
    EXPECT_TRUE(server.AwaitError(" now")) << server.errors();
    EXPECT_THAT(server.errors(), HasSubstr("the log level is " + std::string(level) + " now"));
  }
}

TEST(ProgramLogTest, TellsItsNewLevelWhateverTheLevelIs) {
  const ServerProcess server("ex_1d.pt", {"--log_level=error"});
  server.Signal(SIGUSR1);
  EXPECT_TRUE(server.AwaitError("the log level is warning now")) << server.errors();
  EXPECT_THAT(server.errors(), Not(HasSubstr("settings: ")));
}

}  // namespace
}  // namespace mdn
