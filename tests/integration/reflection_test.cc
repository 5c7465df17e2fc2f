#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/fake_model_server.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

/// The answer to one message of grpc.reflection.v1alpha.ServerReflection.
std::string Reflect(const std::shared_ptr<grpc::Channel>& channel, const std::string& request) {
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  call->StartCall(nullptr);
  EXPECT_TRUE(await());
  call->Write(Bytes(request), nullptr);
  EXPECT_TRUE(await());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  EXPECT_TRUE(await());
  call->WritesDone(nullptr);
  EXPECT_TRUE(await());
  grpc::Status status;
  call->Finish(&status, nullptr);
  EXPECT_TRUE(await());
  EXPECT_TRUE(status.ok()) << status.error_message();
  queue.Shutdown();
  return Text(answer);
}

TEST(ReflectionTest, ListsTheServices) {
  FakeModelServer server;
  // ServerReflectionRequest { list_services = 7: "*" }
  const std::string answer = Reflect(server.Channel(), "\x3a\x01*");
  EXPECT_THAT(answer, HasSubstr("mdn.v1.MdnService"));
  EXPECT_THAT(answer, HasSubstr("grpc.health.v1.Health"));
}

TEST(ReflectionTest, DescribesTheService) {
  FakeModelServer server;
  // ServerReflectionRequest { file_containing_symbol = 4: "mdn.v1.MdnService" }
  const std::string answer = Reflect(server.Channel(), "\x22\x11mdn.v1.MdnService");
  EXPECT_THAT(answer, HasSubstr("mdn/v1/mdn.proto"));
  EXPECT_THAT(answer, HasSubstr("LogLikelihoodRequest"));
}

}  // namespace
}  // namespace mdn
