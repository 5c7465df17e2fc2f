// Certificates and tokens that change again and again under load, some of them for the worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "mdn/client.h"
#include "tests/support/await.h"
#include "tests/support/certificates.h"
#include "tests/support/child_process.h"
#include "tests/support/from_environment.h"
#include "tests/support/temporary_directory.h"

// Longer runs: TEST_SWAPS=100 TEST_ROTATIONS=20 credential_rotation_test

namespace mdn {
namespace {

using std::chrono::steady_clock;
using ::testing::IsEmpty;

int64_t Milliseconds(steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

/// Callers that go on until this goes, and what their calls came to.
class Callers {
 public:
  /// `call` is called by all of them.
  Callers(int count, std::function<absl::Status()> call)
      : call_(std::move(call)), answered_(count) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this, i] { Run(answered_[i]); });
  }
  ~Callers() {
    stopped_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  /// Waits until each of them has had so many more.
  void AwaitAnswers(int64_t count) const {
    for (const std::atomic<int64_t>& answered : answered_) {
      const int64_t until = answered + count;
      EXPECT_TRUE(Await([&] { return answered >= until; }));
    }
  }
  int64_t answered() const { return std::accumulate(answered_.begin(), answered_.end(), 0L); }
  std::map<std::string, int> failures() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return failures_;
  }

 private:
  void Run(std::atomic<int64_t>& answered) {
    while (!stopped_) {
      const absl::Status status = call_();
      if (status.ok()) {
        ++answered;
        continue;
      }
      const std::lock_guard<std::mutex> lock(mutex_);
      ++failures_[status.ToString()];
    }
  }

  const std::function<absl::Status()> call_;
  std::atomic<bool> stopped_{false};
  std::vector<std::atomic<int64_t>> answered_;
  std::mutex mutex_;
  std::map<std::string, int> failures_;  // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

class CertificateRotationTest : public testing::Test {
 protected:
  CertificateRotationTest() { folder_.Replace("ca.pem", authority_.certificate()); }

  void Write(const Pem& pem) const {
    folder_.Replace("key.pem", pem.key);
    folder_.Replace("cert.pem", pem.certificate);
  }
  /// By a connection of its own, to the server's address or to a name in its certificate.
  absl::Status Handshake(const std::string& server_name = "") {
    ClientOptions options;
    options.servers = {server_.address()};
    options.security.ca_file = folder_.Path("ca.pem");
    options.security.server_name = server_name;
    // A channel of the same arguments would share its connection with the one before.
    options.max_response_bytes += next_++;
    return Client(options).GetModel().status();
  }
  void AwaitComplaint(const std::string& text, const std::function<void()>& spoil) const {
    const size_t before = server_.errors().size();
    spoil();
    EXPECT_TRUE(Await([&] { return server_.errors().find(text, before) != std::string::npos; }))
        << "never said: " << text;
  }
  /// Writes files of one of four kinds that are no use, and waits until the server has said so.
  void Spoil(int kind) const {
    const Pem next = authority_.Issue();
    if (kind == 0) {
      AwaitComplaint("is not the key of the certificate in ",
                     [&] { folder_.Replace("key.pem", next.key); });
    } else if (kind == 1) {
      AwaitComplaint("cert.pem: ", [&] {
        folder_.Replace("cert.pem", next.certificate.substr(0, next.certificate.size() / 2));
      });
    } else if (kind == 2) {
      CertificateOptions expired;
      expired.ends = std::chrono::minutes(-1);
      AwaitComplaint("the certificate expired at ", [&] { Write(authority_.Issue(expired)); });
    } else {
      AwaitComplaint("key.pem: ", [&] { std::remove(folder_.Path("key.pem").c_str()); });
    }
  }

  const CertificateAuthority authority_;
  const TemporaryDirectory folder_;
  const ServerProcess server_{
      "ex_1d.pt",
      {"--tls_cert=" + (Write(authority_.Issue()), folder_.Path("cert.pem")),
       "--tls_key=" + folder_.Path("key.pem")}};
  std::atomic<int> next_{1};
};

TEST_F(CertificateRotationTest, EachHandshakeSucceedsThroughGoodAndBadPairs) {
  const int swaps = FromEnvironment("TEST_SWAPS", 4);
  Callers callers(2, [this] { return Handshake(); });
  steady_clock::duration longest{0};
  for (int i = 0; i < swaps; ++i) {
    Spoil(i % 4);
    callers.AwaitAnswers(3);
    CertificateOptions named;
    named.names = absl::StrCat("DNS:localhost,IP:127.0.0.1,DNS:n", i, ".example");
    Write(authority_.Issue(named));
    const auto begin = steady_clock::now();
    absl::Status status;
    EXPECT_TRUE(Await([&] {
      status = Handshake(absl::StrCat("n", i, ".example"));
      return status.ok();
    })) << status;
    longest = std::max(longest, steady_clock::now() - begin);
    EXPECT_THAT(callers.failures(), IsEmpty());
  }
  std::cout << "           " << swaps << " bad pairs and as many good ones, " << callers.answered()
            << " handshakes; the longest until a new certificate was taken "
            << Milliseconds(longest) << " ms\n";
}

std::string TokenList(const std::vector<std::string>& tokens) {
  std::string list = "{";
  for (const std::string& token : tokens) {
    absl::StrAppend(&list, list.size() == 1 ? "" : ", ", "\"of ", token, "\": {\"token\": \"",
                    token, R"(", "roles": ["call"]})");
  }
  return list + "}";
}

TEST(TokenRotationTest, LosesNoCallWhereBothAreGoodMeanwhileAndTheOldOneIsRefusedThen) {
  const int rotations = FromEnvironment("TEST_ROTATIONS", 2);
  const TemporaryDirectory folder;
  const auto token = [](int i) { return absl::StrCat("0123456789abcdef-", i); };
  const std::string list = folder.Replace("tokens.json", TokenList({token(0)}));
  folder.Replace("token", token(0));
  const ServerProcess server("ex_1d.pt", {"--token_file=" + list});
  const auto client_with = [&](const std::string& file) {
    ClientOptions options;
    options.servers = {server.address()};
    options.security.token_file = folder.Path(file);
    return Client(options);
  };
  const Client client = client_with("token");
  Callers callers(4, [&client] { return client.GetModel().status(); });
  steady_clock::duration longest{0};
  for (int i = 1; i <= rotations; ++i) {
    folder.Replace("tokens.json", TokenList({token(i - 1), token(i)}));
    folder.Replace("new_token", token(i));
    const Client with_new = client_with("new_token");
    EXPECT_TRUE(Await([&] { return with_new.GetModel().ok(); }));
    folder.Replace("old_token", token(i - 1));
    folder.Replace("token", token(i));
    // A client looks at its file every second; calls from before that are answered then.
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    callers.AwaitAnswers(50);
    folder.Replace("tokens.json", TokenList({token(i)}));
    const auto begin = steady_clock::now();
    const Client with_old = client_with("old_token");
    EXPECT_TRUE(Await(
        [&] { return with_old.GetModel().status().code() == absl::StatusCode::kUnauthenticated; }));
    longest = std::max(longest, steady_clock::now() - begin);
    EXPECT_THAT(callers.failures(), IsEmpty());
  }
  std::cout << "           " << rotations << " rotations, " << callers.answered()
            << " calls; the longest until an old token was refused " << Milliseconds(longest)
            << " ms\n";
}

}  // namespace
}  // namespace mdn
