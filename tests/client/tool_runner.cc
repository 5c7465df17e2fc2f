#include "tests/client/tool_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/temporary_directory.h"

extern char** environ;

namespace mdn {
namespace {

const TemporaryDirectory& Directory() {
  static const TemporaryDirectory directory;
  return directory;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

// Standard streams are files, so that no end of a pipe can block the other.
ToolResult Run(std::vector<std::string> arguments, absl::string_view input) {
  const std::string in = WriteTestFile("stdin", input);
  const std::string out = WriteTestFile("stdout", "");
  const std::string err = WriteTestFile("stderr", "");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), O_WRONLY, 0);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  pid_t child = 0;
  int status = -1;
  EXPECT_EQ(posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ), 0);
  EXPECT_EQ(waitpid(child, &status, 0), child);
  posix_spawn_file_actions_destroy(&actions);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out), ReadFile(err)};
}

}  // namespace

ToolResult RunTool(const std::vector<std::string>& arguments, absl::string_view input) {
  std::vector<std::string> all = {MDN_CLIENT_BINARY};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return Run(std::move(all), input);
}

ToolResult RunShell(const std::string& command) {
  setenv("TOOL", MDN_CLIENT_BINARY, /*overwrite=*/1);
  return Run({"/bin/sh", "-c", command}, "");
}

std::string TestPath(absl::string_view name) { return Directory().Path(std::string(name)); }

std::string WriteTestFile(absl::string_view name, absl::string_view content) {
  return Directory().Write(std::string(name), std::string(content));
}

}  // namespace mdn
