#include "server/rpc/call.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <memory>
#include <string>

namespace mdn {
namespace {

/// A server that takes calls and answers none, and its callers.
class ConnectionOfTest : public testing::Test {
 protected:
  ConnectionOfTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterAsyncGenericService(&service_);
    arriving_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
  }
  ~ConnectionOfTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
    Empty(*arriving_);
    Empty(answers_);
  }

  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port_),
                                     grpc::InsecureChannelCredentials(), arguments);
  }

  /// Of a call that lasts until the end of the test.
  const void* ConnectionOfCallOn(const std::shared_ptr<grpc::Channel>& channel) {
    Call& call = calls_.emplace_back();
    service_.RequestCall(&call.server_context, &call.stream, arriving_.get(), arriving_.get(),
                         nullptr);
    call.client_context.set_wait_for_ready(true);
    call.rpc = grpc::GenericStub(channel).PrepareUnaryCall(&call.client_context, "/service/Method",
                                                           {}, &answers_);
    call.rpc->StartCall();
    call.rpc->Finish(&call.response, &call.status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(arriving_->Next(&tag, &ok) && ok);
    return ConnectionOf(call.server_context);
  }

 private:
  struct Call {
    grpc::GenericServerContext server_context;
    grpc::GenericServerAsyncReaderWriter stream{&server_context};
    grpc::ClientContext client_context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> rpc;
    grpc::ByteBuffer response;
    grpc::Status status;
  };

  static void Empty(grpc::CompletionQueue& queue) {
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
    }
  }

  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> arriving_;
  std::unique_ptr<grpc::Server> server_;
  grpc::CompletionQueue answers_;
  int port_ = 0;
  std::deque<Call> calls_;
};

TEST_F(ConnectionOfTest, IsTheSameForCallsOfTheSameConnectionOnly) {
  const auto one = Connect(), other = Connect();
  const void* const first = ConnectionOfCallOn(one);
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(ConnectionOfCallOn(one), first);
  const void* const foreign = ConnectionOfCallOn(other);
  EXPECT_NE(foreign, nullptr);
  EXPECT_NE(foreign, first);
}

}  // namespace
}  // namespace mdn
