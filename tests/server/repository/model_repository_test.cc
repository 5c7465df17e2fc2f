#include "server/repository/model_repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/fake_engine.h"

namespace mdn {
namespace {

std::shared_ptr<ServedModel> MakeModel(const std::string& name, int64_t version) {
  ModelDescription description;
  description.name = name;
  description.version = version;
  return std::make_shared<ServedModel>(description, std::make_unique<FakeEngine>(),
                                       Batcher::Options());
}

class ModelRepositoryTest : public testing::Test {
 protected:
  ModelRepositoryTest() {
    repository_.Add(MakeModel("wind", 1));
    repository_.Add(MakeModel("wind", 3));
    repository_.Add(MakeModel("price", 2));
  }

  int64_t VersionOf(const std::string& name, int64_t version) {
    const auto model = repository_.Find(name, version);
    return model.ok() ? (*model)->description().version : -1;
  }

  ModelRepository repository_;
};

TEST_F(ModelRepositoryTest, FindsTheNewestVersionOfTheDefaultModel) {
  const auto model = repository_.Find("", 0);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->description().name, "wind");
  EXPECT_EQ((*model)->description().version, 3);
}

TEST_F(ModelRepositoryTest, FindsByNameAndVersion) {
  EXPECT_EQ(VersionOf("wind", 1), 1);
  EXPECT_EQ(VersionOf("price", 0), 2);
}

TEST_F(ModelRepositoryTest, SaysWhatIsMissing) {
  EXPECT_EQ(repository_.Find("rain", 0).status(),
            absl::NotFoundError("model.name: there is no model 'rain'"));
  EXPECT_EQ(repository_.Find("wind", 2).status(),
            absl::NotFoundError("model.version: model 'wind' has no version 2; the newest is 3"));
}

TEST_F(ModelRepositoryTest, RefusesANegativeVersion) {
  EXPECT_EQ(
      repository_.Find("wind", -1).status(),
      absl::InvalidArgumentError("model.version: got -1; expected a version, or 0 for the newest"));
}

TEST_F(ModelRepositoryTest, ShowsHostileNamesEscapedAndCut) {
  EXPECT_EQ(repository_.Find("a\n\x1b[31m", 0).status().message(),
            "model.name: there is no model 'a\\n\\x1b[31m'");
  EXPECT_LT(repository_.Find(std::string(5000, 'x'), 0).status().message().size(), 200u);
}

TEST_F(ModelRepositoryTest, TellsOfEverythingInOrder) {
  std::vector<std::string> states;
  const auto models = repository_.Snapshot();
  for (const VersionStatus& status : models->statuses) {
    EXPECT_EQ(status.state, ModelState::kReady);
    states.push_back(status.name + std::to_string(status.version) +
                     (models->IsDefault(status.name, status.version) ? " default" : ""));
  }
  EXPECT_THAT(states, testing::ElementsAre("price2", "wind1", "wind3 default"));
  EXPECT_TRUE(models->is_ready);
}

TEST_F(ModelRepositoryTest, FindsByLabel) {
  auto models = std::make_shared<ServedModels>(*repository_.Snapshot());
  models->models.find("wind")->second.labels["stable"] = 1;
  repository_.Publish(models);
  const auto model = repository_.Find("wind", 0, "stable");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->description().version, 1);
  EXPECT_EQ(repository_.Find("wind", 0, "canary").status(),
            absl::NotFoundError("model.label: model 'wind' has no label 'canary'"));
  EXPECT_EQ(repository_.Find("wind", 3, "stable").status(),
            absl::InvalidArgumentError(
                "model.label: got 'stable' beside version 3; expected one of the two"));
}

TEST_F(ModelRepositoryTest, SaysWhyAVersionTakesNoTraffic) {
  auto models = std::make_shared<ServedModels>(*repository_.Snapshot());
  models->statuses.push_back({"wind", 4, ModelState::kLoading, "", {}});
  models->statuses.push_back({"wind", 5, ModelState::kFailed, "a reason", {}});
  models->statuses.push_back({"rain", 1, ModelState::kLoading, "", {}});
  models->statuses.push_back({"snow", 1, ModelState::kAvailable, "", {}});
  repository_.Publish(models);
  EXPECT_EQ(repository_.Find("wind", 4).status(),
            absl::UnavailableError("version 4 of model 'wind' is loading"));
  EXPECT_EQ(repository_.Find("wind", 5).status(),
            absl::NotFoundError("version 5 of model 'wind' was refused; ListModels tells why"));
  EXPECT_EQ(repository_.Find("rain", 0).status(),
            absl::UnavailableError("model 'rain' is loading"));
  EXPECT_EQ(repository_.Find("snow", 0).status(),
            absl::NotFoundError("model.name: model 'snow' is not served"));
}

TEST_F(ModelRepositoryTest, ARequestWithoutANameNeedsADefault) {
  auto models = std::make_shared<ServedModels>(*repository_.Snapshot());
  models->default_name = "";
  repository_.Publish(models);
  EXPECT_EQ(repository_.Find("", 0).status(),
            absl::InvalidArgumentError("model.name: is empty; expected one of several models"));
  repository_.Publish(std::make_shared<ServedModels>());
  EXPECT_EQ(repository_.Find("", 0).status(), absl::UnavailableError("no model is ready"));
}

TEST_F(ModelRepositoryTest, AListenerHearsOfThePresentAndOfWhatFollows) {
  std::vector<size_t> sizes;
  repository_.Listen([&](const ServedModels& models) { sizes.push_back(models.models.size()); });
  repository_.Add(MakeModel("rain", 1));
  repository_.Listen(nullptr);
  repository_.Add(MakeModel("snow", 1));
  EXPECT_THAT(sizes, testing::ElementsAre(2, 3));
}

}  // namespace
}  // namespace mdn
