#pragma once
// Runs the built program as a user would, and keeps what it said.

#include <filesystem>
#include <string>
#include <vector>

namespace erwin::test {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where a signal ended it
  std::string out, err;
};

// Starts the built `erwinscope` with these arguments and waits for it. environment: NAME=value entries added to ours;
// with clean_environment they are all it gets. Raises std::runtime_error where the program cannot be started.
ProgramResult run_program(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                          bool clean_environment = false);

// Path of the built program.
std::filesystem::path program_path();

}  // namespace erwin::test
