#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/repository_server.h"
#include "tests/support/await.h"
#include "tests/support/connected_channel.h"
#include "tests/support/from_environment.h"
#include "tests/support/scrape.h"

// Longer runs: TEST_RELOADS=200 TEST_CALLERS=32 model_reload_test

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Callers that ask everything in turn, and check that each answer is, to the bit, one of the
/// version it names: even versions hold one network, odd ones another.
class CheckingLoad {
 public:
  CheckingLoad(RepositoryServer& server, int callers, const Answers& even, const Answers& odd)
      : even_(even), odd_(odd) {
    for (int i = 0; i < callers; ++i) {
      threads_.emplace_back([this, i, stub = server.NewStub()] { Call(*stub, i); });
    }
  }
  ~CheckingLoad() { Stop(); }

  void Stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  /// What went wrong, and how often.
  std::map<std::string, int> failures() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return failures_;
  }
  int64_t answers() const { return answers_; }

 private:
  void Call(v1::MdnService::Stub& stub, int first_kind) {
    int64_t newest = 0;
    for (int kind = first_kind; !stopping_; ++kind) {
      const Answers::Answer answer = Answers::Ask(stub, kind % Answers::kKinds);
      const Answers& expected = answer.version % 2 == 0 ? even_ : odd_;
      if (!answer.status.ok()) {
        Fail(answer.status.error_message());
      } else if (!expected.Fits(kind % Answers::kKinds, answer.bytes)) {
        Fail("other bits than those of the version");
      } else if (answer.version < newest) {
        Fail("an older version than before");
      }
      newest = answer.version;
      ++answers_;
    }
  }
  void Fail(const std::string& how) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++failures_[how];
  }

  const Answers& even_;
  const Answers& odd_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> answers_{0};
  std::mutex mutex_;
  std::map<std::string, int> failures_;
  std::vector<std::thread> threads_;
};

struct BadVersion {
  std::string checkpoint;
  std::vector<std::pair<std::string, std::string>> others;
  std::string reason;
};

class ModelReloadTest : public testing::Test {
 protected:
  ModelReloadTest() : even_(AnswersOf(even_network_)), odd_(AnswersOf(odd_network_)) {}

  static Answers AnswersOf(const std::string& network) {
    const TemporaryDirectory directory;
    const ServerProcess server(directory.Write("model.safetensors", network));
    return Answers(*v1::MdnService::NewStub(ConnectedChannel(server.address())));
  }
  const std::string& NetworkOf(int64_t version) const {
    return version % 2 == 0 ? even_network_ : odd_network_;
  }
  void Publish(int64_t version) const { repository_.Publish("wind", version, NetworkOf(version)); }

  std::vector<BadVersion> BadVersions() const {
    std::string corrupt = even_network_;
    corrupt.replace(8, 4, "\xff\xff\xff\xff");  // The header's text.
    std::string not_finite = even_network_;
    not_finite.replace(not_finite.size() - 4, 4, std::string("\0\0\xc0\x7f", 4));
    std::string flipped = even_network_;
    flipped[flipped.size() - 9] ^= 1;
    std::string infinite = even_network_;
    infinite.replace(infinite.size() - 4, 4, std::string("\0\0\x80\x7f", 4));
    const std::string sum(64, '0');
    return {
        {"", {}, "model.safetensors: "},
        {even_network_ + "x", {}, "model.safetensors: "},
        {"PK\x03\x04 is how another format begins", {}, "model.safetensors: "},
        {infinite, {}, "weights must be finite"},
        {even_network_, {{"model.json", "{"}}, "model.json"},
        {even_network_, {{"golden.json", "[]"}}, "golden.json"},
        {even_network_, {{"SHA256SUMS", sum + "  model.json\n"}}, "SHA256SUMS"},
        {corrupt, {}, "model.safetensors: "},
        {even_network_.substr(0, even_network_.size() / 2), {}, "model.safetensors: "},
        {not_finite, {}, "weights must be finite"},
        {even_network_, {{"model.json", R"({"n_components": 4})"}}, "n_components"},
        {flipped, {{"SHA256SUMS", sum + "  model.safetensors\n"}}, "SHA256SUMS expects"},
        {even_network_,
         {{"golden.json", R"({"x": [[0, 0]], "log_pi": [[-9, -9, -9]]})"}},
         "golden.json: log_pi: row 0"},
    };
  }

  const std::string even_network_ = RepositoryOnDisk::Network(2);
  const std::string odd_network_ = RepositoryOnDisk::Network(1);
  const Answers even_, odd_;
  RepositoryOnDisk repository_;
};

