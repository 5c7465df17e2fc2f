#ifndef MDN_TESTS_SUPPORT_CHILD_PROCESS_H_
#define MDN_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mdn {

/// A program that runs beside the test and is killed with this object. Confined to one thread, but
/// for Signal.
class ChildProcess {
 public:
  /// arguments[0] is the program's path.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// The next line of its standard output, without the end of line; empty at the end of the output.
  std::string ReadLine();
  void Signal(int signal) const;
  pid_t id() const { return pid_; }
  /// Its exit code, or -signal where one ended it.
  int Wait();
  /// All that it has written to standard error so far.
  std::string errors() const;
  /// Waits until that holds the text; false: it took half a minute.
  bool AwaitError(const std::string& text) const;
  /// The most memory that it has had resident so far.
  int64_t peak_resident_bytes() const;
  int64_t resident_bytes() const;

 private:
  int64_t StatusBytes(const std::string& key) const;

  pid_t pid_ = -1;
  int output_ = -1;
  int error_file_ = -1;
  std::string unread_;
  bool ended_ = false;
};

/// An mdn_server, once it listens: on a free port of this machine and without a lame duck, unless
/// the flags say otherwise. Where TEST_SERVER_PROGRAM is set, that program is started instead, with
/// the same arguments.
class ServerProcess : public ChildProcess {
 public:
  /// `model` is a path, or a file of tests/data; empty: the flags say what to serve.
  explicit ServerProcess(const std::string& model, const std::vector<std::string>& flags = {});
  /// HOST:PORT.
  const std::string& address() const { return address_; }
  int port() const;

 private:
  std::string address_;
};

}  // namespace mdn

#endif  // MDN_TESTS_SUPPORT_CHILD_PROCESS_H_
