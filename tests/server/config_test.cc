#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "server/command_line.h"
#include "server/machine_limits.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  static absl::StatusOr<Config> Parse(std::vector<std::string> flags) {
    if (auto rest = ParseFlags(flags); !rest.ok()) return rest.status();
    return ConfigFromFlags();
  }

 private:
  absl::FlagSaver saver_;
};

TEST_F(ConfigTest, NeedsNothingButAModel) {
  const auto config = Parse({"--model=some/dir/ex_1d.pt"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->model_name, "ex_1d");
  EXPECT_THAT(config->listen, ElementsAre("127.0.0.1:50051"));
  EXPECT_EQ(config->threads, UsableCpus());
  EXPECT_FALSE(config->load.flags.noise_type.has_value());
}

TEST_F(ConfigTest, TakesSeveralAddresses) {
  const auto config =
      Parse({"--model=m.pt", "--listen=127.0.0.1:0,[::1]:7", "--listen=unix:/run/mdn.sock"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->listen, ElementsAre("127.0.0.1:0", "[::1]:7", "unix:/run/mdn.sock"));
}

TEST_F(ConfigTest, PassesWhatTheFlagsSayOfTheNetwork) {
  const auto config = Parse({"--model=m.pt", "--noise_type=fixed", "--fixed_noise_level=0.3"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->load.flags.noise_type, NoiseType::kFixed);
  EXPECT_EQ(config->load.flags.fixed_noise_level, 0.3);
  EXPECT_EQ(config->load.flags.origin, "the flags");
}

struct BadFlag {
  std::string flag;
  std::string message;
};

class BadFlagTest : public ConfigTest, public testing::WithParamInterface<BadFlag> {};

TEST_P(BadFlagTest, IsRefusedByName) {
  const auto config = Parse({"--model=m.pt", GetParam().flag});
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(config.status().message(), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Flags, BadFlagTest,
    testing::Values(
        BadFlag{"--model=", "--model is given 2 times; expected once"},
        BadFlag{"--listen=localhost",
                "--listen: got 'localhost'; expected HOST:PORT with a port from 0 to 65535, or "
                "unix:PATH"},
        BadFlag{"--listen=localhost:70000",
                "--listen: got 'localhost:70000'; expected HOST:PORT with a port from 0 to 65535, "
                "or unix:PATH"},
        BadFlag{"--noise_type=gaussian",
                "--noise_type: got 'gaussian'; expected diagonal, isotropic, "
                "isotropic_across_clusters, fixed or full"},
        BadFlag{"--fixed_noise_level=-1",
                "--fixed_noise_level: got -1; expected a finite number above 0"},
        BadFlag{"--isotropic_layout=rows",
                "--isotropic_layout: got 'rows'; expected tiled or per_component"},
        BadFlag{"--engine=gpu", "--engine: got 'gpu'; expected auto, native or torch"},
        BadFlag{"--max_batch_rows=0", "--max_batch_rows: got 0; expected 1 to 1048576"},
        BadFlag{"--max_queue_rows=100",
                "--max_queue_rows: got 100; expected at least --max_request_rows, 16384, since a "
                "request waits whole"},
        BadFlag{"--max_message_bytes=1", "--max_message_bytes: got 1; expected 4096 to 1073741824"},
        BadFlag{"--repository_mode=poll",
                "--repository_mode: got 'poll'; expected fixed, watch or explicit"},
        BadFlag{"--load_models=m", "--load_models: expected it with --model_repository"},
        BadFlag{"--default_model=m", "--default_model: expected it with --model_repository"},
        BadFlag{"--strict_readiness", "--strict_readiness: expected it with --model_repository"},
        BadFlag{"--allow_administration",
                "--allow_administration: expected it with --model_repository"},
        BadFlag{"--repository_settle=-1s", "--repository_settle: got -1s; expected 0 to 24h"},
        BadFlag{"--repository_poll_interval=1ms",
                "--repository_poll_interval: got 1ms; expected 10ms to 24h"},
        BadFlag{"--threads=-1", "--threads: got -1; expected 1 to 1024"},
        BadFlag{"--max_connections=0", "--max_connections: got 0; expected 1 to 1048576"},
        BadFlag{"--max_connection_age=0", "--max_connection_age: got 0; expected 1s to 24h"},
        BadFlag{"--max_connection_age_grace=-1s",
                "--max_connection_age_grace: got -1s; expected 0 to 24h"},
        BadFlag{"--max_batch_delay=1m", "--max_batch_delay: got 1m; expected 0 to 10s"},
        BadFlag{"--log_format=xml", "--log_format: got 'xml'; expected text or json"},
        BadFlag{"--log_level=loud",
                "--log_level: got 'loud'; expected error, warning, info or debug"},
        BadFlag{"--access_log=some", "--access_log: got 'some'; expected off, errors or all"},
        BadFlag{"--access_log_sample=2", "--access_log_sample: got 2; expected 0 to 1"},
        BadFlag{"--tls_cert=c.pem", "--tls_key is missing; expected the key of --tls_cert"},
        BadFlag{"--tls_client_ca=c.pem", "--tls_client_ca needs --tls_cert and --tls_key"},
        BadFlag{"--lame_duck=2h", "--lame_duck: got 2h; expected 0 to 1h"},
        BadFlag{"--drain_timeout=-1s", "--drain_timeout: got -1s; expected 0 to 24h"}));

TEST_F(ConfigTest, NamesTheMissingModel) {
  EXPECT_EQ(Parse({}).status().message(),
            "--model is missing; expected the checkpoint to serve, or --model_repository");
}

TEST_F(ConfigTest, ServesADirectoryOfModelsInsteadOfOne) {
  const auto config =
      Parse({"--model_repository=models", "--repository_mode=explicit", "--load_models=a,b"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->repository.directory, "models");
  EXPECT_EQ(config->repository.mode, RepositoryMode::kExplicit);
  EXPECT_THAT(config->repository.load_models, ElementsAre("a", "b"));
  EXPECT_FALSE(config->load.allow_torchscript);
  EXPECT_FALSE(config->repository.allow_administration);
}

TEST_F(ConfigTest, ModelsToLoadAreForTheExplicitMode) {
  EXPECT_EQ(Parse({"--model_repository=models", "--load_models=m"}).status().message(),
            "--load_models: names models, but every one is served; expected it with "
            "--repository_mode=explicit");
}

TEST_F(ConfigTest, RefusesToServeBoth) {
  EXPECT_EQ(Parse({"--model=m.pt", "--model_repository=models"}).status().message(),
            "--model and --model_repository are both given; expected one of the two");
}

TEST_F(ConfigTest, TheModelsOfARepositoryHaveTheirOwnNames) {
  EXPECT_THAT(
      std::string(Parse({"--model_repository=models", "--model_name=m"}).status().message()),
      HasSubstr("--model_name is for --model"));
}

TEST_F(ConfigTest, NamesTheSourceOfABadValue) {
  ASSERT_TRUE(ParseFlags({"--model=m.pt"}).ok());
  ASSERT_TRUE(ReadSettings({"MDN_THREADS=-1"}).ok());
  EXPECT_EQ(ConfigFromFlags().status().message(), "MDN_THREADS: got -1; expected 1 to 1024");
}

TEST_F(ConfigTest, HelpNamesEveryFlagAndExitCode) {
  const std::string help = ConfigHelp();
  for (const char* flag :
       {"--listen=127.0.0.1:50051", "--max_batch_delay=0", "--lame_duck=5s", "--drain_timeout=20s",
        "--isotropic_layout", "--model_repository", "64 wrong usage"}) {
    EXPECT_THAT(help, HasSubstr(flag));
  }
}

}  // namespace
}  // namespace mdn
