#include "server/rpc/status.h"

#include <string>

#include "google/rpc/error_details.pb.h"

namespace mdn {
namespace {

// HTTP/2 trailers are bounded to 8 KiB by default.
constexpr size_t kMaxMessageBytes = 1024;
// What it takes to work off a full queue of small rows.
constexpr int kRetryDelayMs = 50;

std::string RetryDetails(const grpc::Status& status) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(kRetryDelayMs * 1'000'000);
  google::rpc::Status details;
  details.set_code(status.error_code());
  details.set_message(status.error_message());
  details.add_details()->PackFrom(retry);
  return details.SerializeAsString();
}

/// At most kMaxMessageBytes, not in the middle of a UTF-8 character.
std::string Cut(absl::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes - 3;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  return std::string(message.substr(0, end)) + "...";
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContext& context) {
  if (status.ok()) return grpc::Status::OK;
  grpc::Status plain(static_cast<grpc::StatusCode>(status.code()), Cut(status.message()));
  if (!absl::IsResourceExhausted(status)) return plain;
  context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(kRetryDelayMs));
  return grpc::Status(plain.error_code(), plain.error_message(), RetryDetails(plain));
}

}  // namespace mdn
