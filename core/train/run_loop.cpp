#include "core/train/internal/run_loop.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <thread>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/model/predict.h"

namespace erwin::train {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto pause_poll = std::chrono::milliseconds(50);

void copy_atomically(const fs::path& from, const fs::path& to) {
  write_file_atomically(to, [&](const fs::path& temporary) {
    std::error_code problem;
    if (!fs::copy_file(from, temporary, fs::copy_options::overwrite_existing, problem))
      throw Error(ErrorKind::Io, "cannot write the checkpoint", to.string() + ": " + problem.message(),
                  "Check the free space of the disk");
  });
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.5g", value);
  return text;
}

bool is_memory_error(const Error& error) {
  return error.kind() == ErrorKind::Memory || error.kind() == ErrorKind::DeviceMemory;
}

}  // namespace

RunLoop::RunLoop(RunLayout run, RunSetup setup, Trainer& trainer, Checkpoint checkpoint, RunWatcher watch)
    : layout_(std::move(run)),
      setup_(std::move(setup)),
      trainer_(trainer),
      checkpoint_(std::move(checkpoint)),
      watch_(std::move(watch)),
      log_(layout_.log()),
      prober_(*setup_.store, setup_.validation.empty() ? setup_.training.front() : setup_.validation.front(),
              setup_.target_unit) {
  if (checkpoint_.training) {
    best_ = checkpoint_.training->best;
    best_step_ = checkpoint_.training->best_step;
    seconds_before_ = checkpoint_.training->seconds;
  }
  result_.first_step = trainer_.steps_done();
  result_.parameters = trainer_.model().parameter_count();
}

void RunLoop::save_first() {
  save();
  copy_atomically(layout_.last(), layout_.checkpoint(trainer_.steps_done()));
  write_state(RunPhase::Running);
}

void RunLoop::resumed() {
  metrics_.emplace(layout_.metrics(), layout_.metrics_table());
  metrics_->resumed_from(trainer_.steps_done());
  saved_step_ = trainer_.steps_done();
  // A stop may have come between a step and its validation.
  const MetricsHistory history = read_metrics(layout_.metrics());
  const bool done = !history.validation().empty() && history.validation().back().step == saved_step_;
  validation_missing_ =
      saved_step_ > 0 && !done && ends_step(setup_.train.validate_every) && !setup_.validation.empty();
}

void RunLoop::write_state(RunPhase phase) {
  RunState state;
  state.phase = phase;
  state.step = trainer_.steps_done();
  state.steps = setup_.train.steps;
  state.device = trainer_.device();
  state.memory_predicted = forecast_.need.needed;
  state.memory_free = forecast_.need.free;
  write_run_state(layout_, state);
}

RunResult RunLoop::run(const RunLayout& layout, const Job& job) {
  layout_ = layout;
  if (!metrics_) metrics_.emplace(layout_.metrics(), layout_.metrics_table());
  saved_at_ = Clock::now();
  write_state(RunPhase::Running);
  try {
    // What validations and probes have to say would come between the lines of the run.
    run_steps(Job(job.stop_token()));
  } catch (const std::bad_alloc&) {
    save_after_memory_error();
    throw Error(ErrorKind::Memory, "the memory does not suffice for the training", "an allocation failed");
  } catch (const Error& error) {
    if (is_memory_error(error)) save_after_memory_error();
    throw;
  }
  result_.run = layout_.root();
  result_.checkpoint = layout_.last();
  result_.steps = trainer_.steps_done();
  result_.stopped = stop_;
  const bool whole = result_.steps >= setup_.train.steps;
  write_state(whole ? RunPhase::Finished : RunPhase::Stopped);
  log_.line((whole ? "finished at step " : "stopped after step ") + std::to_string(result_.steps));
  if (!whole && !stop_)
    throw Error(ErrorKind::Cancelled, "training was stopped",
                "after step " + std::to_string(result_.steps) + " of " + std::to_string(setup_.train.steps),
                "Saved; go on with: erwinscope train --resume " + layout_.root().string());
  return result_;
}

void RunLoop::run_steps(const Job& job) {
  try {
    if (validation_missing_) validate(job);
    if (new_best_) save();
    while (!stop_ && !job.stop_requested() && trainer_.steps_done() < setup_.train.steps) step(job);
  } catch (const Error& error) {
    // A stop while samples were waited for, or within a validation, which is made up for on resuming.
    if (error.kind() != ErrorKind::Cancelled) throw;
  }
  collect();
  if (saved_step_ != trainer_.steps_done()) save();
}

void RunLoop::step(const Job& job) {
  obey(job);
  if (stop_ || job.stop_requested()) return;
  for (const StepRecord& record : trainer_.advance(job)) take(record);
  const bool last = trainer_.steps_done() == setup_.train.steps;
  if (!setup_.validation.empty() && (last || ends_step(setup_.train.validate_every))) validate(job);
  if (save_due() || new_best_) save();
  if (prober_.due()) probe(job);
}

void RunLoop::collect() {
  for (const StepRecord& record : trainer_.finish()) take(record);
}

