#include "server/repository/repository_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_directory.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RepositoryScanTest : public testing::Test {
 protected:
  RepositoryListing Scan() const {
    auto listing = ScanRepository(directory_.path());
    EXPECT_TRUE(listing.ok()) << listing.status();
    return listing.value_or(RepositoryListing());
  }
  std::vector<int64_t> Versions(const std::string& model) const {
    std::vector<int64_t> versions;
    const RepositoryListing listing = Scan();
    for (const auto& [version, fingerprint] : listing.models.at(model).versions) {
      EXPECT_FALSE(fingerprint.empty());
      versions.push_back(version);
    }
    return versions;
  }

  TemporaryDirectory directory_;
};

TEST_F(RepositoryScanTest, FindsModelsAndVersions) {
  directory_.Write("wind/1/model.pt", "");
  directory_.Write("wind/10/model.pt", "");
  directory_.Write("wind/9223372036854775807/model.pt", "");
  directory_.Write("price.eu-2/3/model.pt", "");
  directory_.Write("a file", "");
  const RepositoryListing listing = Scan();
  EXPECT_EQ(listing.models.size(), 2u);
  EXPECT_THAT(listing.ignored, IsEmpty());
  EXPECT_THAT(Versions("wind"), ElementsAre(1, 10, INT64_MAX));
  EXPECT_THAT(Versions("price.eu-2"), ElementsAre(3));
}

TEST_F(RepositoryScanTest, IgnoresWhatIsNoVersionAndSaysSo) {
  for (const char* entry : {"0", "007", "v1", "-1", "+1", "1.0", " 1", "9223372036854775808"}) {
    directory_.Write(absl::StrCat("wind/", entry, "/model.pt"), "");
  }
  EXPECT_THAT(Versions("wind"), IsEmpty());
  EXPECT_EQ(Scan().ignored.size(), 8u);
  EXPECT_THAT(Scan().ignored,
              testing::Contains("wind/007 is no version: expected a number from 1, without zeros "
                                "before it"));
}

TEST_F(RepositoryScanTest, PassesOverWhatIsBeingWritten) {
  directory_.Write("wind/.2/model.pt", "");
  directory_.Write("wind/3.tmp/model.pt", "");
  directory_.Write(".wind/1/model.pt", "");
  directory_.Write("price.tmp/1/model.pt", "");
  const RepositoryListing listing = Scan();
  EXPECT_EQ(listing.models.size(), 1u);
  EXPECT_THAT(listing.ignored, IsEmpty());
  EXPECT_THAT(Versions("wind"), IsEmpty());
}

TEST_F(RepositoryScanTest, RefusesNamesThatAreUnfitToBeSaid) {
  directory_.Write("two words/1/model.pt", "");
  directory_.Write("w\nind/1/model.pt", "");
  directory_.Write("\xff/1/model.pt", "");
  directory_.Write(std::string(129, 'x') + "/1/model.pt", "");
  const RepositoryListing listing = Scan();
  EXPECT_THAT(listing.models, IsEmpty());
  EXPECT_EQ(listing.ignored.size(), 4u);
  EXPECT_THAT(listing.ignored, testing::Contains(HasSubstr("w\\x0aind is no model: expected a ")));
}

TEST_F(RepositoryScanTest, FollowsLinksAndPassesOverThoseToNothing) {
  directory_.Write("store/wind_v5/model.pt", "");
  std::filesystem::create_directories(directory_.path() + "/models/wind");
  const std::string wind = directory_.path() + "/models/wind";
  std::filesystem::create_directory_symlink("../../store/wind_v5", wind + "/5");
  std::filesystem::create_directory_symlink("../../store/nothing", wind + "/6");
  std::filesystem::create_directory_symlink("7", wind + "/7");
  std::filesystem::create_directory_symlink("wind", directory_.path() + "/models/again");
  const auto listing = ScanRepository(directory_.path() + "/models");
  ASSERT_TRUE(listing.ok());
  for (const char* model : {"wind", "again"}) {
    EXPECT_EQ(listing->models.at(model).versions.size(), 1u) << model;
    EXPECT_EQ(listing->models.at(model).versions.count(5), 1u) << model;
  }
}

TEST_F(RepositoryScanTest, OfManyVersionsLooksAtThoseThatThePolicyMayChoose) {
  for (int version = 1; version <= 500; ++version) {
    std::filesystem::create_directories(absl::StrCat(directory_.path(), "/wind/", version));
  }
  EXPECT_EQ(Versions("wind").size(), 17u);
  EXPECT_EQ(Versions("wind").back(), 500);
  directory_.Write("wind/model_policy.json", R"({"newest": 2, "labels": {"stable": 7}})");
  EXPECT_EQ(Versions("wind").size(), 19u);
  EXPECT_EQ(Versions("wind").front(), 7);
  directory_.Write("wind/model_policy.json", R"({"versions": "all"})");
  EXPECT_EQ(Versions("wind").size(), 500u);
}

TEST_F(RepositoryScanTest, AsksForNamedVersionsOnlyWhereTheyAre) {
  directory_.Write("wind/1/model.pt", "");
  directory_.Write("wind/model_policy.json", R"({"versions": [1, 99]})");
  EXPECT_THAT(Versions("wind"), ElementsAre(1));
}

TEST_F(RepositoryScanTest, ABadPolicyIsTheModelsOwnAffair) {
  directory_.Write("wind/1/model.pt", "");
  directory_.Write("wind/model_policy.json", R"({"newest": 0})");
  directory_.Write("price/1/model.pt", "");
  const RepositoryListing listing = Scan();
  EXPECT_EQ(listing.models.at("wind").policy.status(),
            absl::InvalidArgumentError(
                "model_policy.json: newest: got 0; expected a number from 1 to 256"));
  EXPECT_TRUE(listing.models.at("price").policy.ok());
}

TEST_F(RepositoryScanTest, SaysWhyTheDirectoryCannotBeRead) {
  EXPECT_EQ(ScanRepository(directory_.path() + "/nothing").status(),
            absl::NotFoundError("cannot be read: No such file or directory"));
  const std::string file = directory_.Write("file", "");
  EXPECT_EQ(ScanRepository(file).status(), absl::NotFoundError("cannot be read: Not a directory"));
}

}  // namespace
}  // namespace mdn
