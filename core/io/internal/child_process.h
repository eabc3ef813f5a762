#pragma once
// A program started to do something dangerous: its output is read while it runs, and it ends with this object at the
// latest.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"

namespace erwin::io {

class ChildProcess {
public:
  // Raises Error{Io} where the program cannot be started. After `seconds` it is killed.
  ChildProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments, int seconds,
               const Job& job);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Bytes of the child's standard output, at most `bytes`; 0 at its end. Looks at the job every 20 ms; kills the child
  // and raises Error{Cancelled} on a stop, Error{Format} when its time is over.
  std::size_t read_some(char* to, std::size_t bytes);
  // Waits for the end, in the same way; returns what waitpid says.
  int wait();
  // The first 4 KiB of what it wrote to standard error so far.
  const std::string& complaints() const { return complaints_; }

private:
  void watch_clock();
  void drain_complaints();
  void kill();

  const Job& job_;
  pid_t pid_ = -1;
  int out_ = -1, err_ = -1, status_ = 0;
  int seconds_;
  std::chrono::steady_clock::time_point start_;
  std::string complaints_;
};

}  // namespace erwin::io
