#include "model/train/data/csv.h"

#include <csv.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/charconv.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace mdn {
namespace {

constexpr size_t kMostLineBytes = size_t{1} << 20;
constexpr size_t kMostColumns = 1 << 16;
constexpr size_t kChunkBytes = size_t{1} << 16;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// As much of a field as a message needs, in whole characters of UTF-8.
std::string Excerpt(absl::string_view field) {
  constexpr size_t kMostBytes = 40;
  size_t end = std::min(field.size(), kMostBytes);
  // The first byte of a character is no 10xxxxxx.
  while (end > 0 && end < field.size() && (field[end] & 0xC0) == 0x80) --end;
  std::string text(field.substr(0, end));
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return absl::StrCat("'", text, end < field.size() ? "…'" : "'");
}

// As many names as a message may have.
std::string Excerpts(const std::vector<std::string>& names) {
  constexpr size_t kMostBytes = 500;
  std::string list;
  for (const std::string& name : names) {
    if (list.size() > kMostBytes) return absl::StrCat(list, ", …");
    absl::StrAppend(&list, list.empty() ? "" : ", ", Excerpt(name));
  }
  return list;
}

// One of the chosen columns. Its place in a row: features of x, then dimensions of y.
struct Column {
  std::string name;
  float lowest = std::numeric_limits<float>::infinity();
  float highest = -std::numeric_limits<float>::infinity();
};

// Takes the fields of a file one by one, and keeps the chosen ones. The first error sticks.
// Confined to one thread.
class TableReader {
 public:
  TableReader(const CsvColumns& columns, const CsvLimits& limits) : limits_(limits) {
    data_.x_names = columns.x;
    data_.y_names = columns.y;
    for (const auto* names : {&columns.x, &columns.y}) {
      for (const std::string& name : *names) columns_.push_back({name});
    }
    row_.resize(columns_.size());
  }

  void Field(absl::string_view field) {
    if (!status_.ok()) return;
    if (!has_heading_) {
      AddHeading(field);
    } else if (field_ >= place_.size()) {
      ++field_;
    } else {
      const int place = place_[field_++];
      if (place >= 0) AddNumber(columns_[place], field, row_[place]);
    }
  }

  void EndOfRow() {
    if (!status_.ok()) return;
    if (has_heading_) {
      EndOfData();
    } else {
      EndOfHeading();
    }
    field_ = 0;
  }

  void set_line(int64_t line) { line_ = line; }
  const absl::Status& status() const { return status_; }

  absl::StatusOr<Dataset> Finish() && {
    if (!status_.ok()) return status_;
    if (!has_heading_) return absl::InvalidArgumentError("it is empty; expected a line of names");
    if (data_.rows < limits_.min_rows) {
      return absl::InvalidArgumentError(absl::StrCat(
          "it has ", data_.rows, " rows of data; expected at least ", limits_.min_rows));
    }
    for (const Column& column : columns_) {
      if (column.lowest < column.highest) continue;
      return absl::InvalidArgumentError(absl::StrFormat(
          "column '%s' is %g in every row; expected one that varies", column.name, column.lowest));
    }
    return std::move(data_);
  }

 private:
  void Refuse(absl::string_view reason) {
    status_ = absl::InvalidArgumentError(absl::StrCat("line ", line_, ": ", reason));
  }

  void AddHeading(absl::string_view name) {
    if (heading_.size() == kMostColumns) {
      return Refuse(absl::StrCat("more than ", kMostColumns, " columns"));
    }
    heading_.emplace_back(name);
  }

  void EndOfHeading() {
    has_heading_ = true;
    place_.assign(heading_.size(), -1);
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = columns_[i].name;
      const auto found = std::find(heading_.begin(), heading_.end(), name);
      if (found == heading_.end()) {
        return Refuse(absl::StrCat("there is no column ", Excerpt(name), "; the columns are ",
                                   Excerpts(heading_)));
      }
      if (std::find(found + 1, heading_.end(), name) != heading_.end()) {
        return Refuse(absl::StrCat("two columns are called ", Excerpt(name)));
      }
      int& place = place_[found - heading_.begin()];
      if (place >= 0) return Refuse(absl::StrCat("column ", Excerpt(name), " is asked for twice"));
      place = static_cast<int>(i);
    }
  }

  void AddNumber(Column& column, absl::string_view field, float& value) {
    constexpr double kMost = std::numeric_limits<float>::max();
    absl::string_view digits = field;
    absl::ConsumePrefix(&digits, "+");
    double number = 0;
    const auto [end, error] =
        absl::from_chars(digits.data(), digits.data() + digits.size(), number);
    const auto refuse = [&](absl::string_view expected) {
      Refuse(absl::StrCat("column '", column.name, "' is ",
                          field.empty() ? "empty" : Excerpt(field), "; expected ", expected));
    };
    if (error == std::errc::invalid_argument || end != digits.data() + digits.size() ||
        digits.empty() || absl::StrContains(digits, 'x')) {
      return refuse("a number");
    }
    if (!std::isfinite(number)) return refuse("a finite number");
    if (std::abs(number) > kMost) return refuse("a number up to 3.4e38");
    value = static_cast<float>(number);
    column.lowest = std::min(column.lowest, value);
    column.highest = std::max(column.highest, value);
  }

