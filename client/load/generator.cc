#include "client/load/generator.h"

#include <grpcpp/channel.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/credentials.h"
#include "client/load/bearer.h"

namespace mdn::load {
namespace {

using Clock = LoadClock;
using Time = LoadTime;
using std::chrono::nanoseconds;

constexpr int kMostUnderWay = 65536;
// gRPC waits in whole milliseconds, so a moment nearer than this is waited for by looking.
constexpr std::chrono::microseconds kNear(1500);
// How long it may take to see that the load is to stop.
constexpr std::chrono::milliseconds kPatience(50);

double Seconds(nanoseconds duration) { return std::chrono::duration<double>(duration).count(); }

double ProcessCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + time.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  // Channels to the same server would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return arguments;
}

absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> OpenChannels(
    const GeneratorOptions& options) {
  const auto credentials = client_internal::Credentials::Load(options.security);
  if (!credentials.ok()) return credentials.status();
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < options.connections; ++i) {
    channels.push_back(
        credentials->OpenChannel(options.servers[i % options.servers.size()], ChannelArguments()));
    channels.back()->GetState(/*try_to_connect=*/true);
  }
  const auto deadline =
      std::chrono::system_clock::now() +
      std::chrono::duration_cast<std::chrono::system_clock::duration>(options.connect_timeout);
  for (int i = 0; i < options.connections; ++i) {
    if (channels[i]->WaitForConnected(deadline)) continue;
    return absl::UnavailableError(absl::StrCat("connection ", i + 1, " of ", options.connections,
                                               " to ", options.servers[i % options.servers.size()],
                                               " was not ready in time"));
  }
  return channels;
}

/// `whole` shared by `workers` as evenly as can be.
int64_t Share(int64_t whole, int64_t workers, int64_t worker) {
  return whole / workers + (worker < whole % workers ? 1 : 0);
}

}  // namespace

int UsableProcessors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// The connections of one thread, which sends and receives on one completion queue.
class LoadGenerator::Worker {
 public:
  Worker(std::unique_ptr<Bearer> bearer, nanoseconds timeout)
      : bearer_(std::move(bearer)), timeout_(timeout) {}

  void AddConnection(const std::shared_ptr<grpc::Channel>& channel) {
    bearer_->AddConnection(channel);
  }

  /// This worker's part of the phase, from `begin` on. `index` of `workers`.
  LoadResult Run(const LoadPhase& phase, int index, int workers, Time begin,
                 const std::atomic<bool>& stop) {
    result_ = LoadResult();
    result_.open_loop = phase.rate > 0;
    end_ = begin + phase.duration;
    left_ = Share(phase.max_requests, workers, index);
    stop_ = &stop;
    if (result_.open_loop) {
      RunOpen(ArrivalSchedule(phase.arrivals, phase.rate / workers, phase.seed + index,
                              (index + 1.0) / workers),
              begin, phase.awake);
    } else {
      RunClosed(static_cast<int>(Share(phase.concurrency, workers, index)), phase.awake);
    }
    const bool window_closed = Clock::now() >= end_;
    Drain();
    result_.window_seconds = Seconds(window_closed ? phase.duration : Clock::now() - begin);
    return std::move(result_);
  }

 private:
  bool MaySend(Time now) const { return now < end_ && left_ > 0 && !*stop_; }

  void RunClosed(int concurrency, bool awake) {
    for (int i = 0; i < concurrency && MaySend(Clock::now()); ++i) Send(Clock::now());
    for (Time now = Clock::now(); under_way_ > 0 && MaySend(now);) {
      const bool received = awake ? Look(now) : ReceiveUntil(now + kPatience);
      now = Clock::now();
      if (received && MaySend(now)) Send(now);
    }
  }

  void RunOpen(ArrivalSchedule schedule, Time begin, bool awake) {
    Time due = begin + schedule.Next();
    for (Time now = Clock::now(); MaySend(now); now = Clock::now()) {
      if (due <= now && under_way_ < kMostUnderWay) {
        result_.lag.Record((now - due).count());
        Send(due);
        due = begin + schedule.Next();
        // What comes in waits in the socket while nothing but sending is done.
        ReceiveUntil(Time::min());
      } else {
        const Time until = std::min({due, end_, now + kPatience});
        if (!awake && until - now > kNear) {
          ReceiveUntil(until - kNear);
        } else {
          Look(now);
        }
      }
    }
  }

