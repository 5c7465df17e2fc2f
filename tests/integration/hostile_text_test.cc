// What callers write, where it could become a path, a line of the log, a series, or a hint.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/integration/raw_http2.h"
#include "tests/support/await.h"
#include "tests/support/call_by_name.h"
#include "tests/support/connected_channel.h"
#include "tests/support/monitored_server.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Names of no model: paths, blanks, look-alikes of ex_1d, and what ends lines and quotations.
std::vector<std::string> HostileNames() {
  using std::string_literals::operator""s;
  return {"..",
          "../..",
          "../etc/passwd",
          "/etc/passwd",
          "a/../b",
          "ex_1d/..",
          "./ex_1d",
          "ex_1d/",
          "..\\..\\ex_1d",
          " ..",
          "%2e%2e/%2e%2e",
          " ",
          "   ",
          "\t",
          "\n",
          "\r\n",
          "\v",
          "\f",
          "\u00a0",
          "...",
          "ex_1d..1",
          ".ex_1d",
          "ex_1d.",
          "Ex_1d",
          "ex_1d ",
          "ex_1d\0"s,
          "\0ex_1d"s,
          std::string(4096, 'x'),
          "\xff\xfe",
          "\x1b[2J\x1b[31m",
          "\"} 1\nmdn_forged{model=\"",
          "\"}\n{\"level\":\"error\",\"message\":\"forged\"}"};
}

v1::PredictRequest Request(const std::string& model) {
  v1::PredictRequest request;
  request.mutable_model()->set_name(model);
  request.mutable_x()->add_shape(1);
  request.mutable_x()->add_values(0.5f);
  return request;
}

grpc::Status Predict(v1::MdnService::Stub& stub, const v1::PredictRequest& request,
                     const std::string& request_id = "") {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  if (!request_id.empty()) context.AddMetadata("x-request-id", request_id);
  v1::PredictResponse response;
  return stub.Predict(&context, request, &response);
}

/// One line that moves no cursor.
bool IsPrintable(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c < ' ' || c == '\x7f'; });
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(HostileTextTest, NamesAreRefusedInOnePrintableLine) {
  const ServerProcess server("ex_1d.pt");
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(server.address()));
  for (const std::string& name : HostileNames()) {
    const grpc::Status status = Predict(*stub, Request(name));
    EXPECT_THAT(status.error_code(),
                AnyOf(grpc::StatusCode::NOT_FOUND, grpc::StatusCode::INVALID_ARGUMENT))
        << name;
    EXPECT_TRUE(IsPrintable(status.error_message())) << name;
    EXPECT_LE(status.error_message().size(), 1024) << name;
    EXPECT_THAT(status.error_message(), Not(HasSubstr(MDN_TEST_DATA)));
  }
}

TEST(HostileTextTest, NamesForgeNeitherLinesNorSeries) {
  MonitoredServer server({"--log_format=json", "--log_level=debug", "--access_log=all"});
  const auto series = [&server] {
    std::vector<std::string> names;
    for (const std::string& line : Lines(server.Get("/metrics").body)) {
      if (line.empty() || line[0] == '#') continue;
      static const std::regex& form = *new std::regex(
          R"([a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z0-9_]+="([^"\\\n]|\\.)*",?)*\})? [-+0-9.eEInfNa]+)");
      EXPECT_TRUE(std::regex_match(line, form)) << line;
      names.push_back(line.substr(0, line.rfind(' ')));
    }
    return names;
  };
  const std::vector<std::string> before = series();
  const auto channel = ConnectedChannel(server.process().address());
  const auto stub = v1::MdnService::NewStub(channel);
  size_t calls = 0;
  for (const std::string& name : HostileNames()) {
    EXPECT_FALSE(Predict(*stub, Request(name), "\"}, {\"method\": \"forged\"").ok());
    CallByName(channel, "/\"} 1/" + std::string(200, 'x') + std::to_string(calls));
    calls += 2;
  }
  EXPECT_EQ(series(), before);

  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
  size_t call_lines = 0;
  for (const std::string& line : Lines(server.process().errors())) {
    const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << line;
    if (!parsed.contains("method")) continue;
    ++call_lines;
    EXPECT_THAT(parsed["method"], AnyOf("Predict", "unknown"));
  }
  EXPECT_EQ(call_lines, calls);
}

