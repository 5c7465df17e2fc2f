#include "server/security/security.h"

#include <chrono>
#include <utility>

#include "absl/time/clock.h"

namespace mdn {
namespace {

constexpr std::chrono::seconds kInterval(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Security>> Security::Load(const SecurityFiles& files) {
  std::unique_ptr<Security> security(new Security);
  if (!files.tls.certificate.empty()) {
    auto tls = Reloaded<TlsIdentity>::Load(
        "the certificate", [files = files.tls] { return ReadTlsIdentity(files, absl::Now()); });
    if (!tls.ok()) return tls.status();
    security->tls_ = *std::move(tls);
  }
  if (!files.tokens.empty()) {
    auto tokens = Reloaded<Tokens>::Load("the list of tokens",
                                         [path = files.tokens] { return Tokens::Read(path); });
    if (!tokens.ok()) return tokens.status();
    security->tokens_ = *std::move(tokens);
  }
  if (security->tls_ != nullptr || security->tokens_ != nullptr) {
    security->watcher_ = std::thread([&security = *security] { security.Watch(); });
  }
  return security;
}

Security::~Security() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  ended_.notify_all();
  if (watcher_.joinable()) watcher_.join();
}

void Security::Watch() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_.wait_for(lock, kInterval, [this] { return ending_; })) {
    lock.unlock();
    if (tls_ != nullptr) tls_->Refresh();
    if (tokens_ != nullptr) tokens_->Refresh();
    lock.lock();
  }
}

}  // namespace mdn
