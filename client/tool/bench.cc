#include <CLI/App.hpp>
#include <CLI/Error.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/load/generator.h"
#include "client/load/process_usage.h"
#include "client/tool/bench_report.h"
#include "client/tool/command.h"
#include "client/tool/exit_code.h"

namespace mdn::tool {
namespace {

constexpr char kPredict[] = "predict";
constexpr char kSample[] = "sample";
constexpr char kLogLikelihood[] = "log-likelihood";

struct BenchFlags {
  std::string rpc = kPredict;
  int64_t rows = 1;
  int64_t num_samples = 1;
  std::vector<int> concurrency = {1, 8, 64};
  std::vector<double> rates;
  load::ArrivalProcess arrivals = load::ArrivalProcess::kPoisson;
  absl::Duration duration = absl::Seconds(5);
  absl::Duration warmup = absl::Seconds(1);
  int64_t requests = load::LoadPhase().max_requests;
  bool stream = false;
  bool awake = false;
  int connections = 4;
  int threads = 1;
  pid_t server_pid = 0;
};

// A lock-free atomic is what a signal handler may set.
std::atomic<bool> interrupted{false};

/// The second signal ends the tool at once.
void Interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

absl::Duration ParseDuration(const std::string& flag, const std::string& text,
                             absl::Duration least) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration >= least && duration <= absl::Hours(24)) {
    return duration;
  }
  throw CLI::ValidationError(flag,
                             absl::StrCat("\"", text, "\" is no duration such as 500ms or 10s"));
}

load::Rpc ToRpc(const std::string& name) {
  if (name == kSample) return load::Rpc::kSample;
  return name == kLogLikelihood ? load::Rpc::kLogLikelihood : load::Rpc::kPredict;
}

load::Workload ToWorkload(const BenchFlags& flags, const ModelInfo& info) {
  load::Workload workload;
  workload.rpc = ToRpc(flags.rpc);
  workload.model.set_name(info.model.name);
  workload.model.set_version(info.model.version);
  workload.dim_in = info.dim_in;
  workload.dim_out = info.dim_out;
  workload.rows = flags.rows;
  workload.num_samples = flags.num_samples;
  return workload;
}

load::LoadPhase ToPhase(const BenchFlags& flags, double level) {
  load::LoadPhase phase;
  if (flags.rates.empty()) {
    phase.concurrency = static_cast<int>(level);
  } else {
    phase.rate = level;
  }
  phase.arrivals = flags.arrivals;
  phase.awake = flags.awake;
  phase.duration = absl::ToChronoNanoseconds(flags.duration);
  phase.max_requests = flags.requests;
  return phase;
}

void WarmUp(const BenchFlags& flags, load::LoadPhase phase, load::LoadGenerator& generator) {
  if (flags.warmup == absl::ZeroDuration()) return;
  phase.duration = absl::ToChronoNanoseconds(flags.warmup);
  phase.seed = 1;
  generator.Run(phase, interrupted);
}

ServerCost CostBetween(const load::ProcessUsage& before, const load::ProcessUsage& after,
                       int64_t requests) {
  const auto count = static_cast<double>(std::max<int64_t>(1, requests));
  return {(after.cpu_seconds - before.cpu_seconds) * 1e6 / count,
          static_cast<double>(after.context_switches - before.context_switches) / count};
}

absl::StatusOr<BenchLevel> RunLevel(const BenchFlags& flags, double level,
                                    load::LoadGenerator& generator) {
  const load::LoadPhase phase = ToPhase(flags, level);
  WarmUp(flags, phase, generator);
  BenchLevel outcome;
  outcome.level = level;
  if (flags.server_pid == 0) {
    outcome.result = generator.Run(phase, interrupted);
    return outcome;
  }
  const auto before = load::ReadProcessUsage(flags.server_pid);
  if (!before.ok()) return before.status();
  outcome.result = generator.Run(phase, interrupted);
  const auto after = load::ReadProcessUsage(flags.server_pid);
  if (!after.ok()) return after.status();
  outcome.server = CostBetween(*before, *after, outcome.result.total());
  return outcome;
}

/// What most answers were, if none was OK.
absl::Status CheckAnswered(const load::LoadResult& result) {
  if (result.answers[0] > 0 || result.total() == 0) return absl::OkStatus();
  const auto most = std::max_element(result.answers.begin(), result.answers.end());
  const auto code = most - result.answers.begin();
  const std::string& first = result.messages[code];
  return absl::Status(static_cast<absl::StatusCode>(code),
                      absl::StrCat("none of ", result.total(), " requests succeeded",
                                   first.empty() ? "" : "; the first: ", first));
}

absl::Status RunLevels(const BenchFlags& flags, const Session& session,
                       load::LoadGenerator& generator) {
  const bool open_loop = !flags.rates.empty();
  BenchPrinter printer(session.format,
                       {flags.rpc, flags.rows, flags.num_samples, flags.connections, flags.threads,
                        flags.stream, flags.awake, open_loop},
                       flags.server_pid != 0, session.output);
  const std::vector<double> levels =
      open_loop ? flags.rates
                : std::vector<double>(flags.concurrency.begin(), flags.concurrency.end());
  for (const double level : levels) {
    const absl::StatusOr<BenchLevel> outcome = RunLevel(flags, level, generator);
    if (!outcome.ok()) return outcome.status();
    if (outcome->result.total() > 0) printer.Print(*outcome);
    if (absl::Status written = session.output.Flush(); !written.ok()) return written;
    if (interrupted) return absl::OkStatus();
    if (absl::Status answered = CheckAnswered(outcome->result); !answered.ok()) return answered;
  }
  return absl::OkStatus();
}

