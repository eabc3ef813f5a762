#include "core/train/run_watch.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <utility>

#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

RunWatch::RunWatch(fs::path run) : run_(std::move(run)) {}

bool RunWatch::update() {
  const bool existed = exists_;
  exists_ = is_run(run_.root());
  bool changed = exists_ != existed;
  if (!exists_) return changed;
  const std::string before = std::exchange(problem_, {});
  changed |= read_state();
  changed |= read_metrics();
  changed |= read_checkpoints();
  changed |= read_probes();
  return changed || problem_ != before;
}

bool RunWatch::read_state() {
  try {
    RunState now = read_run_state(run_);
    if (now == state_) return false;
    state_ = std::move(now);
    return true;
  } catch (const Error& error) {
    problem_ = error.what();
    return false;
  }
}

bool RunWatch::read_metrics() {
  std::error_code missing;
  const std::uintmax_t size = fs::file_size(run_.metrics(), missing);
  if (missing || size == metrics_read_) return false;
  if (size < metrics_read_) {  // another run has taken the place
    metrics_.clear();
    metrics_read_ = 0;
  }
  std::ifstream in(run_.metrics(), std::ios::binary);
  in.seekg(static_cast<std::streamoff>(metrics_read_));
  std::string piece(1 << 16, '\0');
  while (in && metrics_read_ < size) {
    in.read(piece.data(), static_cast<std::streamsize>(std::min<std::uintmax_t>(piece.size(), size - metrics_read_)));
    metrics_.append(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount())));
    metrics_read_ += static_cast<std::uintmax_t>(in.gcount());
  }
  if (!in) problem_ = "cannot read " + run_.metrics().string();
  return true;
}

bool RunWatch::read_checkpoints() {
  std::map<std::string, fs::file_time_type> found;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(run_.checkpoints(), problem)) {
    const fs::path& path = entry.path();
    std::error_code gone;
    if (path.extension() == ".h5" && path.filename().string().front() != '.')
      found[path.stem().string()] = entry.last_write_time(gone);
  }
  if (found == checkpoints_) return false;
  checkpoints_ = std::move(found);
  return true;
}

bool RunWatch::read_probes() {
  std::int64_t newest = -1;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(run_.probes(), problem)) {
    const std::string name = entry.path().stem().string();
    std::int64_t step = -1;
    const auto read = std::from_chars(name.data(), name.data() + name.size(), step);
    if (entry.path().extension() == ".h5" && read.ptr == name.data() + name.size()) newest = std::max(newest, step);
  }
  if (newest == probe_step_) return false;
  probe_step_ = newest;
  probe_ = newest < 0 ? fs::path() : run_.probe(newest);
  return true;
}

std::int64_t RunWatch::step() const {
  std::int64_t step = state_.step;
  if (!metrics_.training().empty()) step = std::max(step, metrics_.training().back().step);
  return step;
}

double RunWatch::rate() const {
  return state_.phase == RunPhase::Running && !metrics_.training().empty() ? metrics_.training().back().rate : 0.0;
}

double RunWatch::seconds_left() const {
  return rate() > 0 ? static_cast<double>(std::max<std::int64_t>(0, state_.steps - step())) / rate() : -1.0;
}

}  // namespace erwin
