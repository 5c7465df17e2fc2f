#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ToolPlotTest : public ::testing::Test {
 protected:
  static FakeModel OneFeature() {
    FakeModel model;
    model.dim_in = 1;
    return model;
  }

  static ToolResult Plot(const FakeService& service, std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"plot", absl::StrCat("--server=", service.address())});
    return RunTool(flags);
  }

  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  static void ExpectRefusal(const ToolResult& result, int exit_code, const std::string& message) {
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_EQ(result.err, absl::StrCat("mdn_client: ", message, "\n"));
    EXPECT_EQ(result.out, "");
  }

  const FakeService service_{OneFeature()};
  const FakeService wide_;
  const std::string data_ = WriteTestFile("observed.csv", "time,price\n0,1\n2,2.5\n4,3\n");
};

TEST_F(ToolPlotTest, DrawsInTheTerminalWhereNoFileIsAskedFor) {
  const ToolResult result = Plot(service_, {"--x_range=0:4", "--y_range=-1:7"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("           p(y | x)\n         7|"));
  EXPECT_THAT(result.out, HasSubstr("\n           0 "));
}

// The service takes a hundred rows in a request.
TEST_F(ToolPlotTest, AsksForTheGridAndTheSamplesItShows) {
  ASSERT_EQ(Plot(service_, {"--x_range=0:3", "--num_samples=140", "--seed=5"}).exit_code, 0);
  const std::vector<v1::PredictRequest> predictions = service_.predictions();
  ASSERT_EQ(predictions.size(), 3);
  EXPECT_FLOAT_EQ(predictions.front().x().values(0), 0.005);
  EXPECT_FLOAT_EQ(predictions.back().x().values(99), 2.995);
  const std::vector<v1::SampleRequest> samples = service_.samples();
  ASSERT_EQ(samples.size(), 2);
  EXPECT_EQ(samples[0].x().shape(0), 100);
  EXPECT_EQ(samples[1].x().shape(0), 40);
  EXPECT_EQ(samples[0].seed(), 5);
  EXPECT_EQ(samples[1].seed(), 6);
}

TEST_F(ToolPlotTest, TakesEverySeedOfTheServers) {
  const ToolResult result =
      Plot(service_, {"--x_range=0:3", "--num_samples=1", "--seed=18446744073709551615"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_EQ(service_.samples().size(), 1);
  EXPECT_EQ(service_.samples().front().seed(), std::numeric_limits<uint64_t>::max());
}

TEST_F(ToolPlotTest, HoldsTheOtherFeaturesWhereTheyAreSaid) {
  ASSERT_EQ(Plot(wide_, {"--x_range=0:3", "--feature=1", "--at=7,0", "--num_samples=0"}).exit_code,
            0);
  const std::vector<v1::PredictRequest> predictions = wide_.predictions();
  ASSERT_FALSE(predictions.empty());
  EXPECT_EQ(predictions[0].x().values(0), 7);
  EXPECT_FLOAT_EQ(predictions[0].x().values(1), 0.005);
  EXPECT_TRUE(wide_.samples().empty());
}

TEST_F(ToolPlotTest, WritesPng) {
  const std::string path = TestPath("picture.png");
  const ToolResult result =
      Plot(service_, {"--data=" + data_, "--panels=observed,sampled,density", "--output=" + path});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const std::string picture = Contents(path);
  ASSERT_EQ(picture.substr(0, 8), "\x89PNG\r\n\x1a\n");
  // Width and height stand in the first chunk, high byte first.
  EXPECT_EQ(picture.substr(16, 8), std::string("\0\0\x05\x46\0\0\x01\x90", 8));
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  // One draw at each observation, and those that the density shows.
  ASSERT_EQ(service_.samples().size(), 1 + 3);
  EXPECT_EQ(service_.samples()[0].x().shape(0), 3);
}

TEST_F(ToolPlotTest, WritesSvgWithTheColumnsNames) {
  const std::string path = TestPath("picture.SVG");
  ASSERT_EQ(Plot(service_, {"--data=" + data_, "--output=" + path, "--title=Prices"}).exit_code, 0);
  const std::string picture = Contents(path);
  EXPECT_NE(picture.find("<svg"), std::string::npos);
  for (const char* text : {"Prices", "time", "price", "central 90 %", "mean", "observed"}) {
    EXPECT_NE(picture.find(text), std::string::npos) << text;
  }
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(ToolPlotTest, NamesTheAxesOfEveryPanelAndKeepsTheCellsOfHistogramsSharp) {
  const std::string path = TestPath("panels.svg");
  ASSERT_EQ(Plot(service_, {"--data=" + data_, "--panels=observed,sampled", "--output=" + path})
                .exit_code,
            0);
  const std::string picture = Contents(path);
  EXPECT_EQ(Count(picture, ">time<"), 2);
  EXPECT_EQ(Count(picture, ">price<"), 2);
  // Viewers smooth images.
  EXPECT_EQ(Count(picture, "<image"), 0);
}

TEST_F(ToolPlotTest, ThinsObservationsThatWouldHideTheDensity) {
  std::string data;
  for (int i = 0; i < 2001; ++i) absl::StrAppend(&data, i, ",", i % 7, "\n");
  const std::string many = WriteTestFile("many.csv", data);
  const ToolResult result = Plot(service_, {"--data=" + many});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n           o observed, 1 in 3   ~ central 90 %   m mean\n"));
}

TEST_F(ToolPlotTest, TakesTheColumnsThatAreNamed) {
  const std::string table =
      WriteTestFile("table.csv", "id,\"price\",time,note\nr1,1,0,x\nr2,2.5,2,\nr3,3,4,z\n");
  const ToolResult named = Plot(service_, {"--data=" + table, "--columns=time,price"});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(named.out, Plot(service_, {"--data=" + data_}).out);
  ExpectRefusal(Plot(service_, {"--data=" + table, "--columns=time,cost"}), 65,
                absl::StrCat("INVALID_ARGUMENT: ", table,
                             ", line 1: there is no column \"cost\"; the columns are \"id\", "
                             "\"price\", \"time\", \"note\""));
  ExpectRefusal(
      Plot(service_, {"--data=" + table, "--columns=time,note"}), 65,
      absl::StrCat("INVALID_ARGUMENT: ", table, ", line 2, column 4: \"x\" is not a number"));
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--columns=time,price"}), 64,
                "--columns: needs --data");
}

TEST_F(ToolPlotTest, RefusesFlagsThatDoNotFit) {
  ExpectRefusal(Plot(service_, {}), 64, "--x_range: required without --data");
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--panels=observed"}), 64,
                "--panels: observed needs --data");
  ExpectRefusal(Plot(service_, {"--x_range=1:0"}), 64,
                "--x_range: \"1:0\" is no range such as -1:2.5");
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--panels=pie"}), 64,
                "--panels: \"pie\" is none of observed, sampled, density");
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--output=a.jpg"}), 64,
                "--output: \"a.jpg\" ends neither in .png nor in .svg");
}

