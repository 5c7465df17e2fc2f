#ifndef MDN_SERVER_LOG_LOG_H_
#define MDN_SERVER_LOG_LOG_H_

#include <spdlog/common.h>
#include <spdlog/logger.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace spdlog::details {
class thread_pool;
}

namespace mdn {

enum class LogFormat : uint8_t {
  kText,
  /// An object a line: time, level and message, or what a logger of fields gives.
  kJson,
};

/// The name of the logger whose messages are fields already, as Fields makes them.
inline constexpr char kFieldLogger[] = "calls";

/// The levels that operators set: debug, info, warning and error.
std::optional<spdlog::level::level_enum> ParseLogLevel(absl::string_view name);

/// The next level that tells more, or less; the last one stays.
spdlog::level::level_enum MoreVerbose(spdlog::level::level_enum level);
spdlog::level::level_enum LessVerbose(spdlog::level::level_enum level);

/// The program's log while it lives: spdlog's default logger, and one of fields, write through a
/// thread of their own, so that no caller ever waits. When the file descriptor does not keep up,
/// the oldest of 8192 waiting messages go, and the log says how many were lost. Create it once.
class Log {
 public:
  Log(LogFormat format, spdlog::level::level_enum level, int file_descriptor = 2);
  /// Writes what waits, unless the reader has stopped reading.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Takes messages made by Fields, of all levels.
  const std::shared_ptr<spdlog::logger>& field_logger() const { return field_logger_; }

 private:
  const std::shared_ptr<spdlog::logger> before_;
  /// Its end waits for what waits.
  std::shared_ptr<spdlog::details::thread_pool> thread_;
  std::shared_ptr<spdlog::logger> field_logger_;
};

/// Names and values for the log of fields: name=value in text, "name":value in JSON. Names are
/// plain words; text values have no spaces of their own.
class Fields {
 public:
  explicit Fields(LogFormat format) : format_(format) {}
  Fields& Add(absl::string_view name, absl::string_view value);
  Fields& Add(absl::string_view name, int64_t value);
  const std::string& text() const { return text_; }

 private:
  void Begin(absl::string_view name);

  const LogFormat format_;
  std::string text_;
};

}  // namespace mdn

#endif  // MDN_SERVER_LOG_LOG_H_
