#pragma once
// How a sub-command joins the program: a file of its own that registers itself.

#include <CLI/CLI.hpp>

#include "core/base/job.h"

namespace erwin::app {

// At namespace scope of app/<name>.cpp:  const CommandRegistration registration{[](CLI::App& app) { ... }};
// The function adds its sub-command to `app` and sets a callback that does the work and throws Error on failure.
class CommandRegistration {
public:
  using Add = void (*)(CLI::App& app);
  explicit CommandRegistration(Add add);
};

// The running command's job: Ctrl-C asks it to stop; progress is a line on stderr where that is a terminal.
const Job& command_job();

// The exit code of a command that ended well but has a code of its own; main returns it.
void set_exit_code(int code);

}  // namespace erwin::app
