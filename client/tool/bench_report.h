#ifndef MDN_CLIENT_TOOL_BENCH_REPORT_H_
#define MDN_CLIENT_TOOL_BENCH_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/load/result.h"
#include "client/tool/output.h"

namespace mdn::tool {

/// What stays the same over the levels of load.
struct BenchSettings {
  std::string rpc;
  int64_t rows = 1;
  int64_t num_samples = 1;
  int connections = 1;
  int threads = 1;
  /// Requests went over a stream on each connection.
  bool stream = false;
  /// The generator did not sleep.
  bool awake = false;
  /// The levels are requests a second rather than requests under way.
  bool open_loop = false;
};

/// Of a server on this machine.
struct ServerCost {
  double cpu_microseconds_per_request = 0;
  double context_switches_per_request = 0;
};

struct BenchLevel {
  /// Requests under way, or requests a second.
  double level = 0;
  load::LoadResult result;
  std::optional<ServerCost> server;
};

/// Prints what each level of load gave, one after the other: a line of a table or of CSV, or a JSON
/// object. Confined to one thread.
class BenchPrinter {
 public:
  BenchPrinter(Format format, const BenchSettings& settings, bool with_server_cost, Output& output);
  void Print(const BenchLevel& level);

 private:
  void PrintRecord(const BenchLevel& level, const load::LoadReport& report);
  void PrintNotes(const BenchLevel& level, const load::LoadReport& report);
  void PrintObject(const BenchLevel& level, const load::LoadReport& report);

  const Format format_;
  const BenchSettings settings_;
  Output& output_;
  std::optional<RecordWriter> records_;
};

}  // namespace mdn::tool

#endif  // MDN_CLIENT_TOOL_BENCH_REPORT_H_