TEST_F(ModelReloadTest, ReloadsUnderLoadWithoutAFailedCallOrAWrongBit) {
  const int reloads = FromEnvironment("TEST_RELOADS", 30);
  const int callers = FromEnvironment("TEST_CALLERS", 8);
  Publish(1);
  RepositoryServer server(repository_, {"--repository_settle=0s", "--max_queue_rows=65536"});
  ASSERT_TRUE(server.AwaitVersion(1));
  CheckingLoad load(server, callers, even_, odd_);
  const std::vector<BadVersion> bad = BadVersions();
  int64_t after_ten = 0;
  for (int64_t version = 2; version <= 1 + reloads; ++version) {
    if (version % 4 == 0) {
      const BadVersion& next = bad[(version / 4) % bad.size()];
      repository_.Publish("wind", 1000000, next.checkpoint, next.others);
      EXPECT_THAT(server.AwaitState("wind", 1000000, v1::MODEL_STATE_FAILED),
                  HasSubstr(next.reason));
      repository_.Remove("wind", 1000000);
    }
    Publish(version);
    ASSERT_TRUE(server.AwaitVersion(version)) << version;
    repository_.Remove("wind", version - 1);
    if (version == 11) after_ten = server.process().resident_bytes();
  }
  const int64_t after_all = server.process().resident_bytes();
  load.Stop();
  EXPECT_THAT(load.failures(), IsEmpty());
  EXPECT_GT(load.answers(), reloads);
  if (reloads >= 30) {
    // In the short form what the allocator happens to keep outweighs what leaks.
    const int64_t slack = reloads >= 200 ? after_ten / 20 : after_ten / 5 + (8 << 20);
    EXPECT_LT(after_all, after_ten + slack);
  }
  std::cout << load.answers() << " answers, " << reloads << " reloads; resident "
            << after_ten / 1024 << " KiB after ten, " << after_all / 1024 << " KiB after all\n";
}

TEST_F(ModelReloadTest, EachKindOfBadVersionIsRefusedWithItsReasonAndCounted) {
  Publish(1);
  RepositoryServer server(repository_, {"--repository_settle=0s", "--metrics_listen=127.0.0.1:0"});
  const std::string line = server.process().ReadLine();
  const std::string monitoring = line.substr(line.rfind(' ') + 1);
  ASSERT_TRUE(server.AwaitVersion(1));
  int refused = 0;
  for (const BadVersion& bad : BadVersions()) {
    repository_.Publish("wind", 2, bad.checkpoint, bad.others);
    EXPECT_THAT(server.AwaitState("wind", 2, v1::MODEL_STATE_FAILED), HasSubstr(bad.reason));
    EXPECT_EQ(Answers::Ask(server.stub(), 0).version, 1);
    EXPECT_EQ(HttpGet(monitoring, "/readyz").status, 200);
    const std::string text = HttpGet(monitoring, "/metrics").body;
    EXPECT_EQ(Sample(text, "mdn_reload_total{result=\"failure\"}"), ++refused) << bad.reason;
    repository_.Remove("wind", 2);
    EXPECT_TRUE(Await([&] { return server.Index().models_size() == 1; }));
  }
  EXPECT_GE(refused, 12);
}

TEST_F(ModelReloadTest, AServerThatWasKilledWhileItReloadedServesAgain) {
  Publish(1);
  std::mt19937 random(1);
  int64_t version = 1;
  std::chrono::steady_clock::duration longest{0};
  for (int i = 0; i < FromEnvironment("TEST_KILLS", 5); ++i) {
    {
      RepositoryServer server(repository_, {"--repository_settle=0s"});
      ASSERT_TRUE(server.AwaitVersion(version));
      Publish(++version);
      repository_.Write("wind/." + std::to_string(version + 1) + "/model.safetensors", "half");
      // Some of these find it looking, some reading, some done.
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 30000));
      server.process().Signal(SIGKILL);
      server.process().Wait();
    }
    const auto begin = std::chrono::steady_clock::now();
    RepositoryServer server(repository_);
    ASSERT_TRUE(server.AwaitVersion(version));
    longest = std::max(longest, std::chrono::steady_clock::now() - begin);
    EXPECT_TRUE((version % 2 == 0 ? even_ : odd_).Fits(0, Answers::Ask(server.stub(), 0).bytes));
  }
  std::cout << "the longest way back took "
            << std::chrono::duration_cast<std::chrono::milliseconds>(longest).count() << " ms\n";
}

}  // namespace
}  // namespace mdn
