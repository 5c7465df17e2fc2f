#include "client/tool/rows.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace mdn::tool {
namespace {

constexpr size_t kMaxLineBytes = 1 << 20;
constexpr size_t kMaxQuotedBytes = 40;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// As much as a message needs, in whole characters of UTF-8.
std::string Quote(absl::string_view text, std::string (*escape)(absl::string_view)) {
  size_t end = std::min(text.size(), kMaxQuotedBytes);
  // The first byte of a character is no 10xxxxxx.
  while (end > 0 && end < text.size() && (text[end] & 0xC0) == 0x80) --end;
  return absl::StrCat("\"", escape(text.substr(0, end)), end < text.size() ? "…\"" : "\"");
}

std::string QuoteField(absl::string_view field) { return Quote(field, absl::CHexEscape); }
std::string QuoteName(absl::string_view name) { return Quote(name, absl::Utf8SafeCHexEscape); }

/// As many names as a message may have.
std::string QuoteNames(const std::vector<std::string>& names) {
  constexpr size_t kMostBytes = 500;
  std::string list;
  for (const std::string& name : names) {
    if (list.size() > kMostBytes) return absl::StrCat(list, ", …");
    absl::StrAppend(&list, list.empty() ? "" : ", ", QuoteName(name));
  }
  return list;
}

absl::Status CannotRead(const std::string& path, int error) {
  return absl::InvalidArgumentError(absl::StrCat("cannot read ", path, ": ", std::strerror(error)));
}

}  // namespace

RowReader::RowReader(std::string name, std::string line_word, std::unique_ptr<std::istream> owned,
                     std::istream* stream, bool may_have_headings)
    : name_(std::move(name)),
      line_word_(std::move(line_word)),
      owned_(std::move(owned)),
      stream_(stream),
      may_have_headings_(may_have_headings),
      // For the terminating zero.
      buffer_(kMaxLineBytes + 1) {}

absl::StatusOr<RowReader> RowReader::Open(const std::string& path,
                                          std::vector<std::string> columns) {
  if (path == "-") {
    std::ios::sync_with_stdio(false);
    RowReader reader("standard input", "line", nullptr, &std::cin, true);
    reader.wanted_ = std::move(columns);
    return reader;
  }
  errno = 0;
  auto file = std::make_unique<std::ifstream>(path);
  // A folder opens, but does not read.
  if (!*file || (file->peek() == EOF && file->bad())) return CannotRead(path, errno);
  std::istream* stream = file.get();
  RowReader reader(path, "line", std::move(file), stream, true);
  reader.wanted_ = std::move(columns);
  return reader;
}

RowReader RowReader::FromFlag(absl::string_view name, const std::string& text) {
  auto lines = std::make_unique<std::istringstream>(absl::StrReplaceAll(text, {{";", "\n"}}));
  std::istream* stream = lines.get();
  return RowReader(std::string(name), "row", std::move(lines), stream, false);
}

std::string RowReader::Place() const {
  return absl::StrCat(name_, ", ", line_word_, " ", line_number_);
}

absl::StatusOr<Rows> RowReader::Read(int64_t max_rows) {
  Rows rows;
  while (rows.count < max_rows) {
    absl::StatusOr<bool> found = NextLine();
    if (!found.ok()) return found.status();
    if (!*found) break;
    const std::vector<absl::string_view> fields = absl::StrSplit(line_, ',');
    const bool is_heading = std::exchange(may_have_headings_, false) && IsHeadings(fields);
    absl::Status status = is_heading ? SetHeadings(fields) : Append(fields, &rows);
    if (!status.ok()) return status;
  }
  rows.columns = static_cast<int64_t>(places_.empty() ? fields_ : places_.size());
  return rows;
}

absl::StatusOr<bool> RowReader::NextLine() {
  do {
    stream_->getline(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    ++line_number_;
    if (stream_->bad()) return CannotRead(name_, errno);
    if (stream_->fail() && stream_->eof()) return false;
    if (stream_->fail()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Place(), ": more than ", kMaxLineBytes, " bytes"));
    }
    const std::streamsize newline = stream_->eof() ? 0 : 1;
    line_ = {buffer_.data(), static_cast<size_t>(stream_->gcount() - newline)};
    if (line_number_ == 1) absl::ConsumePrefix(&line_, kByteOrderMark);
    line_ = absl::StripAsciiWhitespace(line_);
  } while (line_.empty());
  return true;
}

bool RowReader::IsHeadings(const std::vector<absl::string_view>& fields) const {
  float value = 0;
  return !wanted_.empty() ||
         std::none_of(fields.begin(), fields.end(),
                      [&](absl::string_view field) { return absl::SimpleAtof(field, &value); });
}

absl::Status RowReader::SetHeadings(const std::vector<absl::string_view>& fields) {
  for (absl::string_view field : fields) {
    field = absl::StripAsciiWhitespace(field);
    if (absl::ConsumePrefix(&field, "\"")) absl::ConsumeSuffix(&field, "\"");
    headings_.emplace_back(field);
  }
  if (wanted_.empty()) return absl::OkStatus();
  fields_ = fields.size();
  for (const std::string& name : wanted_) {
    const auto found = std::find(headings_.begin(), headings_.end(), name);
    if (found == headings_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(Place(), ": there is no column ",
                                                     QuoteName(name), "; the columns are ",
                                                     QuoteNames(headings_)));
    }
    places_.push_back(static_cast<size_t>(found - headings_.begin()));
  }
  headings_ = wanted_;
  return absl::OkStatus();
}

absl::Status RowReader::Append(const std::vector<absl::string_view>& fields, Rows* rows) {
  if (fields_ == 0) fields_ = fields.size();
  if (fields.size() != fields_) {
    return absl::InvalidArgumentError(
        absl::StrCat(Place(), ": ", fields.size(), " columns, expected ", fields_));
  }
  const size_t columns = places_.empty() ? fields_ : places_.size();
  for (size_t i = 0; i < columns; ++i) {
    const size_t place = places_.empty() ? i : places_[i];
    float value = 0;
    if (!absl::SimpleAtof(fields[place], &value)) {
      return absl::InvalidArgumentError(absl::StrCat(
          Place(), ", column ", place + 1, ": ", QuoteField(fields[place]), " is not a number"));
    }
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(absl::StrCat(Place(), ", column ", place + 1, ": ",
                                                     QuoteField(fields[place]),
                                                     " is not a finite number up to 3.4e38"));
    }
    rows->values.push_back(value);
  }
  ++rows->count;
  return absl::OkStatus();
}

absl::Status RowReader::NoRows() const {
  std::string place;
  if (!wanted_.empty() && !headings_.empty()) {
    place = " below its headings";
  } else if (!headings_.empty()) {
    place = absl::StrCat(" below the headings ", QuoteNames(headings_));
  }
  return absl::InvalidArgumentError(absl::StrCat(name_, ": no rows", place));
}

absl::Span<const float> RowOf(const Array& array, int64_t row) {
  const size_t stride = array.values.size() / array.shape.front();
  return absl::MakeConstSpan(array.values).subspan(row * stride, stride);
}

}  // namespace mdn::tool
