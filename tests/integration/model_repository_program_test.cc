#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "model/checkpoint/checkpoint_file.h"
#include "tests/integration/repository_server.h"
#include "tests/support/await.h"
#include "tests/support/scrape.h"

namespace mdn {
namespace {

using grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

v1::ModelSpec Spec(const std::string& name, int64_t version, const std::string& label = "") {
  v1::ModelSpec spec;
  spec.set_name(name);
  spec.set_version(version);
  spec.set_label(label);
  return spec;
}

/// A small disk at a directory, until the object goes.
class SmallDisk {
 public:
  explicit SmallDisk(std::string directory)
      : directory_(std::move(directory)),
        is_mounted_(mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=128k") == 0) {}
  ~SmallDisk() {
    if (is_mounted_) umount2(directory_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_mounted() const { return is_mounted_; }

 private:
  const std::string directory_;
  const bool is_mounted_;
};

class ModelRepositoryProgramTest : public testing::Test {
 protected:
  void Publish(const std::string& model, int64_t version) const {
    repository_.Publish(model, version, RepositoryOnDisk::Network(version));
  }

  RepositoryOnDisk repository_;
};

TEST_F(ModelRepositoryProgramTest, LogsAPolicyThatItCannotUse) {
  Publish("wind", 1);
  repository_.Write("wind/model_policy.json", R"({"versions": "none"})");
  RepositoryServer server(repository_);
  const std::string reason = server.AwaitState("wind", 0, v1::MODEL_STATE_FAILED);
  EXPECT_THAT(reason, HasSubstr("model_policy.json: versions: got "));
  repository_.Write("wind/model_policy.json", R"({"versions": "all"})");
  EXPECT_TRUE(server.AwaitVersion(1));
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(), 0);
  EXPECT_THAT(server.process().errors(),
              HasSubstr("model 'wind': " + reason + "; what is loaded is served on"));
  EXPECT_THAT(server.process().errors(),
              HasSubstr("model 'wind': its directory and policy are in order again"));
}

TEST_F(ModelRepositoryProgramTest, BeginsEmptyAndServesWhatComes) {
  RepositoryServer server(repository_);
  EXPECT_EQ(server.Health(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::SERVICE_UNKNOWN);
  const Answers::Answer answer = Answers::Ask(server.stub(), 0);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(answer.status.error_message(), "no model is ready");
  Publish("wind", 1);
  EXPECT_TRUE(server.AwaitHealth("wind", HealthCheckResponse::SERVING));
  EXPECT_TRUE(server.AwaitHealth("", HealthCheckResponse::SERVING));
  EXPECT_EQ(server.VersionThatAnswers("wind"), 1);
}

TEST_F(ModelRepositoryProgramTest, RequestsNameVersionsAndLabels) {
  Publish("wind", 1);
  Publish("wind", 2);
  repository_.Write("wind/model_policy.json",
                    R"({"newest": 1, "labels": {"stable": 1, "canary": 2}})");
  RepositoryServer server(repository_);
  ASSERT_TRUE(server.AwaitHealth("", HealthCheckResponse::SERVING));
  EXPECT_EQ(Answers::Ask(server.stub(), 0, Spec("wind", 0)).version, 2);
  EXPECT_EQ(Answers::Ask(server.stub(), 1, Spec("wind", 1)).version, 1);
  EXPECT_EQ(Answers::Ask(server.stub(), 2, Spec("wind", 0, "stable")).version, 1);
  EXPECT_EQ(Answers::Ask(server.stub(), 0, Spec("", 0, "canary")).version, 2);
  const auto status = Answers::Ask(server.stub(), 0, Spec("wind", 0, "newest")).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "model.label: model 'wind' has no label 'newest'");
  EXPECT_EQ(Answers::Ask(server.stub(), 0, Spec("wind", 1, "stable")).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ModelRepositoryProgramTest, AdministrationIsOffUnlessAllowed) {
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_mode=explicit", "--load_models=wind"});
  ASSERT_TRUE(server.AwaitVersion(1));
  for (const grpc::Status& status : {server.Load("wind"), server.Unload("wind")}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  }
  EXPECT_EQ(server.Index().models_size(), 1);
}

TEST_F(ModelRepositoryProgramTest, LoadsAndUnloadsByNameAndHealthFollows) {
  Publish("wind", 1);
  Publish("price", 1);
  RepositoryServer server(repository_, {"--repository_mode=explicit", "--allow_administration"});
  EXPECT_EQ(server.AwaitState("wind", 1, v1::MODEL_STATE_AVAILABLE), "");
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(server.Load("wind").ok());
  EXPECT_EQ(server.VersionThatAnswers("wind"), 1);
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::SERVING);
  EXPECT_EQ(server.Health("price"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server.Health(""), HealthCheckResponse::SERVING);
  EXPECT_TRUE(server.Unload("wind").ok());
  EXPECT_EQ(server.VersionThatAnswers("wind"), 0);
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server.Health(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(server.Load("../wind").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(server.Load("rain").error_message(), "name: the model repository holds no such model");
}

TEST_F(ModelRepositoryProgramTest, WithTokensOnlyTheRoleAdministerLoadsAndUnloads) {
  const std::string caller = "0123456789abcdef-caller";
  const std::string administrator = "0123456789abcdef-operator";
  const TemporaryDirectory secrets;
  const std::string tokens =
      secrets.Write("tokens.json", R"({"caller": {"token": ")" + caller + R"(", "roles": ["call"]},
                         "operator": {"token": ")" +
                                       administrator + R"(", "roles": ["administer"]}})");
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_mode=explicit", "--token_file=" + tokens});
  EXPECT_EQ(server.Load("wind").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(server.Load("wind", caller).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(server.Load("wind", administrator).ok());
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::SERVING);
  EXPECT_EQ(server.Unload("wind").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(server.Unload("wind", caller).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::SERVING);
  EXPECT_TRUE(server.Unload("wind", administrator).ok());
  EXPECT_EQ(server.Health("wind"), HealthCheckResponse::NOT_SERVING);
}

TEST_F(ModelRepositoryProgramTest, ServesTorchScriptWhereThatIsAllowed) {
  const std::string script =
      ReadRegularFile(MDN_TEST_DATA "/small_torchscript.ts", 1 << 20).value();
  repository_.Write("wind/1/model.ts", script);
  {
    RepositoryServer server(repository_);
    EXPECT_THAT(server.AwaitState("wind", 1, v1::MODEL_STATE_FAILED),
                HasSubstr("--allow_torchscript"));
  }
  RepositoryServer server(repository_, {"--allow_torchscript", "--repository_settle=0s"});
  ASSERT_TRUE(server.AwaitHealth("wind", HealthCheckResponse::SERVING));
  repository_.Write("wind/.2/model.ts", script);
  std::filesystem::rename(repository_.path() + "/wind/.2", repository_.path() + "/wind/2");
  EXPECT_EQ(server.AwaitState("wind", 2, v1::MODEL_STATE_READY), "");
  grpc::ClientContext context;
  v1::GetModelRequest request;
  v1::ModelInfo info;
  EXPECT_TRUE(server.stub().GetModel(&context, request, &info).ok());
  EXPECT_EQ(info.model().version(), 2);
  EXPECT_EQ(info.engine(), "torch");
  EXPECT_EQ(info.format(), "torchscript");
}

TEST_F(ModelRepositoryProgramTest, TheSeriesOfAModelGoWithIt) {
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_mode=explicit", "--allow_administration",
                                        "--metrics_listen=127.0.0.1:0"});
  const std::string line = server.process().ReadLine();
  const std::string monitoring = line.substr(line.rfind(' ') + 1);
  const auto series = [&monitoring] {
    std::set<std::string> names;
    std::istringstream text(HttpGet(monitoring, "/metrics").body);
    for (std::string each; std::getline(text, each);) {
      if (each.find("{model=\"wind\"") != std::string::npos)
        names.insert(each.substr(0, each.find('{')));
    }
    return names;
  };
  EXPECT_TRUE(server.Load("wind").ok());
  EXPECT_EQ(server.VersionThatAnswers("wind"), 1);
  EXPECT_THAT(series(), testing::IsSupersetOf({"mdn_rows_total", "mdn_model_info", "mdn_queue_rows",
                                               "mdn_evaluate_seconds_count"}));
  EXPECT_TRUE(server.Unload("wind").ok());
  // The state of what could be loaded stays.
  EXPECT_TRUE(Await([&] { return series() == std::set<std::string>{"mdn_model_state"}; }));
}

TEST_F(ModelRepositoryProgramTest, SighupLooksAgain) {
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_mode=fixed"});
  ASSERT_TRUE(server.AwaitVersion(1));
  Publish("wind", 2);
  server.process().Signal(SIGHUP);
  EXPECT_TRUE(server.AwaitVersion(2));
}

TEST_F(ModelRepositoryProgramTest, ServesOnWhenTheRepositoryVanishesAndSaysSo) {
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_poll_interval=50ms"});
  ASSERT_TRUE(server.AwaitHealth("", HealthCheckResponse::SERVING));
  const std::string away = repository_.path() + ".away";
  std::filesystem::rename(repository_.path(), away);
  EXPECT_TRUE(Await([&] { return !server.Index().problem().empty(); }));
  EXPECT_EQ(server.Index().problem(), "cannot be read: No such file or directory");
  EXPECT_EQ(server.VersionThatAnswers(), 1);
  EXPECT_EQ(server.Health(""), HealthCheckResponse::SERVING);
  std::filesystem::rename(away, repository_.path());
  Publish("wind", 2);
  EXPECT_TRUE(server.AwaitVersion(2));
  EXPECT_EQ(server.Index().problem(), "");
}

TEST_F(ModelRepositoryProgramTest, ServesOnWhileTheDiskIsFull) {
  const SmallDisk disk(repository_.path());
  if (!disk.is_mounted()) GTEST_SKIP() << "mounting a file system needs root";
  Publish("wind", 1);
  RepositoryServer server(repository_, {"--repository_settle=0s"});
  ASSERT_TRUE(server.AwaitVersion(1));
  repository_.Write("filler", std::string(128 << 10, 'x'));
  std::filesystem::create_directories(repository_.path() + "/wind/2");
  std::ofstream(repository_.path() + "/wind/2/model.safetensors") << RepositoryOnDisk::Network(2);
  EXPECT_THAT(server.AwaitState("wind", 2, v1::MODEL_STATE_FAILED), HasSubstr("model."));
  EXPECT_EQ(server.VersionThatAnswers(), 1);
  EXPECT_EQ(server.Health(""), HealthCheckResponse::SERVING);
  std::filesystem::remove(repository_.path() + "/filler");
  repository_.Write("wind/2/model.safetensors", RepositoryOnDisk::Network(2));
  EXPECT_TRUE(server.AwaitVersion(2));
}

TEST_F(ModelRepositoryProgramTest, ADirectoryThatIsNotThereStopsTheStart) {
  ChildProcess server({MDN_SERVER_PROGRAM, "--model_repository=/nothing/there"});
  EXPECT_EQ(server.Wait(), 66);
  EXPECT_THAT(server.errors(),
              HasSubstr("/nothing/there: cannot be read: No such file or directory"));
}

}  // namespace
}  // namespace mdn
