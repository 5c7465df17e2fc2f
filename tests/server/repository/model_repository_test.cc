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

TEST_F(ModelRepositoryTest, ListsEverythingInOrder) {
  std::vector<std::string> names;
  for (const auto& model : repository_.List()) {
    names.push_back(model->description().name + std::to_string(model->description().version));
  }
  EXPECT_THAT(names, testing::ElementsAre("price2", "wind1", "wind3"));
}

}  // namespace
}  // namespace mdn
