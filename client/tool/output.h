#ifndef MDN_CLIENT_TOOL_OUTPUT_H_
#define MDN_CLIENT_TOOL_OUTPUT_H_

#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace mdn::tool {

enum class Format { kTable, kCsv, kJson };

/// Where results go; the stream is the caller's. Confined to one thread.
class Output {
 public:
  explicit Output(std::FILE* stream) : stream_(stream) {}

  void Write(absl::string_view text);

  /// Hands everything over. DATA_LOSS if anything could not be written, now or before.
  absl::Status Flush();

 private:
  std::FILE* const stream_;
};

using Cell = std::variant<int64_t, double, std::string>;

/// Numbers with 9 significant digits, from which every float32 can be read back; a text that needs
/// it in double quotes.
std::string CsvCell(const Cell& cell);

/// Numbers with 6 significant digits, which is at most 12 characters.
std::string TableCell(const Cell& cell);

struct Column {
  std::string heading;
  /// Of a table: at least the heading's.
  size_t width = 0;
};

/// Columns of numbers for humans, or for programs. Rows come one by one, and none is kept.
/// Confined to one thread.
class RecordWriter {
 public:
  /// `format` is kTable or kCsv. Writes the headings.
  RecordWriter(Format format, std::vector<Column> columns, Output& output);

  /// One cell for each column.
  void Write(const std::vector<Cell>& cells);

 private:
  const Format format_;
  const std::vector<Column> columns_;
  Output& output_;
};

/// Columns for an integer and for a real number.
Column Integer(std::string heading);
Column Real(std::string heading);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_OUTPUT_H_
