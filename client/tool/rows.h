#ifndef MDN_CLIENT_TOOL_ROWS_H_
#define MDN_CLIENT_TOOL_ROWS_H_

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "mdn/types.h"

namespace mdn::tool {

/// The next rows of a source, in row-major order.
struct Rows {
  /// [count, columns].
  std::vector<float> values;
  int64_t count = 0;
  int64_t columns = 0;
};

/// Reads rows of numbers, one a line, separated by commas. All lines must have as many numbers as
/// the first one. Blank lines, a byte-order mark, blanks around numbers and a first line without
/// any number, the headings, are passed over.
/// Memory is bounded by what one Read returns. Confined to one thread.
class RowReader {
 public:
  /// CSV from the file `path`; "-" is standard input. With `columns` the first line has the
  /// headings, and rows are made of the columns of these names, in this order; the others may hold
  /// anything but commas. INVALID_ARGUMENT if it cannot be read.
  static absl::StatusOr<RowReader> Open(const std::string& path,
                                        std::vector<std::string> columns = {});

  /// "1.5,2;0,1": rows that stand in the flag `name`, separated by semicolons; no headings.
  static RowReader FromFlag(absl::string_view name, const std::string& text);

  /// The next rows, at most `max_rows`; none at the end. INVALID_ARGUMENT for what is no number, or
  /// no finite one as a float, with its line and column, counted from 1.
  absl::StatusOr<Rows> Read(int64_t max_rows);

  /// INVALID_ARGUMENT that says so, where Read gave none at all.
  absl::Status NoRows() const;

  /// Of the rows' columns, if the first line had headings, once a row has been read.
  const std::vector<std::string>& headings() const { return headings_; }

  /// What errors call the source.
  const std::string& name() const { return name_; }

 private:
  RowReader(std::string name, std::string line_word, std::unique_ptr<std::istream> owned,
            std::istream* stream, bool may_have_headings);

  /// Leaves a line that is not blank in `line_`; false at the end.
  absl::StatusOr<bool> NextLine();
  bool IsHeadings(const std::vector<absl::string_view>& fields) const;
  absl::Status SetHeadings(const std::vector<absl::string_view>& fields);
  absl::Status Append(const std::vector<absl::string_view>& fields, Rows* rows);
  std::string Place() const;

  std::string name_;
  std::string line_word_;
  std::unique_ptr<std::istream> owned_;
  std::istream* stream_;
  bool may_have_headings_;
  std::vector<std::string> wanted_;
  /// Where the wanted columns stand in a line; empty: all are taken.
  std::vector<size_t> places_;
  std::vector<std::string> headings_;
  int64_t line_number_ = 0;
  /// Fields of a line; 0: none has been read.
  size_t fields_ = 0;
  std::vector<char> buffer_;
  /// The current line, in `buffer_`.
  absl::string_view line_;
};

/// Row `row` of an array whose first dimension is the rows.
absl::Span<const float> RowOf(const Array& array, int64_t row);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_ROWS_H_