absl::Status Bench(const BenchFlags& flags, const Session& session) {
  // Debian builds Abseil with its search for deadlocks on, which takes a tenth of gRPC's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::StatusOr<ModelInfo> info = session.client.GetModel(session.model);
  if (!info.ok()) return info.status();
  load::GeneratorOptions options;
  options.servers = session.servers;
  options.security = session.security;
  options.connections = flags.connections;
  options.threads = flags.threads;
  options.stream = flags.stream;
  options.timeout = absl::ToChronoNanoseconds(session.timeout);
  auto generator = load::LoadGenerator::Connect(options, ToWorkload(flags, *info));
  if (!generator.ok()) return generator.status();
  std::signal(SIGINT, Interrupt);
  return RunLevels(flags, session, **generator);
}

void AddWorkFlags(CLI::App& command, BenchFlags* flags) {
  command.add_option("--rpc", flags->rpc, "predict, sample or log-likelihood")
      ->check(CLI::IsMember(std::vector<std::string>{kPredict, kSample, kLogLikelihood}))
      ->type_name("RPC")
      ->capture_default_str();
  command.add_option("--rows", flags->rows, "Rows of x in a request")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--num_samples", flags->num_samples, "For the RPC sample: draws for each row")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("N")
      ->capture_default_str();
}

void AddLevelFlags(CLI::App& command, BenchFlags* flags) {
  CLI::Option* const concurrency =
      command
          .add_option("--concurrency", flags->concurrency,
                      "Requests under way at a time: a level for each number, separated by commas")
          ->delimiter(',')
          ->allow_extra_args(false)
          ->check(CLI::Range(1, 65536))
          ->type_name("N")
          ->capture_default_str();
  CLI::Option* const rate =
      command
          .add_option("--rate", flags->rates,
                      "Instead: requests sent in a second, whether they are answered or not")
          ->delimiter(',')
          ->allow_extra_args(false)
          ->check(CLI::Range(1e-3, 1e7))
          ->excludes(concurrency)
          ->type_name("R");
  command
      .add_option_function<std::string>(
          "--arrivals",
          [flags](const std::string& name) {
            flags->arrivals = name == "constant" ? load::ArrivalProcess::kConstant
                                                 : load::ArrivalProcess::kPoisson;
          },
          "With --rate: poisson or constant (default poisson)")
      ->check(CLI::IsMember(std::vector<std::string>{"poisson", "constant"}))
      ->needs(rate)
      ->type_name("PROCESS");
}

void AddTimeFlags(CLI::App& command, BenchFlags* flags) {
  command
      .add_option_function<std::string>(
          "--duration",
          [flags](const std::string& text) {
            flags->duration = ParseDuration("--duration", text, absl::Milliseconds(1));
          },
          "Of each level (default 5s)")
      ->type_name("DURATION");
  command
      .add_option_function<std::string>(
          "--warmup",
          [flags](const std::string& text) {
            flags->warmup = ParseDuration("--warmup", text, absl::ZeroDuration());
          },
          "The same load before each level, which does not count (default 1s)")
      ->type_name("DURATION");
  command.add_option("--requests", flags->requests, "Ends a level, and its warm-up, earlier")
      ->check(CLI::Range(int64_t{1}, flags->requests))
      ->type_name("N");
}

void AddBearerFlags(CLI::App& command, BenchFlags* flags) {
  command.add_option("--connections", flags->connections, "Requests take them in turn")
      ->check(CLI::Range(1, 10000))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--threads", flags->threads, "Of the load generator")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--stream", flags->stream,
                   "Requests go over a stream on each connection, many in a message, instead of a "
                   "call each");
  command.add_flag(
      "--awake", flags->awake,
      "Never sleeps while it waits for answers: takes its processors whole, and spares "
      "a server on the same machine the waking of its caller");
  command
      .add_option("--server_pid", flags->server_pid,
                  "The server's process on this machine, to tell what a request costs it")
      ->check(CLI::Range(1, 1 << 22))
      ->type_name("PID");
}

void CheckTogether(const BenchFlags& flags) {
  const int threads = std::min(flags.threads, flags.connections);
  const int processors = load::UsableProcessors();
  if (!flags.awake || threads <= processors) return;
  throw CLI::ValidationError("--awake", absl::StrCat("takes a processor for each thread: ", threads,
                                                     ", but there are ", processors));
}

}  // namespace

Command AddBench(CLI::App& tool) {
  CLI::App* command = tool.add_subcommand("bench", "Measures a server under load");
  auto flags = std::make_shared<BenchFlags>();
  AddWorkFlags(*command, flags.get());
  AddLevelFlags(*command, flags.get());
  AddTimeFlags(*command, flags.get());
  AddBearerFlags(*command, flags.get());
  command->callback([flags] { CheckTogether(*flags); });
  command->footer(
      "x is random. Without --rate each request is followed by the next one as soon as it is\n"
      "answered; latency counts from its sending. With --rate latency counts from the moment that\n"
      "a request was due, so a server that stalls is not spared the requests it would have had.\n"
      "The tool says so where it was itself too slow for the figures to tell of the server. "
      "Ctrl-C\n"
      "ends a level early, and its figures are shown.\n"
      "\n"
      "answered/s and rows/s count what succeeded within --timeout. p50_us … are microseconds;\n"
      "server_us and switches, with --server_pid, are the server's processor time and context\n"
      "switches for a request.\n"
      "\n"
      "Examples:\n"
      "  mdn_client bench --concurrency=1,16,256 --connections=8\n"
      "  mdn_client bench --rpc=sample --num_samples=1000 --rate=1000,2000 --duration=10s\n"
      "  mdn_client bench --rows=1024 --server_pid=\"$(pidof mdn_server)\" --format=json");
  return {command, [flags](const Session& session) { return Bench(*flags, session); }, ExitCode};
}

}  // namespace mdn::tool