  void Drain() {
    while (under_way_ > 0) {
      if (*stop_) bearer_->CancelAll();
      ReceiveUntil(Clock::now() + kPatience);
    }
  }

  void Send(Time due) {
    bearer_->Send(due);
    ++under_way_;
    --left_;
  }

  /// Takes one answer, if one is there. The first look that finds none may have sent what a stream
  /// still held back, and was not in vain.
  bool Look(Time now) {
    const bool found = ReceiveUntil(Time::min());
    if (!found && in_vain_) result_.vain_seconds += Seconds(Clock::now() - now);
    in_vain_ = !found;
    return found;
  }

  /// Takes one answer, if one comes until then.
  bool ReceiveUntil(Time until) {
    const std::optional<Bearer::Answer> answer = bearer_->ReceiveUntil(until);
    if (!answer.has_value()) return false;
    Count(*answer, Clock::now());
    --under_way_;
    return true;
  }

  void Count(const Bearer::Answer& answer, Time now) {
    if (*stop_ && answer.code == grpc::StatusCode::CANCELLED) return;
    constexpr int kUnknown = grpc::StatusCode::UNKNOWN;
    const int code = answer.code >= 0 && answer.code < kStatusCodes ? answer.code : kUnknown;
    ++result_.answers[code];
    if (result_.messages[code].empty()) result_.messages[code] = answer.message;
    if (code != grpc::StatusCode::OK) return;
    const nanoseconds latency = now - answer.due;
    result_.latency.Record(latency.count());
    result_.response_bytes += answer.bytes;
    if (latency > timeout_) {
      ++result_.late;
    } else if (now <= end_) {
      ++result_.in_window;
    }
  }

  const std::unique_ptr<Bearer> bearer_;
  const nanoseconds timeout_;

  // Of the phase.
  LoadResult result_;
  Time end_;
  int64_t left_ = 0;
  int64_t under_way_ = 0;
  bool in_vain_ = false;
  const std::atomic<bool>* stop_ = nullptr;
};

LoadGenerator::LoadGenerator() = default;
LoadGenerator::~LoadGenerator() = default;

absl::StatusOr<std::unique_ptr<LoadGenerator>> LoadGenerator::Connect(
    const GeneratorOptions& options, const Workload& workload) {
  auto channels = OpenChannels(options);
  if (!channels.ok()) return channels.status();
  std::unique_ptr<LoadGenerator> generator(new LoadGenerator);
  const int threads = std::min(options.threads, options.connections);
  for (int i = 0; i < threads; ++i) {
    const auto make = options.stream ? MakeStreamBearer : MakeUnaryBearer;
    generator->workers_.push_back(
        std::make_unique<Worker>(make(workload, options.timeout, i), options.timeout));
  }
  for (size_t i = 0; i < channels->size(); ++i) {
    generator->workers_[i % threads]->AddConnection((*channels)[i]);
  }
  return generator;
}

LoadResult LoadGenerator::Run(const LoadPhase& phase, const std::atomic<bool>& stop) {
  const int workers = static_cast<int>(workers_.size());
  std::vector<LoadResult> results(workers);
  std::vector<std::thread> threads;
  const double cpu_before = ProcessCpuSeconds();
  const Time begin = Clock::now();
  for (int i = 1; i < workers; ++i) {
    threads.emplace_back([&, i] { results[i] = workers_[i]->Run(phase, i, workers, begin, stop); });
  }
  results[0] = workers_[0]->Run(phase, 0, workers, begin, stop);
  for (std::thread& thread : threads) thread.join();

  for (int i = 1; i < workers; ++i) results[0].Add(results[i]);
  results[0].elapsed_seconds = Seconds(Clock::now() - begin);
  results[0].cpu_seconds = ProcessCpuSeconds() - cpu_before;
  results[0].processors = std::min(workers, UsableProcessors());
  return std::move(results[0]);
}

}  // namespace mdn::load
