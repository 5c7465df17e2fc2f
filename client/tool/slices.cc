#include "client/tool/slices.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace mdn::tool {
namespace {

constexpr int64_t kMaxRowsPerRequest = 1 << 20;

/// A line on the terminal that is written over. Confined to one thread.
class Progress {
 public:
  ~Progress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

  void Show(int64_t rows) {
    if (!wanted_) return;
    std::fprintf(stderr, "\r%lld rows", static_cast<long long>(rows));
    shown_ = true;
  }

 private:
  const bool wanted_ = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 0;
  bool shown_ = false;
};

}  // namespace

void AddRowFlags(CLI::App& command, RowFlags* flags) {
  CLI::Option_group* source = command.add_option_group("Rows");
  source->add_option("--x", flags->x, "Rows of x: numbers by commas, rows by semicolons: 1.5,2;0,1")
      ->type_name("ROWS");
  source
      ->add_option("--input", flags->input,
                   "CSV file with a row of x in each line, with or without headings; - for "
                   "standard input")
      ->type_name("FILE");
  source->require_option(1);
  command
      .add_option("--rows_per_request", flags->rows_per_request,
                  "More rows than this go in several requests, one after the other")
      ->check(CLI::Range(int64_t{1}, kMaxRowsPerRequest))
      ->type_name("N")
      ->capture_default_str();
}

absl::StatusOr<RowReader> OpenRows(const RowFlags& flags) {
  if (flags.input.empty()) return RowReader::FromFlag("--x", flags.x);
  return RowReader::Open(flags.input);
}

absl::Status ForEachSlice(RowReader& reader, int64_t rows_per_request, Output& output,
                          absl::FunctionRef<absl::Status(const Slice&)> evaluate) {
  Progress progress;
  Slice slice;
  while (true) {
    absl::StatusOr<Rows> rows = reader.Read(rows_per_request);
    if (!rows.ok()) return rows.status();
    if (rows->count == 0) break;
    slice.rows = *std::move(rows);
    if (absl::Status status = evaluate(slice); !status.ok()) return status;
    if (absl::Status status = output.Flush(); !status.ok()) return status;
    slice.first_row += slice.rows.count;
    ++slice.index;
    progress.Show(slice.first_row);
  }
  if (slice.index > 0) return absl::OkStatus();
  return reader.NoRows();
}

void AddColumns(const std::string& name, int64_t dims, std::vector<Column>* columns) {
  if (dims == 1) columns->push_back(Real(name));
  for (int64_t d = 0; dims > 1 && d < dims; ++d)
    columns->push_back(Real(absl::StrCat(name, "_", d)));
}

}  // namespace mdn::tool
