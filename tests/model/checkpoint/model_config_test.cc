#include "model/checkpoint/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/model/checkpoint/fails.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;

absl::StatusOr<ConfigHints> Parse(const std::string& json) {
  return ParseConfigJson(json, "model.json");
}

ConfigHints From(const std::string& origin) {
  ConfigHints hints;
  hints.origin = origin;
  return hints;
}

TEST(ParseConfigJsonTest, ReadsEveryKey) {
  const auto hints = Parse(R"({"format_version": 1, "dim_in": 3, "dim_out": 2, "n_components": 4,
      "hidden_dim": 16, "noise_type": "fixed", "fixed_noise_level": 0.3,
      "isotropic_layout": "per_component", "x_shift": [1, 2, 3], "x_scale": [4, 5, 6],
      "y_shift": [7, 8], "y_scale": [9, 10.5], "source": "experiment 7"})");
  ASSERT_THAT(hints, Loads());
  EXPECT_EQ(hints->origin, "model.json");
  EXPECT_EQ(hints->dim_in, 3);
  EXPECT_EQ(hints->dim_out, 2);
  EXPECT_EQ(hints->n_components, 4);
  EXPECT_EQ(hints->hidden_dim, 16);
  EXPECT_EQ(hints->noise_type, NoiseType::kFixed);
  EXPECT_EQ(hints->fixed_noise_level, 0.3);
  EXPECT_EQ(hints->isotropic_layout, IsotropicLayout::kPerComponent);
  EXPECT_THAT(*hints->x_shift, ElementsAre(1, 2, 3));
  EXPECT_THAT(*hints->x_scale, ElementsAre(4, 5, 6));
  EXPECT_THAT(*hints->y_shift, ElementsAre(7, 8));
  EXPECT_THAT(*hints->y_scale, ElementsAre(9, 10.5));
  EXPECT_EQ(hints->source, "experiment 7");
}

TEST(ParseConfigJsonTest, TakesNoiseTypesAsPythonSpellsThem) {
  EXPECT_EQ(Parse(R"({"noise_type": "ISOTROPIC_ACROSS_CLUSTERS"})")->noise_type,
            NoiseType::kIsotropicAcrossClusters);
}

TEST(ParseConfigJsonTest, NullIsUnsaid) {
  const auto hints = Parse(R"({"fixed_noise_level": null, "dim_in": null, "x_shift": null})");
  ASSERT_THAT(hints, Loads());
  EXPECT_FALSE(hints->fixed_noise_level.has_value());
  EXPECT_FALSE(hints->dim_in.has_value());
  EXPECT_FALSE(hints->x_shift.has_value());
}

TEST(ParseConfigJsonTest, LeavesOtherKeysToTheirOwners) {
  EXPECT_THAT(Parse(R"({"x": {"shape": [1], "values": [[[1]]]}, "torch": "2.6", "loss": 1})"),
              Loads());
}

struct JsonCase {
  std::string json;
  std::string message;
};

class RefusedConfigTest : public ::testing::TestWithParam<JsonCase> {};

