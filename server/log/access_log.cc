#include "server/log/access_log.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mdn {
namespace {

absl::string_view Metadata(const grpc::ServerContext& context, const char* name) {
  const auto found = context.client_metadata().find(name);
  if (found == context.client_metadata().end()) return "";
  return {found->second.data(), found->second.size()};
}

std::mt19937_64& Random() {
  static thread_local std::mt19937_64 random(std::random_device{}());
  return random;
}

std::string NewRequestId() { return absl::StrFormat("%016x%016x", Random()(), Random()()); }

bool IsIdOf(absl::string_view text, size_t size) {
  return text.size() == size &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }) &&
         text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

bool IsRequestId(absl::string_view text) {
  constexpr size_t kMaxSize = 128;
  constexpr absl::string_view kOthers = "-_.:/+=@";
  return !text.empty() && text.size() <= kMaxSize &&
         std::all_of(text.begin(), text.end(), [kOthers](char c) {
           return absl::ascii_isalnum(c) || kOthers.find(c) != absl::string_view::npos;
         });
}

TraceIds ParseTraceparent(absl::string_view text) {
  // Version 00, and later ones as far as they are like it: VV-TRACE-SPAN-FF.
  constexpr size_t kSize = 55;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
      text.substr(0, 2) == "ff" || (text.substr(0, 2) == "00" && text.size() != kSize)) {
    return {};
  }
  const TraceIds ids = {text.substr(3, 32), text.substr(36, 16)};
  return IsIdOf(ids.trace, 32) && IsIdOf(ids.span, 16) ? ids : TraceIds();
}

AccessLog::AccessLog(LoggedCalls calls, double share, LogFormat format,
                     std::shared_ptr<spdlog::logger> logger)
    : calls_(calls),
      threshold_(static_cast<uint32_t>(std::min(share, 1.0) * 0xffffffffU)),
      format_(format),
      logger_(std::move(logger)) {}

bool AccessLog::WantsOf(bool ok) const {
  if (!ok) return true;
  return calls_ == LoggedCalls::kAll && (Random()() >> 32) <= threshold_ && threshold_ != 0;
}

void AccessLog::Write(grpc::ServerContext& context, absl::string_view service,
                      absl::string_view method, absl::StatusCode code,
                      std::chrono::nanoseconds duration) const {
  const absl::string_view theirs = Metadata(context, "x-request-id");
  const std::string id = IsRequestId(theirs) ? std::string(theirs) : NewRequestId();
  context.AddTrailingMetadata("x-request-id", id);
  Fields fields(format_);
  fields.Add("service", service)
      .Add("method", method)
      .Add("code", absl::StatusCodeToString(code))
      .Add("duration_us", duration / std::chrono::microseconds(1))
      .Add("peer", context.peer())
      .Add("request_id", id);
  if (const TraceIds ids = ParseTraceparent(Metadata(context, "traceparent")); !ids.trace.empty()) {
    fields.Add("trace_id", ids.trace).Add("span_id", ids.span);
  }
  logger_->info(fields.text());
}

}  // namespace mdn