  void EndOfData() {
    if (field_ != place_.size()) {
      return Refuse(
          absl::StrCat(field_, " fields; expected ", place_.size(), ", as in the line of names"));
    }
    ++data_.rows;
    const auto bytes = static_cast<int64_t>(row_.size() * sizeof(float)) * data_.rows;
    if (bytes > limits_.max_bytes) {
      return Refuse(absl::StrCat("more than ", limits_.max_bytes, " bytes of numbers"));
    }
    data_.x.insert(data_.x.end(), row_.begin(), row_.begin() + data_.dim_in());
    data_.y.insert(data_.y.end(), row_.begin() + data_.dim_in(), row_.end());
  }

  const CsvLimits limits_;
  std::vector<Column> columns_;
  bool has_heading_ = false;
  std::vector<std::string> heading_;
  // For each column of the file: its place in a row, or -1.
  std::vector<int> place_;
  std::vector<float> row_;
  size_t field_ = 0;
  int64_t line_ = 1;
  Dataset data_;
  absl::Status status_;
};

// Cuts bytes into fields, by libcsv. Confined to one thread.
class Parser {
 public:
  explicit Parser(TableReader& table) : table_(table) {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  absl::Status Parse(absl::string_view chunk) {
    while (!chunk.empty()) {
      const size_t newline = chunk.find('\n');
      const size_t length = newline == absl::string_view::npos ? chunk.size() : newline + 1;
      table_.set_line(line_);
      if (csv_parse(&parser_, chunk.data(), length, OnField, OnRow, &table_) != length) {
        return Broken();
      }
      if (!table_.status().ok()) return table_.status();
      if ((line_bytes_ += length) > kMostLineBytes) {
        return absl::InvalidArgumentError(
            absl::StrCat("line ", line_, ": more than ", kMostLineBytes, " bytes"));
      }
      if (newline != absl::string_view::npos) {
        ++line_;
        // A quoted field may run over many lines, which count together.
        if (csv_get_buffer_size(&parser_) == 0 || !InField()) line_bytes_ = 0;
      }
      chunk.remove_prefix(length);
    }
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (csv_fini(&parser_, OnField, OnRow, &table_) != 0) return Broken();
    return table_.status();
  }

 private:
  bool InField() const { return parser_.entry_pos > 0; }

  absl::Status Broken() {
    const bool no_memory = csv_error(&parser_) == CSV_ENOMEM;
    return absl::InvalidArgumentError(absl::StrCat(
        "line ", line_, ": ",
        no_memory ? "not enough memory" : "a double quote that stands alone or is not closed"));
  }

  static void OnField(void* field, size_t length, void* table) {
    static_cast<TableReader*>(table)->Field({static_cast<const char*>(field), length});
  }
  static void OnRow(int, void* table) { static_cast<TableReader*>(table)->EndOfRow(); }

  TableReader& table_;
  csv_parser parser_;
  int64_t line_ = 1;
  size_t line_bytes_ = 0;
};

absl::StatusOr<Dataset> ReadTable(std::istream& stream, const CsvColumns& columns,
                                  const CsvLimits& limits) {
  TableReader table(columns, limits);
  Parser parser(table);
  std::vector<char> buffer(kChunkBytes);
  for (bool first = true; stream; first = false) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    absl::string_view chunk(buffer.data(), static_cast<size_t>(stream.gcount()));
    if (first) absl::ConsumePrefix(&chunk, kByteOrderMark);
    const absl::Status status = parser.Parse(chunk);
    if (!status.ok()) return status;
  }
  if (stream.bad()) return absl::InvalidArgumentError("it cannot be read to its end");
  const absl::Status status = parser.Finish();
  if (!status.ok()) return status;
  return std::move(table).Finish();
}

absl::Status CannotOpen(const std::string& path, int error) {
  const std::string message = absl::StrCat(path, ": ", std::generic_category().message(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES) return absl::PermissionDeniedError(message);
  return absl::InvalidArgumentError(message);
}

void AppendNumber(std::string& text, float value) { absl::StrAppendFormat(&text, "%.9g", value); }

std::string QuotedIfNeeded(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace

absl::StatusOr<Dataset> ReadCsv(std::istream& stream, const std::string& name,
                                const CsvColumns& columns, const CsvLimits& limits) {
  absl::StatusOr<Dataset> data = ReadTable(stream, columns, limits);
  if (data.ok()) return data;
  return absl::Status(data.status().code(), absl::StrCat(name, ": ", data.status().message()));
}

absl::StatusOr<Dataset> ReadCsv(const std::string& path, const CsvColumns& columns,
                                const CsvLimits& limits) {
  if (path == "-") return ReadCsv(std::cin, "standard input", columns, limits);
  // It would open, and then not be read.
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return CannotOpen(path, EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return CannotOpen(path, errno);
  return ReadCsv(file, path, columns, limits);
}

std::string CsvText(const Dataset& data) {
  std::vector<std::string> names;
  for (const auto* side : {&data.x_names, &data.y_names}) {
    std::transform(side->begin(), side->end(), std::back_inserter(names), QuotedIfNeeded);
  }
  std::string text = absl::StrCat(absl::StrJoin(names, ","), "\n");
  const int64_t dim_in = data.dim_in(), columns = dim_in + data.dim_out();
  for (int64_t row = 0; row < data.rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      AppendNumber(text, column < dim_in ? data.x[row * dim_in + column]
                                         : data.y[row * data.dim_out() + column - dim_in]);
      text += column + 1 < columns ? ',' : '\n';
    }
  }
  return text;
}

}  // namespace mdn