TEST_P(RefusedConfigTest, SaysWhatIsWrong) {
  EXPECT_THAT(Parse(GetParam().json), Refused("model.json: " + GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Json, RefusedConfigTest,
    ::testing::Values(
        JsonCase{R"({"noisetype": "fixed"})",
                 "has the unknown key noisetype; did you mean "
                 "noise_type?"},
        JsonCase{R"({"Noise-Type": "fixed"})", "has the unknown key Noise-Type; did you mean"},
        JsonCase{R"({"num_components": 3})",
                 "has the unknown key num_components; did you mean n_components?"},
        JsonCase{R"({"dim_out": "3"})", R"(dim_out is "3", expected an integer)"},
        JsonCase{R"({"dim_out": 3.5})", "dim_out is 3.5, expected an integer"},
        JsonCase{R"({"dim_out": 18446744073709551615})", "dim_out is 18446744073709551615"},
        JsonCase{R"({"noise_type": "gaussian"})",
                 R"(noise_type is "gaussian", expected diagonal, isotropic, )"},
        JsonCase{R"({"noise_type": 2})", "noise_type is 2, expected a string"},
        JsonCase{R"({"isotropic_layout": "x"})",
                 R"(isotropic_layout is "x", expected tiled or per_component)"},
        JsonCase{R"({"x_shift": 1})", "x_shift is 1, expected a list of numbers"},
        JsonCase{R"({"x_shift": [1, null]})", "x_shift is array of 2, expected a list of numbers"},
        JsonCase{R"({"format_version": 2})", "format_version is 2; this program knows version 1"},
        JsonCase{R"({"dim_in": 1, "dim_in": 1})", "has the key dim_in twice"},
        JsonCase{R"({"dim_in": 1e999})", "is no JSON: "},
        JsonCase{R"([1])", "is array, expected a JSON object"},
        JsonCase{R"({"a": )" + std::string(20, '['), "is no JSON"},
        JsonCase{R"({"a": )" + std::string(20, '[') + std::string(20, ']') + "}",
                 "is nested deeper than 16"},
        JsonCase{std::string("{}\0{", 4), "is no JSON: it has a NUL byte"}));

TEST(ParseConfigJsonTest, BoundsNestingWhateverItsDepth) {
  EXPECT_THAT(Parse(R"({"a": )" + std::string(1000000, '[') + std::string(1000000, ']') + "}"),
              Refused("is nested deeper than 16"));
}

TEST(ParseConfigJsonTest, BoundsTheNumberOfKeys) {
  std::string json = "{";
  for (int i = 0; i < 70000; ++i) json += "\"k" + std::to_string(i) + "\": 1, ";
  EXPECT_THAT(Parse(json + "\"k\": 1}"), Refused("has more than 65536 keys"));
}

TEST(ParseConfigMetadataTest, ReadsJsonInTexts) {
  const auto hints = ParseConfigMetadata({{"dim_in", "3"},
                                          {"noise_type", "\"isotropic\""},
                                          {"isotropic_layout", "per_component"},
                                          {"y_shift", "[0.5, -1]"},
                                          {"source", "\"run\""},
                                          {"fixed_noise_level", "null"},
                                          {"format", "pt"}},
                                         "__metadata__");
  ASSERT_THAT(hints, Loads());
  EXPECT_EQ(hints->dim_in, 3);
  EXPECT_EQ(hints->noise_type, NoiseType::kIsotropic);
  EXPECT_EQ(hints->isotropic_layout, IsotropicLayout::kPerComponent);
  EXPECT_THAT(*hints->y_shift, ElementsAre(0.5, -1));
  EXPECT_EQ(hints->source, "run");
  EXPECT_FALSE(hints->fixed_noise_level.has_value());
}

TEST(ParseConfigMetadataTest, RefusesWhatIsNoJson) {
  EXPECT_THAT(ParseConfigMetadata({{"dim_in", "three"}}, "__metadata__"),
              Refused("__metadata__: dim_in is no JSON"));
  EXPECT_THAT(ParseConfigMetadata({{"dim_inn", "3"}}, "__metadata__"),
              Refused("did you mean dim_in?"));
}

TEST(MergeHintsTest, TakesWhatAnySourceSays) {
  ConfigHints file = From("a.json");
  file.dim_in = 3;
  file.source = "file";
  ConfigHints flags = From("flags");
  flags.noise_type = NoiseType::kFull;
  flags.dim_in = 3;
  flags.source = "flags";
  const auto merged = MergeHints({file, flags});
  ASSERT_THAT(merged, Loads());
  EXPECT_EQ(merged->dim_in, 3);
  EXPECT_EQ(merged->noise_type, NoiseType::kFull);
  EXPECT_EQ(merged->source, "file");
  EXPECT_EQ(merged->origin, "a.json, flags");
}

TEST(MergeHintsTest, NamesOnlyTheSourcesThatSaySomething) {
  ConfigHints flags = From("flags");
  flags.dim_in = 3;
  EXPECT_EQ(MergeHints({From("a.json"), flags})->origin, "flags");
}

TEST(MergeHintsTest, AContradictionNamesKeyValuesAndOrigins) {
  ConfigHints file = From("a.json");
  file.x_scale = {{1, 2.5}};
  ConfigHints flags = From("flags");
  flags.x_scale = {{1, 2}};
  EXPECT_THAT(MergeHints({file, flags}),
              Refused("x_scale is [1, 2.5] by a.json, but [1, 2] by flags"));
}

TEST(ConfigFromHintsTest, LeavesWhatIsUnsaidAtZero) {
  const auto config = ConfigFromHints({});
  ASSERT_THAT(config, Loads());
  EXPECT_EQ(config->dim_in, 0);
  EXPECT_EQ(config->noise_type, NoiseType::kDiagonal);
  EXPECT_EQ(config->isotropic_layout, IsotropicLayout::kTiled);
  EXPECT_TRUE(config->x_shift.empty() && config->y_scale.empty());
}

TEST(ConfigFromHintsTest, TheLayoutMeansSomethingForIsotropicNoiseOnly) {
  ConfigHints hints;
  hints.isotropic_layout = IsotropicLayout::kPerComponent;
  EXPECT_EQ(ConfigFromHints(hints)->isotropic_layout, IsotropicLayout::kTiled);
  hints.noise_type = NoiseType::kIsotropic;
  EXPECT_EQ(ConfigFromHints(hints)->isotropic_layout, IsotropicLayout::kPerComponent);
}

TEST(ConfigFromHintsTest, RefusesValuesThatCannotBe) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  ConfigHints hints = From("flags");
  hints.dim_in = 0;
  EXPECT_THAT(ConfigFromHints(hints), Refused("dim_in is 0, expected 1 to 1048576 (flags)"));
  hints = From("flags");
  hints.fixed_noise_level = -0.5;
  EXPECT_THAT(ConfigFromHints(hints),
              Refused("fixed_noise_level is -0.5, expected finite and positive"));
  hints = From("flags");
  hints.y_scale = {{1, 0}};
  EXPECT_THAT(ConfigFromHints(hints), Refused("y_scale[1] is 0, expected finite and positive"));
  hints = From("flags");
  hints.x_shift = {{kInfinity}};
  EXPECT_THAT(ConfigFromHints(hints), Refused("x_shift[0] is inf, expected finite"));
  hints = From("flags");
  hints.x_shift = {{1, 2}};
  hints.x_scale = {{1}};
  EXPECT_THAT(ConfigFromHints(hints), Refused("x_shift is a list of 2, expected 1 numbers"));
}

}  // namespace
}  // namespace mdn