TEST(HostileTextTest, NoRequestTouchesAFile) {
  const std::string strace = "/usr/bin/strace";
  if (!std::filesystem::exists(strace)) GTEST_SKIP() << "strace is not installed";
  const TemporaryDirectory directory;
  const std::string trace = directory.path() + "/trace";
  const ServerProcess server("ex_1d.pt");
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(server.address()));
  EXPECT_TRUE(Predict(*stub, Request("ex_1d")).ok());
  for (const std::string& name : HostileNames()) EXPECT_FALSE(Predict(*stub, Request(name)).ok());

  ChildProcess tracer({strace, "-f", "-e", "trace=%file,recvmsg", "-e", "signal=none", "-o", trace,
                       "-p", std::to_string(server.id())});
  Await([&tracer] { return tracer.errors().find('\n') != std::string::npos; });
  if (tracer.errors().find(" attached") == std::string::npos) {
    GTEST_SKIP() << "strace may not look at processes here: " << tracer.errors();
  }
  for (const std::string& name : HostileNames()) EXPECT_FALSE(Predict(*stub, Request(name)).ok());
  EXPECT_TRUE(Predict(*stub, Request("ex_1d")).ok());
  tracer.Signal(SIGINT);
  tracer.Wait();

  std::ifstream file(trace);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(text, HasSubstr("recvmsg(")) << "the trace saw nothing";
  // Libraries ask for the processors and the time zone when they first need them.
  const std::regex of_libraries(R"("(/sys/|/proc/|/etc/localtime))");
  for (const std::string& line : Lines(text)) {
    if (std::regex_search(line, of_libraries) || line.find("recvmsg(") != std::string::npos)
      continue;
    EXPECT_THAT(line, Not(testing::ContainsRegex("^[0-9]+ +[a-z]")));
  }
}

TEST(HostileTextTest, ErrorsSayNothingOfTheServersInside) {
  const ServerProcess server("ex_1d.pt", {"--max_message_bytes=100000"});
  const auto channel = ConnectedChannel(server.address());
  const auto stub = v1::MdnService::NewStub(channel);
  std::vector<grpc::Status> statuses;
  const auto predict = [&](auto change) {
    v1::PredictRequest request = Request("");
    change(request);
    statuses.push_back(Predict(*stub, request));
  };
  predict([](auto& request) { request.mutable_model()->set_name("other"); });
  predict([](auto& request) { request.mutable_model()->set_version(7); });
  predict([](auto& request) { request.mutable_model()->set_version(-7); });
  predict([](auto& request) { request.mutable_model()->set_label("stable"); });
  predict([](auto& request) { request.mutable_x()->add_shape(-1); });
  predict([](auto& request) { request.mutable_x()->add_shape(int64_t{1} << 62); });
  predict([](auto& request) { request.mutable_x()->add_values(1); });
  predict([](auto& request) { request.mutable_x()->set_values(0, NAN); });
  predict([](auto& request) { request.mutable_x()->set_raw("abc"); });
  predict([](auto& request) { request.clear_x(); });
  predict([](auto& request) { request.set_encoding(static_cast<v1::TensorEncoding>(9)); });
  predict([](auto& request) { request.mutable_x()->mutable_values()->Resize(100'000, 1); });
  statuses.push_back(CallByName(channel, "/mdn.v1.MdnService/Nothing"));
  statuses.push_back(CallByName(channel, "/mdn.v1.ModelRepositoryService/Load"));
  statuses.push_back(CallByName(channel, "/mdn.v1.MdnService/Predict", "", "\xff\xff\xff"));
  statuses.push_back(CallByName(channel, "/mdn.v1.MdnService/Sample", "", "\xff\xff\xff"));
  statuses.push_back(CallByName(channel, "/mdn.v1.MdnService/LogLikelihood", "", "\xff\xff\xff"));
  for (const grpc::Status& status : statuses) {
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(status.error_message().empty());
    EXPECT_TRUE(IsPrintable(status.error_message())) << status.error_message();
    for (const char* inside : {"/", "::", "0x", ".cc", ".pt", ".so", "std", "absl", "exception",
                               "errno", "protobuf", "St1"}) {
      EXPECT_THAT(status.error_message(), Not(HasSubstr(inside)));
    }
  }
}

TEST(HostileTextTest, HeadersThatMeanNothingHarmNobody) {
  const ServerProcess server("ex_1d.pt");
  RawHttp2::Headers many;
  for (int i = 0; i < 1000; ++i) many.emplace_back("a" + std::to_string(i), "b");
  const RawHttp2::Headers odd[] = {many,
                                   {{"te", "x"}},
                                   {{"key-bin", "no base 64!"}},
                                   {{"grpc-timeout", "-1S"}},
                                   {{"grpc-timeout", "99999999999H"}},
                                   {{"content-length", "-5"}},
                                   {{":path", "/twice"}},
                                   {{"UPPER", "case"}},
                                   {{"", "nameless"}}};
  for (const RawHttp2::Headers& headers : odd) {
    RawHttp2 connection(server.port());
    connection.BeginCall("/mdn.v1.MdnService/Predict", headers);
    connection.SendData(MessagePrefix(false, 0), 5000, true);
    EXPECT_TRUE(connection.AwaitEnd(30'000)) << headers.front().first;
  }
  const auto stub = v1::MdnService::NewStub(ConnectedChannel(server.address()));
  EXPECT_TRUE(Predict(*stub, Request("ex_1d")).ok());
}

}  // namespace
}  // namespace mdn
