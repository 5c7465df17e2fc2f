#ifndef MDN_CLIENT_TOOL_SLICES_H_
#define MDN_CLIENT_TOOL_SLICES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/tool/command.h"
#include "client/tool/rows.h"

namespace mdn::tool {

/// Where a command takes its rows from, and how they are cut into requests.
struct RowFlags {
  std::string x;
  std::string input;
  int64_t rows_per_request = 1024;
};

/// --x and --input, of which there must be one, and --rows_per_request.
void AddRowFlags(CLI::App& command, RowFlags* flags);

absl::StatusOr<RowReader> OpenRows(const RowFlags& flags);

/// The rows of one request.
struct Slice {
  /// Counts requests.
  int64_t index = 0;
  /// Rows before this slice.
  int64_t first_row = 0;
  Rows rows;
};

/// Calls `evaluate` for one slice after the other, and hands over the output after each; the first
/// error ends it. INVALID_ARGUMENT if there are no rows. Progress goes to standard error where
/// that is a terminal and the results go elsewhere.
absl::Status ForEachSlice(RowReader& reader, int64_t rows_per_request, Output& output,
                          absl::FunctionRef<absl::Status(const Slice&)> evaluate);

/// "mu" for one dimension, else "mu_0", "mu_1" …
void AddColumns(const std::string& name, int64_t dims, std::vector<Column>* columns);

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_SLICES_H_
