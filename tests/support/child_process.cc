#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "tests/support/await.h"

extern char** environ;

namespace mdn {
namespace {

std::string ServerProgram() {
  const char* const other = std::getenv("TEST_SERVER_PROGRAM");
  return other == nullptr ? MDN_SERVER_PROGRAM : other;
}

std::vector<std::string> ServerArguments(const std::string& model,
                                         const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {ServerProgram()};
  if (!model.empty()) {
    arguments.push_back("--model=" + (std::filesystem::path(MDN_TEST_DATA) / model).string());
  }
  for (const std::string& flag :
       {std::string("--listen=127.0.0.1:0"), std::string("--lame_duck=0")}) {
    const std::string name = flag.substr(0, flag.find('=') + 1);
    const bool given = std::any_of(flags.begin(), flags.end(), [&name](const std::string& other) {
      return other.rfind(name, 0) == 0;
    });
    if (!given) arguments.push_back(flag);
  }
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  std::array<int, 2> output{};
  error_file_ = memfd_create("errors", MFD_CLOEXEC);
  if (error_file_ < 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("no descriptors for a child process");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error_file_, STDERR_FILENO);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  output_ = output[0];
  if (error != 0) throw std::runtime_error("cannot start " + arguments[0]);
}

ChildProcess::~ChildProcess() {
  if (!ended_) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
  close(error_file_);
}

std::string ChildProcess::ReadLine() {
  while (true) {
    if (const size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> chunk{};
    const ssize_t count = read(output_, chunk.data(), chunk.size());
    if (count <= 0) return std::exchange(unread_, "");
    unread_.append(chunk.data(), count);
  }
}

void ChildProcess::Signal(int signal) const { kill(pid_, signal); }

int ChildProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ChildProcess::errors() const {
  std::string text;
  std::array<char, 4096> chunk{};
  for (ssize_t count = 0;
       (count = pread(error_file_, chunk.data(), chunk.size(), text.size())) > 0;) {
    text.append(chunk.data(), count);
  }
  return text;
}

bool ChildProcess::AwaitError(const std::string& text) const {
  return Await([&] { return errors().find(text) != std::string::npos; });
}

int64_t ChildProcess::peak_resident_bytes() const { return StatusBytes("VmHWM:"); }
int64_t ChildProcess::resident_bytes() const { return StatusBytes("VmRSS:"); }

int64_t ChildProcess::StatusBytes(const std::string& key) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; status >> word;) {
    int64_t kib = 0;
    if (word == key && status >> kib) return kib * 1024;
  }
  throw std::runtime_error("no " + key + " of the child process");
}

ServerProcess::ServerProcess(const std::string& model, const std::vector<std::string>& flags)
    : ChildProcess(ServerArguments(model, flags)) {
  const std::string line = ReadLine();
  const std::string prefix = "listening on ";
  if (line.rfind(prefix, 0) != 0) throw std::runtime_error("mdn_server said: " + line);
  address_ = line.substr(prefix.size());
}

int ServerProcess::port() const { return std::stoi(address_.substr(address_.rfind(':') + 1)); }

}  // namespace mdn
