#include "server/repository/repository_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/fake_engine.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A keeper of a real directory whose versions load as the test says.
class RepositoryKeeperTest : public testing::Test {
 protected:
  RepositoryKeeperTest() {
    options_.directory = directory_.path();
    options_.poll_interval = std::chrono::seconds(1);  // Should the system have no watch left.
    options_.load = [this](const std::string& name, int64_t version, const std::string&) {
      return LoadFake(name, version);
    };
    options_.on_load = [this](const LoadReport& report) {
      const std::lock_guard<std::mutex> lock(mutex_);
      reports_.push_back(absl::StrCat(report.name, "/", report.version, " ",
                                      report.status.ok() ? "ready" : "refused"));
    };
    repository_.Listen([this](const ServedModels&) {
      const std::lock_guard<std::mutex> lock(mutex_);
      published_.notify_all();
    });
  }
  ~RepositoryKeeperTest() override {
    Release();
    keeper_.reset();
    repository_.Listen(nullptr);
  }

  void Start() {
    auto keeper = RepositoryKeeper::Start(options_, repository_);
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
  }

  void Publish(const std::string& name, int64_t version, const std::string& bytes = "good") const {
    directory_.Write(absl::StrCat(".new/", version, "/model.pt"), bytes);
    std::filesystem::create_directories(absl::StrCat(directory_.path(), "/", name));
    directory_.Rename(absl::StrCat(".new/", version), absl::StrCat(name, "/", version));
  }

  /// Returns when what is published fits.
  template <class Predicate>
  void Await(Predicate fits) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool came = published_.wait_for(lock, std::chrono::seconds(30),
                                          [&] { return fits(*repository_.Snapshot()); });
    EXPECT_TRUE(came) << testing::PrintToString(States());
  }
  void AwaitStates(const std::vector<std::string>& states) {
    Await([&](const ServedModels&) { return States() == states; });
    EXPECT_EQ(States(), states);
  }

  std::vector<std::string> States() const {
    static constexpr const char* kNames[] = {"",          "LOADING", "READY",
                                             "UNLOADING", "FAILED",  "AVAILABLE"};
    std::vector<std::string> states;
    const auto models = repository_.Snapshot();
    for (const VersionStatus& status : models->statuses) {
      states.push_back(absl::StrCat(status.name, "/", status.version, " ",
                                    kNames[static_cast<int>(status.state)],
                                    status.reason.empty() ? "" : ": ", status.reason));
    }
    return states;
  }

  /// Where the answer goes. Abseil's package counts a status's owners out of the thread sanitizer's
  /// sight, so that the other thread gets one of its own.
  static RepositoryKeeper::Done Into(std::shared_ptr<std::promise<absl::Status>> done) {
    return [done](const absl::Status& status) {
      done->set_value(absl::Status(status.code(), status.message()));
    };
  }
  std::future<absl::Status> BeginLoad(const std::string& name) {
    auto done = std::make_shared<std::promise<absl::Status>>();
    keeper_->Load(name, Into(done));
    return done->get_future();
  }
  absl::Status Load(const std::string& name) { return BeginLoad(name).get(); }
  std::future<absl::Status> BeginUnload(const std::string& name) {
    auto done = std::make_shared<std::promise<absl::Status>>();
    keeper_->Unload(name, Into(done));
    return done->get_future();
  }
  absl::Status Unload(const std::string& name) { return BeginUnload(name).get(); }

  /// From now on loading stops before it begins.
  void Block() {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocking_ = true;
  }
  void AwaitBlocked() {
    std::unique_lock<std::mutex> lock(mutex_);
    blocked_.wait(lock, [this] { return is_blocked_; });
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocking_ = false;
    released_.notify_all();
  }

  std::vector<std::string> reports() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return reports_;
  }

  TemporaryDirectory directory_;
  ModelRepository repository_;
  RepositoryKeeper::Options options_;
  std::unique_ptr<RepositoryKeeper> keeper_;

 private:
  absl::StatusOr<std::unique_ptr<ServedModel>> LoadFake(const std::string& name, int64_t version) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      is_blocked_ = blocking_;
      blocked_.notify_all();
      released_.wait(lock, [this] { return !blocking_; });
    }
    std::ifstream file(VersionDirectory(directory_.path(), name, version) + "/model.pt");
    std::string content;
    std::getline(file, content);
    if (content != "good") return absl::InvalidArgumentError(absl::StrCat("model.pt: ", content));
    ModelDescription description;
    description.name = name;
    description.version = version;
    return std::make_unique<ServedModel>(description, std::make_unique<FakeEngine>(),
                                         Batcher::Options());
  }

  std::mutex mutex_;
  std::condition_variable published_, blocked_, released_;
  // Guarded by mutex_.
  bool blocking_ = false;
  bool is_blocked_ = false;
  std::vector<std::string> reports_;
};

