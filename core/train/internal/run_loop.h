#pragma once
// The steps of a run between its first and its last, with everything that happens in between: metrics, checkpoints,
// validation, requests, probes.

#include <chrono>
#include <fstream>
#include <optional>
#include <string>

#include "core/model/prediction_memory.h"
#include "core/model/checkpoint.h"
#include "core/train/internal/prober.h"
#include "core/train/internal/run_setup.h"
#include "core/train/run.h"
#include "core/train/trainer.h"

namespace erwin::train {

// log.txt: lines with their time. What cannot be written is lost: the log is no reason to end a run.
class RunLog {
public:
  explicit RunLog(const std::filesystem::path& path) : file_(path, std::ios::app) {}
  void line(const std::string& text) { file_ << utc_now() << " " << text << std::endl; }

private:
  std::ofstream file_;
};

// Of a training step, on its device.
struct MemoryForecast {
  MemoryNeed need;
  bool recompute = false;
  std::string text() const {
    return need.text() + (recompute ? "; blocks run again in the backward pass, which keeps less" : "");
  }
};

class RunLoop {
public:
  // checkpoint: what every checkpoint of the run holds beside weights, step and training state.
  RunLoop(RunLayout run, RunSetup setup, Trainer& trainer, Checkpoint checkpoint, RunWatcher watch);

  // Writes the checkpoint of the step that the run begins with, and the first state.
  void save_first();
  // Until the last step or a request to stop. `layout`: where the directory is now (it is made under another name).
  RunResult run(const RunLayout& layout, const Job& job);
  void resumed();  // notes in the metrics where it goes on
  RunLog& log() { return log_; }
  // For the state that is written from now on.
  void set_forecast(const MemoryForecast& forecast) { forecast_ = forecast; }
  std::int64_t saved_step() const { return saved_step_; }  // of the newest checkpoint; -1: none

private:
  void step(const Job& job);
  void take(const StepRecord& record);
  void obey(const Job& job);  // requests; returns when a step is to be done
  void take_requests_in(const Job& job);
  bool holds() const { return paused_ && single_steps_ == 0 && !stop_; }
  void collect();  // the records of all steps that were started
  void validate(const Job& job);
  void probe(const Job& job);
  void save();
  bool save_due() const;
  void save_after_memory_error();
  void run_steps(const Job& job);
  void write_state(RunPhase phase);
  bool ends_step(std::int64_t every) const { return every > 0 && trainer_.steps_done() % every == 0; }

  MemoryForecast forecast_;
  RunLayout layout_;
  RunSetup setup_;
  Trainer& trainer_;
  Checkpoint checkpoint_;
  RunWatcher watch_;
  RunLog log_;
  std::optional<MetricsWriter> metrics_;
  Prober prober_;
  RunResult result_;
  double rate_ = 0, seconds_before_ = 0, best_ = 0;
  std::int64_t best_step_ = -1, saved_step_ = -1;
  bool new_best_ = false, paused_ = false, stop_ = false, validation_missing_ = false;
  std::int64_t single_steps_ = 0;
  std::chrono::steady_clock::time_point saved_at_;
};

}  // namespace erwin::train
