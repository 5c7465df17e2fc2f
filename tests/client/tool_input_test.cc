#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/client/tool_runner.h"
#include "tests/support/fake_service.h"

namespace mdn {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class ToolInputTest : public testing::Test {
 protected:
  ToolResult Run(std::vector<std::string> arguments, absl::string_view input = "") {
    arguments.push_back(absl::StrCat("--server=", service_.address()));
    return RunTool(arguments, input);
  }

  /// The values of x in each Predict request, after `input` came on standard input.
  std::vector<std::vector<float>> Sent(absl::string_view input) {
    const ToolResult result = Run({"predict", "--input=-", "--rows_per_request=2"}, input);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::vector<float>> sent;
    for (const v1::PredictRequest& request : service_.predictions()) {
      sent.emplace_back(request.x().values().begin(), request.x().values().end());
    }
    return sent;
  }

  /// What is printed where `input` as a file is no good.
  std::string Refusal(absl::string_view input) {
    const ToolResult result = Run({"predict", "--input", WriteTestFile("rows.csv", input)});
    EXPECT_EQ(result.exit_code, 65);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, testing::StartsWith("mdn_client: INVALID_ARGUMENT: "));
    return result.err;
  }

  FakeService service_;
};

TEST_F(ToolInputTest, CutsRowsIntoRequests) {
  EXPECT_THAT(Sent("1,2\n3,4\n5,6\n7,8\n9,10\n"),
              ElementsAre(ElementsAre(1, 2, 3, 4), ElementsAre(5, 6, 7, 8), ElementsAre(9, 10)));
}

TEST_F(ToolInputTest, PassesOverHeadingsBlankLinesAndBlanks) {
  EXPECT_THAT(Sent("\xEF\xBB\xBFprice, \"size\"\r\n\r\n 1 ,2\r\n\n+3,\t4e0"),
              ElementsAre(ElementsAre(1, 2, 3, 4)));
}

TEST_F(ToolInputTest, CountsRowsOverAllRequests) {
  const ToolResult result =
      Run({"predict", "--x=1,0;2,0;3,0", "--rows-per-request=2", "--format=csv"});

  EXPECT_EQ(result.out,
            "row,component,pi,mu,sigma\n"
            "0,0,0.499999999,1,0.5\n0,1,0.499999999,2,1\n"
            "1,0,0.499999999,2,0.5\n1,1,0.499999999,3,1\n"
            "2,0,0.499999999,3,0.5\n2,1,0.499999999,4,1\n");
}

TEST_F(ToolInputTest, EachRequestHasItsOwnSeed) {
  Run({"sample", "--x=1,0;2,0;3,0", "--rows_per_request=1", "--seed=18446744073709551615"});

  std::vector<uint64_t> seeds;
  for (const v1::SampleRequest& request : service_.samples()) seeds.push_back(request.seed());
  EXPECT_THAT(seeds, ElementsAre(UINT64_MAX, 0, 1));
}

TEST_F(ToolInputTest, WithoutASeedTheServerChooses) {
  Run({"sample", "--x=1,0", "--num_samples=3", "--pi_temperature=0.5", "--sigma-scale=0"});

  const v1::SampleRequest sent = service_.samples().front();
  EXPECT_FALSE(sent.has_seed());
  EXPECT_EQ(sent.num_samples(), 3);
  EXPECT_EQ(sent.pi_temperature(), 0.5f);
  EXPECT_TRUE(sent.has_sigma_scale());
  EXPECT_EQ(sent.sigma_scale(), 0.0f);
}

TEST_F(ToolInputTest, TheLastColumnsAreY) {
  const ToolResult result =
      Run({"log-likelihood", "--input=-", "--format=csv", "--rows_per_request=1"}, "1,2,3\n4,5,7");

  EXPECT_EQ(result.out, "row,log_likelihood\n0,0\n1,2\n") << result.err;
  const v1::LogLikelihoodRequest sent = service_.log_likelihoods().back();
  EXPECT_THAT(sent.x().values(), ElementsAre(4, 5));
  EXPECT_THAT(sent.y().values(), ElementsAre(7));
}

TEST_F(ToolInputTest, NeedsColumnsOfXBesideY) {
  const ToolResult result = Run({"log-likelihood", "--x=1"});

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_THAT(result.err, HasSubstr("--x: 1 columns, expected some of x and then 1 of y"));
}

TEST_F(ToolInputTest, PairsXAndYAcrossRequests) {
  const ToolResult result = Run(
      {"log-likelihood", "--x=1,0;2,0;3,0", "--y=1;1;1", "--format=csv", "--rows_per_request=2"});

  EXPECT_EQ(result.out, "row,log_likelihood\n0,0\n1,1\n2,2\n") << result.err;
}

TEST_F(ToolInputTest, WantsAsManyRowsOfYAsOfX) {
  const ToolResult fewer = Run({"log-likelihood", "--x=1,0;2,0", "--y=1"});
  const ToolResult more = Run({"log-likelihood", "--x=1,0", "--y=1;2"});

  EXPECT_EQ(fewer.exit_code, 65);
  EXPECT_THAT(fewer.err, HasSubstr("--y: fewer rows than x has"));
  EXPECT_EQ(more.exit_code, 65);
  EXPECT_THAT(more.err, HasSubstr("--y: more rows than x has"));
}