TEST_F(RepositoryKeeperTest, LoadsWhatIsThereAndIsReadyWhenAllHasBeenTried) {
  Publish("wind", 1);
  Publish("price", 2, "bad");
  Block();
  Start();
  AwaitStates({"price/2 LOADING", "wind/1 LOADING"});
  EXPECT_FALSE(repository_.Snapshot()->is_ready);
  EXPECT_EQ(repository_.Find("wind", 0).status(),
            absl::UnavailableError("model 'wind' is loading"));
  Release();
  AwaitStates({"price/2 FAILED: model.pt: bad", "wind/1 READY"});
  Await([](const ServedModels& models) { return models.is_ready; });
  EXPECT_TRUE(repository_.Find("wind", 0).ok());
  EXPECT_EQ(repository_.Find("price", 0).status(),
            absl::NotFoundError("model 'price' was refused; ListModels tells why"));
  EXPECT_THAT(reports(), ElementsAre("price/2 refused", "wind/1 ready"));
}

TEST_F(RepositoryKeeperTest, WithStrictReadinessABadModelKeepsTheServerFromBeingReady) {
  options_.strict_readiness = true;
  Publish("price", 2, "bad");
  Publish("wind", 1);
  Start();
  AwaitStates({"price/2 FAILED: model.pt: bad", "wind/1 READY"});
  EXPECT_FALSE(repository_.Snapshot()->is_ready);
  Publish("price", 3);
  Await([](const ServedModels& models) { return models.is_ready; });
}

TEST_F(RepositoryKeeperTest, SeesANewVersionAndFreesTheOldOne) {
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  std::weak_ptr<ServedModel> old = *repository_.Find("wind", 1);
  Publish("wind", 2);
  AwaitStates({"wind/1 AVAILABLE", "wind/2 READY"});
  EXPECT_TRUE(old.expired());
}

TEST_F(RepositoryKeeperTest, AVersionInUseIsUnloadingUntilItsLastCallEnds) {
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  std::shared_ptr<ServedModel> in_use = *repository_.Find("wind", 0);
  Publish("wind", 2);
  AwaitStates({"wind/1 UNLOADING", "wind/2 READY"});
  EXPECT_EQ(in_use->description().version, 1);
  in_use.reset();
  AwaitStates({"wind/1 AVAILABLE", "wind/2 READY"});
}

TEST_F(RepositoryKeeperTest, SeesAnOverwrittenVersionAndAPolicy) {
  Publish("wind", 1);
  Publish("wind", 2, "bad");
  Start();
  AwaitStates({"wind/1 READY", "wind/2 FAILED: model.pt: bad"});
  directory_.Write("wind/2/model.pt", "good");  // Tried again after the back-off.
  AwaitStates({"wind/1 AVAILABLE", "wind/2 READY"});
  directory_.Write("wind/model_policy.json", R"({"versions": "all"})");
  AwaitStates({"wind/1 READY", "wind/2 READY"});
  directory_.Write("wind/model_policy.json", R"({"versions": []})");
  AwaitStates({"wind/1 AVAILABLE", "wind/2 AVAILABLE"});
  EXPECT_FALSE(repository_.Snapshot()->is_ready);
}

