#include "server/log/log.h"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace mdn {
namespace {

constexpr size_t kMaxWaiting = 8192;
// A pipe that can be written to takes so many bytes.
constexpr size_t kPiece = 4096;
constexpr int kPatienceMs = 1000;

constexpr std::array<std::pair<absl::string_view, spdlog::level::level_enum>, 4> kLevels = {
    {{"debug", spdlog::level::debug},
     {"info", spdlog::level::info},
     {"warning", spdlog::level::warn},
     {"error", spdlog::level::err}}};

std::string JsonString(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

absl::string_view View(spdlog::string_view_t text) { return {text.data(), text.size()}; }

class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const bool fields = View(message.logger_name) == kFieldLogger;
    const std::string text =
        absl::StrCat("{\"time\":\"",
                     absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::FromChrono(message.time),
                                      absl::UTCTimeZone()),
                     "\",\"level\":\"", View(spdlog::level::to_string_view(message.level)), "\",",
                     fields ? std::string(View(message.payload))
                            : absl::StrCat("\"message\":", JsonString(View(message.payload))),
                     "}\n");
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

std::unique_ptr<spdlog::formatter> MakeFormatter(LogFormat format) {
  if (format == LogFormat::kJson) return std::make_unique<JsonFormatter>();
  return std::make_unique<spdlog::pattern_formatter>("[%Y-%m-%d %H:%M:%S.%e] [%n] [%l] %v");
}

/// Whatever a message quotes, it is one line and moves no cursor.
void MakeOneLine(spdlog::memory_buf_t& line) {
  std::replace_if(
      line.begin(), line.end() - 1,
      [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }, '?');
}

/// A file that may stop taking bytes. Once it has, it is not waited for again until it takes some.
class PatientSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit PatientSink(int file_descriptor) : file_(file_descriptor) {}

  /// Of the messages that were not even given to this sink; to be called before the first one.
  void CountOverruns(std::function<size_t()> overruns) { overruns_ = std::move(overruns); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (WriteLine(message)) {
      TellLosses(message);
    } else {
      ++lost_;
    }
  }
  void flush_() override {}

 private:
  void TellLosses(const spdlog::details::log_msg& last) {
    const size_t lost = lost_ + overruns_();
    if (lost == told_) return;
    const std::string text =
        absl::StrCat(lost - told_, " messages of the log are lost, since nobody read them in time");
    if (WriteLine({last.time, {}, "mdn_server", spdlog::level::warn, text})) told_ = lost;
  }

  bool WriteLine(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    MakeOneLine(line);
    return Write({line.data(), line.size()});
  }

  bool Write(absl::string_view text) {
    while (!text.empty()) {
      pollfd entry = {file_, POLLOUT, 0};
      const int ready = poll(&entry, 1, stalled_ ? 0 : kPatienceMs);
      if (ready < 0 && errno == EINTR) continue;
      stalled_ = ready <= 0;
      if (stalled_) return false;
      const ssize_t written = write(file_, text.data(), std::min(text.size(), kPiece));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(written);
    }
    return true;
  }

  const int file_;
  std::function<size_t()> overruns_;
  bool stalled_ = false;
  size_t lost_ = 0;
  size_t told_ = 0;
};

}  // namespace

std::optional<spdlog::level::level_enum> ParseLogLevel(absl::string_view name) {
  for (const auto& [known, level] : kLevels) {
    if (name == known) return level;
  }
  return std::nullopt;
}

spdlog::level::level_enum MoreVerbose(spdlog::level::level_enum level) {
  return std::max(static_cast<spdlog::level::level_enum>(level - 1), spdlog::level::debug);
}

spdlog::level::level_enum LessVerbose(spdlog::level::level_enum level) {
  return std::min(static_cast<spdlog::level::level_enum>(level + 1), spdlog::level::err);
}

Log::Log(LogFormat format, spdlog::level::level_enum level, int file_descriptor)
    : before_(spdlog::default_logger()),
      thread_(std::make_shared<spdlog::details::thread_pool>(kMaxWaiting, 1)) {
  auto sink = std::make_shared<PatientSink>(file_descriptor);
  sink->set_formatter(MakeFormatter(format));
  // Only the pool's own thread calls the sink: it has to own nothing of the pool that joins it.
  sink->CountOverruns([pool = thread_.get()] { return pool->overrun_counter(); });
  const auto make = [this, &sink](const std::string& name) {
    return std::make_shared<spdlog::async_logger>(name, sink, thread_,
                                                  spdlog::async_overflow_policy::overrun_oldest);
  };
  auto logger = make("mdn_server");
  logger->set_level(level);
  field_logger_ = make(kFieldLogger);
  spdlog::set_default_logger(std::move(logger));
}

// Threads that gRPC leaves running may still log.
Log::~Log() { spdlog::set_default_logger(before_); }

void Fields::Begin(absl::string_view name) {
  if (format_ == LogFormat::kJson) {
    absl::StrAppend(&text_, text_.empty() ? "\"" : ",\"", name, "\":");
  } else {
    absl::StrAppend(&text_, text_.empty() ? "" : " ", name, "=");
  }
}

Fields& Fields::Add(absl::string_view name, absl::string_view value) {
  Begin(name);
  absl::StrAppend(&text_, format_ == LogFormat::kJson ? JsonString(value) : std::string(value));
  return *this;
}

Fields& Fields::Add(absl::string_view name, int64_t value) {
  Begin(name);
  absl::StrAppend(&text_, value);
  return *this;
}

}  // namespace mdn
