#include "core/io/internal/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/error.h"

extern char** environ;

namespace erwin::io {

namespace {

constexpr int look_milliseconds = 20;
constexpr std::size_t max_complaints = 4096;

void close_end(int& end) {
  if (end >= 0) ::close(end);
  end = -1;
}

}  // namespace

ChildProcess::ChildProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments, int seconds,
                           const Job& job)
    : job_(job), seconds_(seconds), start_(std::chrono::steady_clock::now()) {
  std::array<int, 2> out{-1, -1}, err{-1, -1};
  if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) {
    for (int* end : {&out[0], &out[1], &err[0], &err[1]}) close_end(*end);
    throw Error(ErrorKind::Io, "cannot start a program", program.string() + ": " + std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const int problem = ::posix_spawn(&pid_, program.c_str(), &actions, nullptr, pointers.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
  if (problem != 0) {
    pid_ = -1;
    close_end(out_);
    close_end(err_);
    throw Error(ErrorKind::Io, "cannot start a program", program.string() + ": " + std::strerror(problem));
  }
  ::fcntl(out_, F_SETFL, O_NONBLOCK);
  ::fcntl(err_, F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
  kill();
  close_end(out_);
  close_end(err_);
}

void ChildProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void ChildProcess::watch_clock() {
  if (job_.stop_requested()) {
    kill();
    job_.check();
  }
  if (std::chrono::steady_clock::now() - start_ <= std::chrono::seconds(seconds_)) return;
  kill();
  throw Error(ErrorKind::Format, "reading the file took too long and was ended",
              "after " + std::to_string(seconds_) + " s",
              "The file may be damaged; if it is only large, convert it to HDF5 first");
}

void ChildProcess::drain_complaints() {
  std::array<char, 1024> buffer;
  for (;;) {
    const ssize_t got = err_ < 0 ? -1 : ::read(err_, buffer.data(), buffer.size());
    if (got == 0) close_end(err_);
    if (got <= 0) return;
    const std::size_t room = max_complaints - std::min(max_complaints, complaints_.size());
    complaints_.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

std::size_t ChildProcess::read_some(char* to, std::size_t bytes) {
  for (;;) {
    watch_clock();
    std::array<pollfd, 2> ends{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
    ::poll(ends.data(), ends.size(), look_milliseconds);
    drain_complaints();
    const ssize_t got = ::read(out_, to, bytes);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR)
      throw Error(ErrorKind::Io, "cannot read from a program", std::strerror(errno));
  }
}

int ChildProcess::wait() {
  while (pid_ >= 0) {
    const pid_t ended = ::waitpid(pid_, &status_, WNOHANG);
    drain_complaints();
    if (ended == pid_) {
      pid_ = -1;
      break;
    }
    watch_clock();
    ::poll(nullptr, 0, 2);
  }
  return status_;
}

}  // namespace erwin::io
