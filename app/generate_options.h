#pragma once
// What the commands that generate data sets have in common: options, how they are written down, and the last words.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <string>

#include "core/generate/data_set.h"

namespace erwin::app {

// -1: a share of the samples.
struct DataOptions {
  std::string out;
  std::int64_t samples = 0, validation = -1, test = -1, points = 0;
  int threads = 0;
  std::uint64_t seed = 1;

  generate::SplitCounts counts() const { return generate::split_counts(samples, validation, test); }
};

// All options but the points; `samples`: what they are called.
void add_data_options(CLI::App& command, DataOptions& options, const std::string& samples = "samples");

// Takes the threads, if any were asked for, and starts the clock.
std::chrono::steady_clock::time_point begin_generating(const DataOptions& options);

// What went into the samples, as a command line; neither the file's name nor the threads did.
std::string command_text(const std::string& kind, const DataOptions& options);

// "OUT: N samples of P points (...) in S s" and the manifest's name.
void print_written(const DataOptions& options, std::int64_t points, std::chrono::steady_clock::time_point begin);

}  // namespace erwin::app
