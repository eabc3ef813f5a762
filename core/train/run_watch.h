#pragma once
// A run seen from outside, by the window or any other watcher: reads what is new in its directory, and only that.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/train/metrics.h"
#include "core/train/run_directory.h"

namespace erwin {

// Belongs to one thread at a time. Nothing here changes the run or waits for it; a directory that does not exist yet,
// is being made, or vanishes is no error: exists() says so and the next update() looks again.
class RunWatch {
public:
  explicit RunWatch(std::filesystem::path run);

  // Reads what has changed: a few system calls where nothing has. True where anything below is different now. What
  // cannot be read is kept as it was, with the reason in problem().
  bool update();

  const RunLayout& run() const { return run_; }
  bool exists() const { return exists_; }
  const RunState& state() const { return state_; }
  const MetricsHistory& metrics() const { return metrics_; }
  // The last step that is known to be done.
  std::int64_t step() const;
  // Steps per second lately, 0 where unknown or not running; seconds until the last step, negative where unknown.
  double rate() const;
  double seconds_left() const;

  // By name without extension ("last", "best", "step-0"), with their time of writing.
  const std::map<std::string, std::filesystem::file_time_type>& checkpoints() const { return checkpoints_; }
  // The newest probe and its step; empty and -1 where there is none. Probes are removed some time after newer ones
  // have come: where opening fails, look again.
  const std::filesystem::path& probe() const { return probe_; }
  std::int64_t probe_step() const { return probe_step_; }
  const std::string& problem() const { return problem_; }

private:
  bool read_state();
  bool read_metrics();
  bool read_checkpoints();
  bool read_probes();

  RunLayout run_;
  bool exists_ = false;
  RunState state_;
  MetricsHistory metrics_;
  std::uintmax_t metrics_read_ = 0;
  std::map<std::string, std::filesystem::file_time_type> checkpoints_;
  std::filesystem::path probe_;
  std::int64_t probe_step_ = -1;
  std::string problem_;
};

}  // namespace erwin