TEST_F(RepositoryKeeperTest, ServesOnWhenTheRepositoryVanishes) {
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  const std::string away = directory_.path() + ".away";
  std::filesystem::rename(directory_.path(), away);
  Await([](const ServedModels& models) { return !models.problem.empty(); });
  EXPECT_EQ(repository_.Snapshot()->problem, "cannot be read: No such file or directory");
  EXPECT_TRUE(repository_.Find("wind", 0).ok());
  EXPECT_TRUE(repository_.Snapshot()->is_ready);
  EXPECT_EQ(Load("wind"), absl::UnavailableError(
                              "the model repository cannot be read: No such file or directory"));
  std::filesystem::rename(away, directory_.path());
  EXPECT_EQ(Load("wind"), absl::OkStatus());
  EXPECT_EQ(repository_.Snapshot()->problem, "");
}

TEST_F(RepositoryKeeperTest, ServesOnWhenTheFilesVanish) {
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  directory_.Remove("wind");
  AwaitStates({"wind/1 READY: its files are gone; it is served from memory"});
  EXPECT_TRUE(repository_.Snapshot()->is_ready);
}

TEST_F(RepositoryKeeperTest, FixedLooksOnlyWhenTold) {
  options_.mode = RepositoryMode::kFixed;
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  std::shared_ptr<ServedModel> in_use = *repository_.Find("wind", 0);
  Publish("wind", 2);
  keeper_->Rescan();
  AwaitStates({"wind/1 UNLOADING", "wind/2 READY"});
  Publish("wind", 3);
  Publish("price", 1);
  in_use.reset();  // The keeper wakes to free it, and would publish what it saw if it looked.
  AwaitStates({"wind/1 AVAILABLE", "wind/2 READY"});
  keeper_->Rescan();
  AwaitStates({"price/1 READY", "wind/1 AVAILABLE", "wind/2 AVAILABLE", "wind/3 READY"});
  EXPECT_EQ(Unload("wind").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RepositoryKeeperTest, ExplicitServesWhatWasAskedFor) {
  options_.mode = RepositoryMode::kExplicit;
  options_.initial_models = {"wind"};
  Publish("wind", 1);
  Publish("price", 1);
  Start();
  AwaitStates({"price/1 AVAILABLE", "wind/1 READY"});
  EXPECT_EQ(repository_.Snapshot()->default_name, "wind");
  EXPECT_EQ(Load("price"), absl::OkStatus());
  EXPECT_THAT(States(), ElementsAre("price/1 READY", "wind/1 READY"));
  EXPECT_EQ(repository_.Snapshot()->default_name, "");
  EXPECT_EQ(Unload("wind"), absl::OkStatus());
  AwaitStates({"price/1 READY", "wind/1 AVAILABLE"});
  EXPECT_EQ(Unload("wind"), absl::NotFoundError("name: the model is not served"));
  EXPECT_EQ(repository_.Find("wind", 0).status(),
            absl::NotFoundError("model.name: model 'wind' is not served"));
}

TEST_F(RepositoryKeeperTest, ExplicitCanBeginWithAll) {
  options_.mode = RepositoryMode::kExplicit;
  options_.initial_models = {"*"};
  Publish("wind", 1);
  Publish("price", 1);
  Start();
  AwaitStates({"price/1 READY", "wind/1 READY"});
}

TEST_F(RepositoryKeeperTest, LoadTellsWhyAndTriesAgainWhateverFailedBefore) {
  options_.mode = RepositoryMode::kExplicit;
  Publish("wind", 1, "bad");
  Start();
  EXPECT_EQ(Load("rain"), absl::NotFoundError("name: the model repository holds no such model"));
  EXPECT_EQ(Load("../wind"), absl::NotFoundError("name: the model repository holds no such model"));
  EXPECT_EQ(Load("wind"), absl::FailedPreconditionError("version 1 was refused: model.pt: bad"));
  EXPECT_EQ(Load("wind"), absl::FailedPreconditionError("version 1 was refused: model.pt: bad"));
  directory_.Write("wind/1/model.pt", "good");
  EXPECT_EQ(Load("wind"), absl::OkStatus());
  directory_.Write("wind/model_policy.json", "{");
  EXPECT_THAT(std::string(Load("wind").message()), HasSubstr("model_policy.json: "));
  EXPECT_EQ(Load("wind").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(RepositoryKeeperTest, StopAnswersWhoeverWaitsThoughALoadGoesOn) {
  options_.mode = RepositoryMode::kExplicit;
  Publish("wind", 1);
  Start();
  Block();
  std::future<absl::Status> load = BeginLoad("wind");
  AwaitBlocked();
  keeper_->Stop();
  EXPECT_EQ(load.get(), absl::UnavailableError("the server is draining"));
  EXPECT_EQ(Load("wind"), absl::UnavailableError("the server is draining"));
}

TEST_F(RepositoryKeeperTest, ALoadThatAnUnloadOvertakesIsAborted) {
  options_.mode = RepositoryMode::kExplicit;
  Publish("wind", 1);
  Start();
  Block();
  std::future<absl::Status> first = BeginLoad("wind");
  AwaitBlocked();
  // These come together, once it looks up from its work.
  std::future<absl::Status> second = BeginLoad("wind");
  std::future<absl::Status> unload = BeginUnload("wind");
  Release();
  EXPECT_EQ(first.get(), absl::OkStatus());
  EXPECT_EQ(unload.get(), absl::OkStatus());
  EXPECT_EQ(second.get(), absl::AbortedError("name: the model was unloaded meanwhile"));
}

TEST_F(RepositoryKeeperTest, MoreCallsThanMayWaitAreRefused) {
  options_.mode = RepositoryMode::kExplicit;
  Publish("wind", 1);
  Start();
  Block();
  std::vector<std::future<absl::Status>> loads;
  loads.push_back(BeginLoad("wind"));
  AwaitBlocked();
  for (int i = 0; i < 64; ++i) loads.push_back(BeginLoad("wind"));
  EXPECT_EQ(loads.back().get(), absl::ResourceExhaustedError(
                                    "64 calls wait for the model repository, the most it takes"));
  loads.pop_back();
  Release();
  for (auto& answer : loads) EXPECT_EQ(answer.get(), absl::OkStatus());
}

TEST_F(RepositoryKeeperTest, ManyThreadsLoadAndUnloadAndTheLastWordHolds) {
  options_.mode = RepositoryMode::kExplicit;
  Publish("wind", 1);
  Publish("price", 1);
  Start();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i] {
      for (int k = 0; k < 50; ++k) {
        (k + i) % 2 == 0 ? (void)Load(i % 2 == 0 ? "wind" : "price")
                         : (void)Unload(i % 2 == 0 ? "wind" : "price");
        if (const auto model = repository_.Find("wind", 0); model.ok()) {
          EXPECT_EQ((*model)->description().name, "wind");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Load("wind"), absl::OkStatus());
  (void)Unload("price");
  AwaitStates({"price/1 AVAILABLE", "wind/1 READY"});
}

TEST_F(RepositoryKeeperTest, TheStartNamesADirectoryThatIsNotThere) {
  options_.directory = "/nothing/there";
  EXPECT_EQ(RepositoryKeeper::Start(options_, repository_).status(),
            absl::NotFoundError("/nothing/there: cannot be read: No such file or directory"));
}

TEST_F(RepositoryKeeperTest, ModelsMayOutliveTheKeeper) {
  Publish("wind", 1);
  Start();
  AwaitStates({"wind/1 READY"});
  std::shared_ptr<ServedModel> model = *repository_.Find("wind", 0);
  keeper_.reset();
  EXPECT_TRUE(repository_.Find("wind", 0).ok());
  EXPECT_EQ(model->description().version, 1);
}

}  // namespace
}  // namespace mdn
