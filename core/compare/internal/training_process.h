#pragma once
// A run in a process of its own: memory and time are its alone, and what it breaks it breaks alone.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace erwin::study {

class TrainingProcess {
public:
  // What it says goes to the end of `log`. It gets no Ctrl-C of the terminal's, and is asked to stop where this process
  // ends, however that happens. Raises Error{Io} where it cannot be started.
  TrainingProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                  const std::filesystem::path& log);
  ~TrainingProcess();  // kills it where it still runs
  TrainingProcess(const TrainingProcess&) = delete;
  TrainingProcess& operator=(const TrainingProcess&) = delete;

  // Its exit code once it has ended, 128 + signal where one ended it.
  std::optional<int> ended();
  void ask_to_stop();  // it finishes its step and saves
  void kill();

private:
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace erwin::study