TEST_F(ToolPlotTest, RefusesWhatTheModelDoesNotHave) {
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--feature=1"}), 65,
                "INVALID_ARGUMENT: --feature: got 1; the model has features 0 to 0");
  ExpectRefusal(Plot(service_, {"--x_range=0:1", "--dimension=2"}), 65,
                "INVALID_ARGUMENT: --dimension: got 2; the model has dimensions 0 to 0");
  ExpectRefusal(Plot(wide_, {"--x_range=0:1"}), 65,
                "INVALID_ARGUMENT: --at: got 0 values; the model has 2 features, of which "
                "--feature varies and --at holds the others");
  ExpectRefusal(
      Plot(wide_, {"--data=" + data_, "--at=0,0"}), 65,
      absl::StrCat("INVALID_ARGUMENT: ", data_, ": 2 columns, expected 2 of x and then 1 of y"));
}

TEST_F(ToolPlotTest, LeavesThePictureThatWasThereWhenItFails) {
  const std::string path = WriteTestFile("kept.png", "old");
  ToolResult result = RunShell(absl::StrCat(
      "PATH=/nowhere $TOOL plot --server=", service_.address(), " --x_range=0:1 --output=", path));
  ExpectRefusal(result, 1,
                "FAILED_PRECONDITION: gnuplot draws the pictures, and is not installed; on "
                "Debian: apt-get install gnuplot-nox");
  EXPECT_EQ(Contents(path), "old");
  result = Plot(service_, {"--x_range=0:1", "--output=/nowhere/a.png"});
  ExpectRefusal(result, 1, "INTERNAL: cannot write /nowhere/a.png: No such file or directory");
}

}  // namespace
}  // namespace mdn
