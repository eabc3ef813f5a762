#pragma once
// A training run: made in a directory of its own, resumed from it, branched from one of its checkpoints.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/base/job.h"
#include "core/config/config.h"
#include "core/train/metrics.h"
#include "core/train/run_directory.h"

namespace erwin {

struct RunRequest {
  Config config;              // its data section says what is trained on
  std::filesystem::path out;  // a new (or empty) directory
  std::string command;        // for the provenance
  // A checkpoint whose weights the run starts from, with its optimiser, step and place among the samples where it has
  // them. Its recipe (inputs, target, normalisation) is kept.
  std::filesystem::path from;
  std::function<void(const std::string& line)> say = {};  // told before the first step how much memory is needed and free
};

struct ResumeRequest {
  std::filesystem::path run;
  std::optional<std::int64_t> steps;  // another last step: the run is extended, its schedule stays
  std::string data, device;           // empty: as before; the data must be the same
  std::string command;
  std::function<void(const std::string& line)> say = {};
};

// What a person wants to see of the run as it goes.
struct RunProgress {
  std::int64_t step = 0, steps = 0;
  double loss = 0, rate = 0;  // rate: steps per second lately
  double seconds_left = -1;   // negative: unknown
  std::uint64_t memory = 0;   // bytes at the peak
  std::string text() const;   // one line
};
using RunWatcher = std::function<void(const RunProgress&)>;

struct RunResult {
  std::filesystem::path run, checkpoint;
  std::int64_t first_step = 0, steps = 0;  // where it began and how far it is
  std::int64_t parameters = 0;
  double first_loss = 0, last_loss = 0;
  double seconds = 0;  // of this process's steps
  std::optional<ValidationEntry> best;
  bool stopped = false;  // by a request in control/
};

// Nothing is written before data set, configuration, network and memory are found to fit; then the directory appears
// whole, with config.toml, provenance.json and the checkpoint of its first step. A stop of the job finishes the step,
// saves and raises Error{Cancelled} saying how to resume. Raises Error{Config}: the directory is not empty, an option,
// data that do not fit; Error{Model}: training diverged; Error{Memory}, {DeviceMemory}: saved, and what would fit;
// Error{Io}: a full disk, the run staying as it was last saved; and what opening the data set and samples raise.
RunResult run_training(const RunRequest& request, const Job& job = {}, const RunWatcher& watch = {});

// Goes on from checkpoints/last.h5, on the CPU to the same bits as a run that was never broken. Raises Error{Config}
// where the directory is no run, is being run, has ended, or the data are others than before; else as above.
RunResult resume_training(const ResumeRequest& request, const Job& job = {}, const RunWatcher& watch = {});

}  // namespace erwin
