#ifndef MDN_TESTS_SUPPORT_CONNECTED_CHANNEL_H_
#define MDN_TESTS_SUPPORT_CONNECTED_CHANNEL_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

namespace mdn {

/// A channel that has found its server, or has looked for ten seconds. A process's first connection
/// may fail without a reason: between connect(2) and the look at its errno gRPC 1.51 allocates and
/// measures clocks, and what it then sees is the errno of a file that they did not find. A channel
/// tries again; a call that meets the failure ends UNAVAILABLE.
inline std::shared_ptr<grpc::Channel> ConnectedChannel(
    const std::string& address,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials =
        grpc::InsecureChannelCredentials(),
    const grpc::ChannelArguments& arguments = {}) {
  auto channel = grpc::CreateCustomChannel(address, credentials, arguments);
  channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  return channel;
}

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_CONNECTED_CHANNEL_H_