void RunLoop::take(const StepRecord& record) {
  result_.seconds += record.seconds;
  if (record.step == result_.first_step + 1) result_.first_loss = record.loss;
  result_.last_loss = record.loss;
  // A running mean over about the last twenty steps.
  const double now = 1 / std::max(record.seconds, 1e-9);
  rate_ = rate_ == 0 ? now : 1 / (0.95 / rate_ + 0.05 / now);
  const bool last = record.step == setup_.train.steps;
  const TrainEntry entry{record.step,    record.loss, record.learning_rate,  record.gradient_norm,
                         record.seconds, rate_,       trainer_.peak_memory()};
  if (record.step % setup_.train.log_every == 0 || last) metrics_->append(entry);
  if (watch_) {
    RunProgress progress;
    progress.step = record.step;
    progress.steps = setup_.train.steps;
    progress.loss = record.loss;
    progress.rate = rate_;
    progress.seconds_left = static_cast<double>(setup_.train.steps - record.step) / rate_;
    progress.memory = entry.memory;
    watch_(progress);
  }
}

void RunLoop::obey(const Job& job) {
  take_requests_in(job);
  if (holds()) {
    collect();
    if (saved_step_ != trainer_.steps_done()) save();
    write_state(RunPhase::Paused);
    const Clock::time_point begin = Clock::now();
    while (holds() && !job.stop_requested()) {
      std::this_thread::sleep_for(pause_poll);
      take_requests_in(job);
    }
    prober_.leave_out(Clock::now() - begin);
    if (!stop_ && !job.stop_requested()) write_state(RunPhase::Running);
  }
  if (single_steps_ > 0) --single_steps_;
}

void RunLoop::take_requests_in(const Job& job) {
  const TakenRequests taken = take_requests(layout_);
  for (const std::string& name : taken.refused) log_.line("ignored the request '" + name + "': not one that is known");
  for (const Request request : taken.requests) {
    log_.line(std::string("asked to ") + name_of(request));
    switch (request) {
      case Request::Pause:
        paused_ = true;
        break;
      case Request::Resume:
        paused_ = false;
        single_steps_ = 0;
        break;
      case Request::Step:
        if (paused_) ++single_steps_;
        break;
      case Request::Save:
        save();
        break;
      case Request::Stop:
        stop_ = true;
        break;
    }
  }
  if (!taken.probe) return;
  try {
    prober_.ask(*taken.probe);
    log_.line("asked to probe " + (taken.probe->sample.empty() ? "the first sample" : taken.probe->sample));
    if (holds() && prober_.due()) probe(job);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Config) throw;
    log_.line(std::string("ignored a probe: ") + error.what());
  }
}

void RunLoop::validate(const Job& job) {
  collect();
  const Clock::time_point begin = Clock::now();
  std::vector<Metrics> metrics;
  for (const std::int64_t index : setup_.validation) {
    const SamplePtr sample = setup_.store->get(index, job);
    const Model::Output output = trainer_.model().predict(*sample, std::nullopt, job);
    metrics.push_back(
        compare(output.values, sample->targets, target_standard(setup_.store->recipe()), output.deviations));
  }
  const Metrics mean = mean_of(metrics);
  ValidationEntry entry;
  entry.step = trainer_.steps_done();
  entry.mse_standardised = mean.mse_standardised;
  entry.mse = mean.mse;
  entry.mae = mean.mae;
  entry.relative_l2 = mean.relative_l2;
  entry.nll = mean.nll;
  entry.samples = std::ssize(metrics);
  entry.split = setup_.validation_split;
  entry.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  entry.best = best_step_ < 0 || entry.score() < best_;
  if (entry.best) {
    best_ = entry.score();
    best_step_ = entry.step;
    new_best_ = true;
    result_.best = entry;
  }
  metrics_->append(entry);
  log_.line("step " + std::to_string(entry.step) + ": validation " + number(entry.score()) +
            (entry.best ? ", the best so far" : ""));
}

void RunLoop::probe(const Job& job) {
  collect();
  metrics_->append(prober_.probe(layout_, trainer_, job));
}

bool RunLoop::save_due() const {
  const TrainConfig& train = setup_.train;
  const std::chrono::duration<double, std::ratio<60>> waited = Clock::now() - saved_at_;
  return ends_step(train.checkpoint_every) || ends_step(train.keep_every) ||
         (train.checkpoint_minutes > 0 && waited.count() >= train.checkpoint_minutes);
}

void RunLoop::save() {
  if (metrics_) collect();
  checkpoint_.step = trainer_.steps_done();
  checkpoint_.weights = trainer_.weights();
  checkpoint_.training = trainer_.state();
  checkpoint_.training->best = best_;
  checkpoint_.training->best_step = best_step_;
  checkpoint_.training->seconds = seconds_before_ + result_.seconds;
  checkpoint_.provenance["saved"] = utc_now();
  // last.h5 at the end: killed before, the run goes on from the one before it and writes the others again.
  std::vector<fs::path> places;
  if (new_best_) places.push_back(layout_.best());
  if (ends_step(setup_.train.keep_every)) places.push_back(layout_.checkpoint(checkpoint_.step));
  places.push_back(layout_.last());
  save_checkpoint(places.front(), checkpoint_);
  for (std::size_t i = 1; i < places.size(); ++i) copy_atomically(places.front(), places[i]);
  new_best_ = false;
  saved_step_ = checkpoint_.step;
  saved_at_ = Clock::now();
  log_.line("saved step " + std::to_string(saved_step_));
}

void RunLoop::save_after_memory_error() {
  try {
    trainer_.abandon_step();
    if (saved_step_ != trainer_.steps_done()) save();
  } catch (const Error& error) {
    log_.line(std::string("could not save: ") + error.what());
  }
}

}  // namespace erwin::train
