#include "client/tool/output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace mdn::tool {
namespace {

constexpr size_t kIntegerWidth = 9;
constexpr size_t kRealWidth = 12;

std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

}  // namespace

void Output::Write(absl::string_view text) { std::fwrite(text.data(), 1, text.size(), stream_); }

absl::Status Output::Flush() {
  if (std::fflush(stream_) == 0 && std::ferror(stream_) == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("cannot write the output: ", std::strerror(errno)));
}

std::string CsvCell(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return absl::StrFormat("%.9g", *number);
  if (const auto* text = std::get_if<std::string>(&cell)) return Quoted(*text);
  return absl::StrCat(std::get<int64_t>(cell));
}

std::string TableCell(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return absl::StrFormat("%.6g", *number);
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return absl::StrCat(std::get<int64_t>(cell));
}

RecordWriter::RecordWriter(Format format, std::vector<Column> columns, Output& output)
    : format_(format), columns_(std::move(columns)), output_(output) {
  std::vector<Cell> headings;
  for (const Column& column : columns_) headings.emplace_back(column.heading);
  Write(headings);
}

void RecordWriter::Write(const std::vector<Cell>& cells) {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (format_ == Format::kCsv) {
      absl::StrAppend(&line, i == 0 ? "" : ",", CsvCell(cells[i]));
    } else {
      absl::StrAppendFormat(&line, "%s%*s", i == 0 ? "" : "  ", columns_[i].width,
                            TableCell(cells[i]));
    }
  }
  line.push_back('\n');
  output_.Write(line);
}

Column Integer(std::string heading) {
  const size_t width = std::max(kIntegerWidth, heading.size());
  return {std::move(heading), width};
}

Column Real(std::string heading) {
  const size_t width = std::max(kRealWidth, heading.size());
  return {std::move(heading), width};
}

}  // namespace mdn::tool
