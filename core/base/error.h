#pragma once
// The one error type of the program: what went wrong, where, and what to do about it.

#include <exception>
#include <string>
#include <string_view>

namespace erwin {

enum class ErrorKind { Internal, Config, Io, Format, Memory, DeviceMemory, Device, Model, Cancelled };

// Thrown by everything that can fail for reasons outside the program. Failures of HDF5, Torch, CUDA and VTK are turned
// into an Error where those libraries are called; only the job runner (window) and main() (command line) catch it.
class Error : public std::exception {
public:
  // message: one sentence, what is wrong. detail: where (file, line, key, sizes). hint: what the user can do.
  Error(ErrorKind kind, std::string message, std::string detail = {}, std::string hint = {});

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& detail() const { return detail_; }
  const std::string& hint() const { return hint_; }

  // "message (detail). hint" on one line.
  const char* what() const noexcept override { return text_.c_str(); }

  // The same error with `where: ` put before the detail, for callers that know the file or sample.
  Error at(std::string_view where) const;

private:
  ErrorKind kind_;
  std::string message_, detail_, hint_, text_;
};

// Process exit code of a failure: 1 Internal, 2 Config, 3 Io, 4 Format, 5 Memory, 6 DeviceMemory, 7 Device, 8 Model,
// 130 Cancelled.
int exit_code(ErrorKind kind);

// "Internal", "Config", ...
std::string_view name_of(ErrorKind kind);

}  // namespace erwin
