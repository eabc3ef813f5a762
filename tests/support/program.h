#pragma once
// Runs the built program as a user would, and keeps what it said.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace erwin::test {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where a signal ended it
  std::string out, err;
};

// How a program is started. What it says is appended to out and err, which may be one file.
struct ProgramStart {
  std::filesystem::path out = "/dev/null", err = "/dev/null";
  std::filesystem::path folder = {};     // that it works in; empty: ours
  std::vector<std::string> environment;  // NAME=value entries added to ours
  bool clean_environment = false;        // they are all it gets
  std::string limits = {};               // words for a shell that then becomes the program: "ulimit -f 8"
};

// The built `erwinscope`, running: to be waited for, sent signals, looked at. Killed with its end, where it still runs.
class StartedProgram {
public:
  // Raises std::runtime_error where the program cannot be started.
  explicit StartedProgram(const std::vector<std::string>& arguments, const ProgramStart& start = {});
  ~StartedProgram();
  StartedProgram(const StartedProgram&) = delete;
  StartedProgram& operator=(const StartedProgram&) = delete;

  void send(int signal) const;
  bool runs();
  // Its exit code, or 128 + the signal that ended it.
  int wait();

private:
  bool take_end(int options);

  int process_ = -1;  // -1: it has ended
  int exit_code_ = -1;
};

// Starts the program with these arguments and waits for it. environment and clean_environment as in ProgramStart.
// Raises what StartedProgram raises.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                          bool clean_environment = false);

// Path of the built program.
std::filesystem::path program_path();

// A command line's words, which have blanks between them and none in them.
std::vector<std::string> words_of(const std::string& line);

// Everything in a file; empty where it cannot be read.
std::string text_of(const std::filesystem::path& path);

// Asks again and again; false where a minute was not enough.
bool within_a_minute(const std::function<bool()>& happens);

}  // namespace erwin::test
