#pragma once
// The checkpoints that show a run's course.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace erwin {

struct KeptCheckpoint {
  std::int64_t step = 0;
  std::filesystem::path path;
  bool operator==(const KeptCheckpoint&) const = default;
};

// Those of checkpoints/ that are kept by their step (step-0.h5 and every train.keep_every steps), by step, and last.h5
// where it is further. Raises Error{Config}: no run, or none kept; Error{Io}, Error{Format}: last.h5 cannot be read.
std::vector<KeptCheckpoint> kept_checkpoints(const std::filesystem::path& run);

}  // namespace erwin
