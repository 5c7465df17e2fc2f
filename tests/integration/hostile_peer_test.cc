#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mdn/v1/mdn.grpc.pb.h"
#include "tests/integration/raw_http2.h"
#include "tests/support/child_process.h"
#include "tests/support/connected_channel.h"

namespace mdn {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kMemoryQuota = 64 * kMiB;
constexpr char kPredict[] = "/mdn.v1.MdnService/Predict";

class HostilePeerTest : public testing::Test {
 protected:
  void ExpectServing() {
    const auto stub = v1::MdnService::NewStub(ConnectedChannel(server_.address()));
    v1::PredictRequest request;
    v1::PredictResponse response;
    request.mutable_x()->add_shape(1);
    request.mutable_x()->add_values(0.5f);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    const grpc::Status status = stub->Predict(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
  }

  ServerProcess server_{"ex_1d.pt"};
};

TEST_F(HostilePeerTest, MessagesDeclaredHugeStayWithinTheMemoryQuota) {
  ExpectServing();
  const int64_t before = server_.resident_bytes();
  const std::string chunk(64 * 1024, 'x');
  std::vector<std::thread> attackers;
  for (int i = 0; i < 64; ++i) {
    attackers.emplace_back([this, &chunk] {
      RawHttp2 connection(server_.port());
      connection.BeginCall(kPredict);
      connection.SendData(MessagePrefix(false, 0x7fffffff), 1000);
      // 16 MiB each, 1 GiB in all, as far as the server takes it.
      for (int sent = 0; sent < 256; ++sent) {
        if (connection.SendData(chunk, 500) < chunk.size()) break;
      }
    });
  }
  for (std::thread& attacker : attackers) attacker.join();
  // gRPC announces a window of 1 MiB to each stream, which may still be filled once the quota is
  // spent; it ends calls only after a while, and the allocator keeps what it freed.
  constexpr int64_t kWindows = 64 * kMiB;
  constexpr int64_t kLag = 64 * kMiB;
  const int64_t growth = server_.peak_resident_bytes() - before;
  RecordProperty("growth_mib", std::to_string(growth / kMiB));
  EXPECT_LE(growth, kMemoryQuota + kWindows + kLag);
  ExpectServing();
}

/// `size` zeros, compressed with zlib; gzip's header where asked for.
std::string CompressedZeros(int64_t size, bool gzip) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, gzip ? 31 : 15, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::runtime_error("zlib");
  }
  std::string zeros(kMiB, '\0');
  std::string compressed;
  std::string chunk(kMiB, '\0');
  for (int64_t done = 0; done < size; done += kMiB) {
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(zeros.size());
    const bool last = done + kMiB >= size;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream.avail_out = static_cast<uInt>(chunk.size());
      deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH);
      compressed.append(chunk.data(), chunk.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return compressed;
}

struct Bomb {
  std::string name;
  std::string encoding;
  bool gzip;
};

class CompressionBombTest : public HostilePeerTest, public testing::WithParamInterface<Bomb> {};

TEST_P(CompressionBombTest, IsNeverInflated) {
  ExpectServing();
  const int64_t before = server_.peak_resident_bytes();
  const std::string bomb = CompressedZeros(512 * kMiB, GetParam().gzip);
  ASSERT_LT(bomb.size(), 4u << 20);
  RawHttp2 connection(server_.port());
  connection.BeginCall(kPredict, {{"grpc-encoding", GetParam().encoding}});
  connection.SendData(MessagePrefix(true, static_cast<uint32_t>(bomb.size())) + bomb, 5000, true);
  EXPECT_TRUE(connection.AwaitEnd(30'000));
  EXPECT_LE(server_.peak_resident_bytes(), before + 8 * kMiB);
  ExpectServing();
}

INSTANTIATE_TEST_SUITE_P(Encodings, CompressionBombTest,
                         testing::Values(Bomb{"Gzip", "gzip", true},
                                         Bomb{"Deflate", "deflate", false},
                                         Bomb{"FlaggedIdentity", "identity", true},
                                         Bomb{"Unknown", "snappy", true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mdn
