#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/connections/file_descriptor.h"
#include "server/connections/gathered_writes.h"
#include "server/connections/listening_socket.h"
#include "tests/support/peer.h"

namespace mdn {
namespace {

/// A client of gRPC's, whose writes are those of a server's, before a peer that never answers.
class GrpcWritesTest : public testing::Test {
 protected:
  GrpcWritesTest() {
    auto connected = std::async(std::launch::async, [this] {
      return channel_->WaitForConnected(std::chrono::system_clock::now() +
                                        std::chrono::seconds(30));
    });
    while (connected.wait_for(std::chrono::seconds(0)) != std::future_status::ready) AcceptNext();
    EXPECT_TRUE(connected.get());
  }
  ~GrpcWritesTest() override {
    for (Call& call : calls_) call.context.TryCancel();
    void* tag = nullptr;
    bool ok = false;
    for (size_t ended = 0; ended < calls_.size(); ++ended) queue_.Next(&tag, &ok);
  }

  /// Begins so many calls on this thread.
  void Begin(int calls) {
    for (int i = 0; i < calls; ++i) {
      GatheredWrites::Announce(i + 1 < calls);
      Call& call = calls_.emplace_back();
      call.rpc = stub_.PrepareUnaryCall(&call.context, "/service/Method", {}, &queue_);
      call.rpc->StartCall();
      call.rpc->Finish(&call.response, &call.status, nullptr);
    }
  }
  /// Waits until so many more calls have come. Returns in how many segments.
  uint32_t SegmentsOf(int calls) {
    const uint32_t before = segments_;
    while (calls > 0) {
      const std::string header = ReceiveFrom(socket_, 9);
      if (header.size() < 9) {
        ADD_FAILURE() << calls << " calls have not come";
        break;
      }
      const auto byte = [&](int place) { return static_cast<uint8_t>(header[place]); };
      ReceiveFrom(socket_, byte(0) << 16 | byte(1) << 8 | byte(2));
      constexpr uint8_t kHeaders = 1;
      if (byte(3) == kHeaders) --calls;
    }
    segments_ = SegmentsReceived();
    return segments_ - before;
  }

 private:
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> rpc;
    grpc::ByteBuffer response;
    grpc::Status status;
  };

  /// A connection that failed is tried again: the last one is used.
  void AcceptNext() {
    pollfd waits{listener_.descriptor(), POLLIN, 0};
    if (poll(&waits, 1, 100) != 1) return;
    socket_ = FileDescriptor(accept(listener_.descriptor(), nullptr, nullptr));
    constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    ReceiveFrom(socket_, sizeof(kPreface) - 1);
    // HTTP/2's SETTINGS, of which there are none.
    const char settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    EXPECT_EQ(send(socket_.number(), settings, sizeof(settings), MSG_NOSIGNAL), sizeof(settings));
  }
  uint32_t SegmentsReceived() const {
    tcp_info info{};
    socklen_t size = sizeof(info);
    EXPECT_EQ(getsockopt(socket_.number(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_data_segs_in;
  }

  const std::vector<ListeningSocket> listeners_ = ListeningSocket::Open("127.0.0.1:0").value();
  const ListeningSocket& listener_ = listeners_.front();
  FileDescriptor socket_;
  uint32_t segments_ = 0;
  const std::shared_ptr<grpc::Channel> channel_ = grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", listener_.port()), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub_{channel_};
  grpc::CompletionQueue queue_;
  std::deque<Call> calls_;
};

TEST_F(GrpcWritesTest, AreGatheredWhereGrpcIsLinkedIn) {
  constexpr int kCalls = 2 * GatheredWrites::kMostGathered;
  Begin(kCalls);
  const uint32_t alone = SegmentsOf(kCalls);
  {
    const GatheredWrites writes;
    Begin(kCalls);
  }
  EXPECT_GT(alone, 2 * SegmentsOf(kCalls));
}

}  // namespace
}  // namespace mdn
