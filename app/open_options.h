#pragma once
// The options of every command that opens data.

#include <CLI/CLI.hpp>

#include "core/io/open.h"

namespace erwin::app {

// Adds --positions and --drop-nonfinite, and --sample where the command takes samples of a file as io::open does; the
// values land in `options`, which must outlive the parsing.
void add_open_options(CLI::App& command, io::OpenOptions& options);
// --skip-bad, of commands that take data sets.
void add_skip_option(CLI::App& command, io::OpenOptions& options);
void add_sample_option(CLI::App& command, io::OpenOptions& options);

}  // namespace erwin::app