TEST_F(ToolInputTest, NamesLineAndColumnOfWhatIsNoNumber) {
  EXPECT_THAT(Refusal("a,b\n1,2\n\n3,4x\n"), EndsWith("rows.csv, line 4, column 2: \"4x\" is not "
                                                      "a number\n"));
  EXPECT_THAT(Refusal("1,\n"), EndsWith("line 1, column 2: \"\" is not a number\n"));
  EXPECT_THAT(Refusal("1,b\n"), EndsWith("line 1, column 2: \"b\" is not a number\n"));
  EXPECT_THAT(Refusal("a\nb\n"), EndsWith("line 2, column 1: \"b\" is not a number\n"));
  EXPECT_THAT(Refusal(absl::string_view("1,2\n1,\0\n", 8)),
              EndsWith("line 2, column 2: \"\\x00\" is not a number\n"));
}

TEST_F(ToolInputTest, NamesLineAndColumnOfWhatIsNotFinite) {
  EXPECT_THAT(
      Refusal("x,y\n1,2\n3,nan\n"),
      EndsWith("rows.csv, line 3, column 2: \"nan\" is not a finite number up to 3.4e38\n"));
  EXPECT_THAT(Refusal("1,2\n-1e39,2\n"),
              EndsWith("line 2, column 1: \"-1e39\" is not a finite number up to 3.4e38\n"));
  EXPECT_THAT(Run({"log-likelihood", "--x=1,2", "--y=inf"}).err,
              EndsWith("--y, row 1, column 1: \"inf\" is not a finite number up to 3.4e38\n"));
}

TEST_F(ToolInputTest, NamesTheLineOfAnotherLength) {
  EXPECT_THAT(Refusal("1,2\n3,4,5\n"), EndsWith("line 2: 3 columns, expected 2\n"));
}

TEST_F(ToolInputTest, BoundsTheLengthOfALine) {
  EXPECT_THAT(Refusal(std::string((1 << 20) + 1, '1')),
              EndsWith("line 1: more than 1048576 bytes\n"));
}

TEST_F(ToolInputTest, WantsRows) {
  EXPECT_THAT(Refusal(""), EndsWith("rows.csv: no rows\n"));
  EXPECT_THAT(Refusal("a,b\n"), EndsWith("rows.csv: no rows below the headings \"a\", \"b\"\n"));
  EXPECT_THAT(Refusal("1;2\n"), EndsWith("rows.csv: no rows below the headings \"1;2\"\n"));
  const std::string file = WriteTestFile("rows.csv", "a,b\n");
  EXPECT_THAT(Run({"plot", "--data=" + file, "--columns=a,b", "--at=0,0"}).err,
              EndsWith("rows.csv: no rows below its headings\n"));
}

TEST_F(ToolInputTest, QuotesWholeCharactersAndWholeNames) {
  const std::string digits(39, '1');
  EXPECT_THAT(Refusal(absl::StrCat("1\n", digits, "ä\n")),
              EndsWith(absl::StrCat("column 1: \"", digits, "…\" is not a number\n")));
  std::string names = "\"a0\"";
  for (int i = 1; i < 50; ++i) absl::StrAppend(&names, ", \"a", i, "…ö\"");
  const std::string file =
      WriteTestFile("rows.csv", absl::StrReplaceAll(names, {{"\"", ""}, {" ", ""}}) + "\n1\n");
  const std::string error = Run({"plot", "--data=" + file, "--columns=b", "--at=0,0"}).err;
  EXPECT_THAT(error, EndsWith("…ö\", …\n"));
  EXPECT_LT(error.size(), 700);
}

TEST_F(ToolInputTest, NamesTheRowOfAFlag) {
  EXPECT_THAT(Run({"predict", "--x=1,2;3,b"}).err,
              EndsWith("--x, row 2, column 2: \"b\" is not a number\n"));
}

TEST_F(ToolInputTest, WantsAFileThatCanBeRead) {
  const ToolResult missing = Run({"predict", "--input=/no/such/file"});
  const ToolResult folder = Run({"predict", "--input=/"});

  EXPECT_EQ(missing.exit_code, 65);
  EXPECT_THAT(missing.err, EndsWith("cannot read /no/such/file: No such file or directory\n"));
  EXPECT_EQ(folder.exit_code, 65);
  EXPECT_THAT(folder.err, EndsWith("cannot read /: Is a directory\n"));
}

TEST_F(ToolInputTest, PrintsWhatCameBeforeAnError) {
  const ToolResult result =
      Run({"log-likelihood", "--input=-", "--y=0;0", "--format=csv", "--rows_per_request=1"},
          "1,2\nx,4\n");

  EXPECT_EQ(result.exit_code, 65);
  EXPECT_EQ(result.out, "row,log_likelihood\n0,3\n");
}

}  // namespace
}  // namespace mdn
