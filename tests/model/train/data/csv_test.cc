#include "model/train/data/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mdn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const CsvColumns kAToB = {{"a"}, {"b"}};

absl::StatusOr<Dataset> Read(const std::string& text, const CsvColumns& columns = kAToB,
                             int64_t min_rows = 1, int64_t max_bytes = 1 << 20) {
  std::istringstream stream(text);
  return ReadCsv(stream, "file.csv", columns, {min_rows, max_bytes});
}

Dataset Sound(const std::string& text, const CsvColumns& columns = kAToB) {
  auto data = Read(text, columns);
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? *std::move(data) : Dataset();
}

std::string Error(const std::string& text, const CsvColumns& columns = kAToB) {
  const auto data = Read(text, columns);
  EXPECT_EQ(data.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(data.status().message());
}

TEST(CsvReaderTest, TakesTheColumnsThatAreAskedForInTheirOrder) {
  const Dataset data = Sound("c,a,note,b\n1,2,x,3\n4,5,\"y, z\",6\n", {{"a", "c"}, {"b"}});
  EXPECT_EQ(data.rows, 2);
  EXPECT_THAT(data.x_names, ElementsAre("a", "c"));
  EXPECT_THAT(data.x, ElementsAre(2, 1, 5, 4));
  EXPECT_THAT(data.y, ElementsAre(3, 6));
}

TEST(CsvReaderTest, ReadsWhatSpreadsheetsWrite) {
  EXPECT_THAT(Sound("\xEF\xBB\xBF\"a\",\"b\"\r\n\"1\",\"2\"\r\n\r\n 3 , +4e0\r\n").x,
              ElementsAre(1, 3));
  EXPECT_THAT(Sound("a,b\n1,2\n3,4").y, ElementsAre(2, 4));
  EXPECT_THAT(Sound("\"a\nx\",b\n1,2\n3,4\n", {{"a\nx"}, {"b"}}).y, ElementsAre(2, 4));
}

TEST(CsvReaderTest, QuotesWholeCharactersAndWholeNames) {
  const std::string letters(39, 'x');
  EXPECT_EQ(Error("a,c\n1,2\n", {{"a"}, {letters + "ä\n"}}),
            absl::StrCat("file.csv: line 1: there is no column '", letters,
                         "…'; the columns are 'a', 'c'"));
  std::string names = "a";
  for (int i = 0; i < 100; ++i) absl::StrAppend(&names, ",ö", i);
  const std::string error = Error(names + "\n");
  EXPECT_THAT(error, testing::EndsWith("', …"));
  EXPECT_LT(error.size(), 600);
}

TEST(CsvReaderTest, NamesTheColumnThatIsMissing) {
  EXPECT_EQ(Error("a,c\n1,2\n"),
            "file.csv: line 1: there is no column 'b'; the columns are 'a', 'c'");
  EXPECT_EQ(Error("a\x1b,\"c, d\"\n1,2\n"),
            "file.csv: line 1: there is no column 'a'; the columns are 'a?', 'c, d'");
  EXPECT_EQ(Error("a,b,a\n1,2,3\n"), "file.csv: line 1: two columns are called 'a'");
  EXPECT_EQ(Error("a,b\n1,2\n", {{"a"}, {"a"}}), "file.csv: line 1: column 'a' is asked for twice");
}

TEST(CsvReaderTest, NamesLineAndColumnOfWhatIsNoNumber) {
  EXPECT_EQ(Error("a,b\n1,2\n3,four\n"),
            "file.csv: line 3: column 'b' is 'four'; expected a number");
  EXPECT_EQ(Error("a,b\n\n\n1,\n"), "file.csv: line 4: column 'b' is empty; expected a number");
  EXPECT_EQ(Error("a,b\n1x,2\n"), "file.csv: line 2: column 'a' is '1x'; expected a number");
  EXPECT_EQ(Error("a,b\n\"1,5\",2\n"), "file.csv: line 2: column 'a' is '1,5'; expected a number");
  EXPECT_EQ(Error("a,b\n0x10,2\n"), "file.csv: line 2: column 'a' is '0x10'; expected a number");
}

TEST(CsvReaderTest, RefusesNumbersThatAreNotFinite) {
  EXPECT_EQ(Error("a,b\nNaN,2\n"),
            "file.csv: line 2: column 'a' is 'NaN'; expected a finite number");
  EXPECT_EQ(Error("a,b\n1,-inf\n"),
            "file.csv: line 2: column 'b' is '-inf'; expected a finite number");
  EXPECT_EQ(Error("a,b\n1,1e39\n"),
            "file.csv: line 2: column 'b' is '1e39'; expected a number up to 3.4e38");
  EXPECT_EQ(Error("a,b\n1,1e999\n"),
            "file.csv: line 2: column 'b' is '1e999'; expected a number up to 3.4e38");
}

TEST(CsvReaderTest, RefusesRowsOfAnotherLength) {
  EXPECT_EQ(Error("a,b\n1,2,3\n"),
            "file.csv: line 2: 3 fields; expected 2, as in the line of names");
  EXPECT_EQ(Error("a,b\n1,2\n3\n"),
            "file.csv: line 3: 1 fields; expected 2, as in the line of names");
}

TEST(CsvReaderTest, RefusesTooFewRows) {
  EXPECT_EQ(Read("a,b\n1,2\n3,4\n", kAToB, 10).status().message(),
            "file.csv: it has 2 rows of data; expected at least 10");
  EXPECT_EQ(Error(""), "file.csv: it is empty; expected a line of names");
  EXPECT_EQ(Error("\n\n"), "file.csv: it is empty; expected a line of names");
}

TEST(CsvReaderTest, RefusesAColumnThatNeverVaries) {
  EXPECT_EQ(Error("a,b\n1,2.5\n3,2.5\n"),
            "file.csv: column 'b' is 2.5 in every row; expected one that varies");
}

TEST(CsvReaderTest, RefusesQuotesThatAreNotClosed) {
  EXPECT_EQ(Error("a,b\n1,\"2\n3,4\n"),
            "file.csv: line 4: a double quote that stands alone or is not closed");
  EXPECT_EQ(Error("a,b\n1,2\"3\n"),
            "file.csv: line 2: a double quote that stands alone or is not closed");
}

TEST(CsvReaderTest, BoundsWhatItKeeps) {
  EXPECT_EQ(Read("a,b\n1,2\n3,4\n", kAToB, 1, 15).status().message(),
            "file.csv: line 3: more than 15 bytes of numbers");
  EXPECT_THAT(Error("a,b\n1," + std::string(2 << 20, '7')),
              HasSubstr("line 2: more than 1048576 bytes"));
  EXPECT_THAT(Error("a,b\n\"" + std::string(3 << 20, '\n')), HasSubstr("more than 1048576 bytes"));
  std::string names = "a";
  for (int i = 0; i < 70000; ++i) absl::StrAppend(&names, ",c", i);
  EXPECT_EQ(Error(names + "\n"), "file.csv: line 1: more than 65536 columns");
}

TEST(CsvReaderTest, TellsFilesThatCannotBeRead) {
  EXPECT_EQ(ReadCsv("/nowhere/data.csv", kAToB).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCsv("/", kAToB).status(), absl::InvalidArgumentError("/: Is a directory"));
}

TEST(CsvReaderTest, ReadsAcrossItsOwnChunks) {
  std::string text = "a,b\n";
  for (int row = 0; row < 50000; ++row) absl::StrAppend(&text, row, ",", -row, "\n");
  const Dataset data = Sound(text);
  ASSERT_EQ(data.rows, 50000);
  for (int row = 0; row < 50000; ++row) {
    ASSERT_EQ(data.x[row], row);
    ASSERT_EQ(data.y[row], -row);
  }
}

TEST(CsvReaderTest, SurvivesAnyBytes) {
  std::mt19937 random(1);
  const std::string alphabet = "ab,\"\r\n0123456789.-e \xEF\xBB\xBF";
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? "a,b\n" : "";
    for (int j = random() % 60; j > 0; --j) text += alphabet[random() % alphabet.size()];
    const auto data = Read(text);
    EXPECT_TRUE(!data.ok() || data->x.size() == data->rows);
  }
}

TEST(CsvTextTest, IsReadBackBitForBit) {
  Dataset data;
  data.x_names = {"a,b", "say \"x\""};
  data.y_names = {"y"};
  data.rows = 2;
  data.x = {0.1f, std::numeric_limits<float>::denorm_min(), -3e38f, 1e-30f};
  data.y = {1.0f / 3, -0.0f};
  const Dataset read = Sound(CsvText(data), {data.x_names, data.y_names});
  EXPECT_EQ(read.x, data.x);
  EXPECT_EQ(read.y, data.y);
}

}  // namespace
}  // namespace mdn
