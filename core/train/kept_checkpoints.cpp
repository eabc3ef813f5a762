#include "core/train/kept_checkpoints.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "core/base/error.h"
#include "core/model/checkpoint.h"
#include "core/train/run_directory.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// K of "step-K.h5".
std::optional<std::int64_t> step_of(const fs::path& file) {
  const std::string stem = file.stem().string(), prefix = "step-";
  if (file.extension() != ".h5" || !stem.starts_with(prefix)) return {};
  std::int64_t step = 0;
  const auto [end, failure] = std::from_chars(stem.data() + prefix.size(), stem.data() + stem.size(), step);
  if (failure != std::errc() || end != stem.data() + stem.size() || step < 0) return {};
  return step;
}

}  // namespace

std::vector<KeptCheckpoint> kept_checkpoints(const fs::path& run) {
  require_run(run);
  const RunLayout layout(run);
  std::vector<KeptCheckpoint> kept;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(layout.checkpoints(), problem))
    if (const auto step = step_of(entry.path())) kept.push_back({*step, entry.path()});
  if (problem) throw Error(ErrorKind::Io, "the run's checkpoints cannot be listed", layout.checkpoints().string());
  std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  if (fs::exists(layout.last(), problem)) {
    const std::int64_t step = load_checkpoint(layout.last()).step;
    if (kept.empty() || step > kept.back().step) kept.push_back({step, layout.last()});
  }
  if (kept.empty())
    throw Error(ErrorKind::Config, "this run has no checkpoint", layout.checkpoints().string(),
                "Wait until it has saved one");
  return kept;
}

}  // namespace erwin
