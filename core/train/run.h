#pragma once
// One training run in a directory of its own: config.toml, metrics.jsonl, checkpoints/last.h5.

#include <filesystem>
#include <functional>
#include <string>

#include "core/base/job.h"
#include "core/config/config.h"
#include "core/dataset/dataset.h"
#include "core/train/trainer.h"

namespace erwin {

struct RunRequest {
  Config config;              // its data section says what is trained on
  std::filesystem::path out;  // a new (or empty) directory
  std::string command;        // for the provenance
};

struct RunResult {
  std::int64_t steps = 0;
  std::int64_t parameters = 0;
  double first_loss = 0, last_loss = 0;
  double seconds = 0;  // of the steps
  std::filesystem::path checkpoint;
};

// Nothing is written before data set, configuration and network are found to fit. A stop finishes the step, saves and
// raises Error{Cancelled}. Raises Error{Config}: the directory is not empty, an option, data that do not fit; and what
// opening the data set, preparing samples and steps raise.
RunResult run_training(const RunRequest& request, const Job& job = {},
                       const std::function<void(const StepRecord&)>& watch = {});

}  // namespace erwin
