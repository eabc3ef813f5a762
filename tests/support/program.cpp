#include "tests/support/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/shared_data.h"

extern char** environ;

namespace erwin::test {

namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

std::string text_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::filesystem::path program_path() {
  return ERWIN_PROGRAM;
}

StartedProgram::StartedProgram(const std::vector<std::string>& arguments, const ProgramStart& start) {
  std::vector<std::string> words{program_path().string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  if (!start.limits.empty()) words.insert(words.begin(), {"/bin/sh", "-c", start.limits + "; exec \"$0\" \"$@\""});
  std::vector<std::string> variables = start.environment;
  if (!start.clean_environment)
    for (char** entry = environ; *entry; ++entry) variables.emplace_back(*entry);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (const auto& [descriptor, path] : {std::pair(STDOUT_FILENO, &start.out), std::pair(STDERR_FILENO, &start.err)})
    posix_spawn_file_actions_addopen(&actions, descriptor, path->c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (!start.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, start.folder.c_str());
  const int failed =
      posix_spawn(&process_, words[0].c_str(), &actions, nullptr, pointers(words).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed) throw std::runtime_error("cannot start " + words[0] + ": " + std::strerror(failed));
}

StartedProgram::~StartedProgram() {
  if (!runs()) return;
  send(SIGKILL);
  wait();
}

void StartedProgram::send(int signal) const {
  if (process_ > 0) ::kill(process_, signal);
}

bool StartedProgram::take_end(int options) {
  int status = 0, ended = 0;
  while ((ended = waitpid(process_, &status, options)) < 0 && errno == EINTR) continue;
  if (ended == 0) return false;
  process_ = -1;
  if (ended > 0) exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool StartedProgram::runs() {
  return process_ > 0 && !take_end(WNOHANG);
}

int StartedProgram::wait() {
  if (process_ > 0) take_end(0);
  return exit_code_;
}

ProgramResult run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment,
                          bool clean_environment) {
  const ScratchFolder scratch;
  ProgramStart start;
  start.out = scratch.path() / "out";
  start.err = scratch.path() / "err";
  start.environment = environment;
  start.clean_environment = clean_environment;
  ProgramResult result;
  result.exit_code = StartedProgram(arguments, start).wait();
  result.out = text_of(start.out);
  result.err = text_of(start.err);
  return result;
}

bool within_a_minute(const std::function<bool()>& happens) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!happens()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace erwin::test
