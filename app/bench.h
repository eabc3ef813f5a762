#pragma once

#include "app/command.h"

namespace erwin::app {

// `erwinscope bench`, to which each measurement adds its own sub-command; made by whoever asks first.
CLI::App& bench_command(CLI::App& app);

}  // namespace erwin::app
