#ifndef MDN_MODEL_TRAIN_DATA_CSV_H_
#define MDN_MODEL_TRAIN_DATA_CSV_H_

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "model/train/data/dataset.h"

namespace mdn {

/// Names of columns, as in the heading.
struct CsvColumns {
  std::vector<std::string> x, y;
};

struct CsvLimits {
  /// Fewer rows are refused: nothing could be learned from them.
  int64_t min_rows = 10;
  /// Of the numbers that are kept, 4 for each.
  int64_t max_bytes = int64_t{8} << 30;
};

/// Reads the columns of a CSV file (RFC 4180) whose first line names them; "-" is standard input.
/// Blank lines are passed over, as are blanks around a number. The file is read as a stream: memory
/// holds the chosen numbers alone. Other columns may hold anything.
/// NOT_FOUND, PERMISSION_DENIED: the file. INVALID_ARGUMENT: a column is missing, named twice or
/// constant; a row has too few or too many fields, or in a chosen column something that is no
/// finite float32; too few rows, too many bytes, a line over 1 MiB. The message names file, line,
/// counted from 1, and column.
absl::StatusOr<Dataset> ReadCsv(const std::string& path, const CsvColumns& columns,
                                const CsvLimits& limits = {});

/// The same from a stream that messages call `name`.
absl::StatusOr<Dataset> ReadCsv(std::istream& stream, const std::string& name,
                                const CsvColumns& columns, const CsvLimits& limits = {});

/// The names, then a line for each row, x before y, from which ReadCsv reads the same bits.
std::string CsvText(const Dataset& data);

}  // namespace mdn

#endif  // MDN_MODEL_TRAIN_DATA_CSV_H_
