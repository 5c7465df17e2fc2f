#include "server/rpc/status.h"

#include <string>

#include "google/rpc/error_details.pb.h"

namespace mdn {
namespace {

// HTTP/2 trailers are bounded to 8 KiB by default.
constexpr size_t kMaxMessageBytes = 1024;
// What it takes to work off a full queue of small rows.
constexpr int kRetryDelayMs = 50;

/// At most kMaxMessageBytes, not in the middle of a UTF-8 character.
std::string Cut(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return std::string(message.substr(0, end)) + "...";
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc_status;
  rpc_status.set_code(static_cast<int>(status.code()));
  rpc_status.set_message(Cut(status.message()));
  if (absl::IsResourceExhausted(status)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(kRetryDelayMs * 1'000'000);
    rpc_status.add_details()->PackFrom(retry);
  }
  return rpc_status;
}

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContext& context) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  const auto code = static_cast<grpc::StatusCode>(rpc_status.code());
  if (rpc_status.details().empty()) return grpc::Status(code, rpc_status.message());
  context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(kRetryDelayMs));
  return grpc::Status(code, rpc_status.message(), rpc_status.SerializeAsString());
}

}  // namespace mdn
