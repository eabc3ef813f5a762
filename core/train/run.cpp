#include "core/train/run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/version.h"
#include "core/model/checkpoint.h"
#include "core/model/predict.h"
#include "core/train/internal/limited_memory.h"
#include "core/train/internal/run_loop.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

using train::MemoryForecast;
using train::RunLoop;
using train::RunSetup;

void require_free(const fs::path& out) {
  std::error_code problem;
  if (out.empty()) throw Error(ErrorKind::Config, "the run needs a directory", "--out is empty");
  if (!fs::exists(out, problem)) return;
  if (!fs::is_directory(out, problem) || !fs::is_empty(out, problem))
    throw Error(ErrorKind::Config, "the run's directory exists already", out.string(),
                is_run(out) ? "Give a new one with --out, or go on with: erwinscope train --resume " + out.string()
                            : "Give a new one with --out");
}

Trainer make_trainer(const RunSetup& setup) {
  const auto store = setup.store;
  const auto training = setup.training;
  const auto augmentation = setup.augmentation;
  return Trainer(setup.model, setup.train, std::ssize(training),
                 [=](std::int64_t index, std::int64_t drawn, const Job& job) -> train::SamplePtr {
                   train::SamplePtr sample = store->get(training[static_cast<std::size_t>(index)], job);
                   if (!augmentation.any()) return sample;
                   return std::make_shared<const ModelSample>(
                       augmented(*sample, augmentation, store->recipe(), store->config(), drawn, job));
                 });
}

std::uint64_t forced_limit(const TrainConfig& options) {
  return static_cast<std::uint64_t>(options.memory_limit * 1024 * 1024 * 1024);
}

// On the CPU tensors obey the forced limit; on a GPU it counts for the prediction alone.
std::unique_ptr<train::LimitedMemory> limit_memory(const Config& config) {
  const TrainConfig options = train_config(config);
  if (forced_limit(options) == 0 || resolve_device(options.device) != "cpu") return nullptr;
  return std::make_unique<train::LimitedMemory>(forced_limit(options));
}

// Before the trainer is made, which needs to know: whether blocks keep what their backward pass needs or run again.
void choose_recomputation(RunSetup& setup) {
  if (setup.train.recompute != "auto") return;
  setup.train.recompute = "off";
  if (!setup.train.memory_check) return;
  const std::string device = resolve_device(setup.train.device);
  const std::vector<DeviceInfo> devices = find_devices();
  // A device that is not there is for the trainer to name.
  if (std::none_of(devices.begin(), devices.end(), [&](const DeviceInfo& d) { return d.id.starts_with(device); }))
    return;
  std::uint64_t available = free_memory(device);
  if (const std::uint64_t limit = forced_limit(setup.train); limit > 0) available = std::min(available, limit);
  const auto fits = [&](const char* recompute) {
    TrainConfig train = setup.train;
    train.recompute = recompute;
    return predict_memory(setup.model, train, estimate_parameters(setup.model), setup.largest, device == "cpu")
               .total() <= available;
  };
  if (!fits("off") && fits("on")) setup.train.recompute = "on";
}

// Weights and the process's own memory are taken already when this is asked.
MemoryForecast check_memory(const RunSetup& setup, const Trainer& trainer) {
  std::uint64_t available = free_memory(trainer.device());
  if (const std::uint64_t limit = forced_limit(setup.train); limit > 0) available = std::min(available, limit);
  const std::int64_t parameters = trainer.model().parameter_count();
  const bool on_cpu = trainer.device() == "cpu";
  const MemoryPlan plan = predict_memory(setup.model, setup.train, parameters, setup.largest, on_cpu);
  if (setup.train.memory_check)
    require_training_memory(setup.model, setup.train, parameters, setup.largest, trainer.device(), available);
  return {{plan.total(), available}, setup.train.recompute == "on"};
}

// The same error with what to do now. More was needed than was predicted or free, so half of the prediction is offered.
Error with_what_fits(const Error& error, const RunSetup& setup, const Trainer& trainer, const RunLayout& run) {
  const bool on_cpu = trainer.device() == "cpu";
  const std::int64_t parameters = trainer.model().parameter_count();
  const MemoryPlan plan = predict_memory(setup.model, setup.train, parameters, setup.largest, on_cpu);
  const std::string fits = what_fits(setup.model, setup.train, parameters, setup.largest, on_cpu, plan.total() / 2);
  return Error(error.kind(), error.message(),
               error.detail() + "; step " + std::to_string(trainer.steps_done()) + " is saved",
               "Go on with about half the memory: erwinscope train --from " + run.last().string() + " with " + fits);
}

// What was on the device is lost with it: the weights of the last checkpoint are what is left.
Error with_last_checkpoint(const Error& error, std::int64_t step, const RunLayout& run) {
  return Error(error.kind(), error.message(), error.detail() + "; step " + std::to_string(step) + " is saved",
               "Go on from there: erwinscope train --resume " + run.root().string() +
                   "; where it happens again, with --device cpu");
}

std::map<std::string, std::string> provenance_of(const RunSetup& setup, const Trainer& trainer,
                                                 const std::string& command) {
  return {{"data_hash", setup.data_hash},
          {"data", setup.config.text("data.path")},
          {"code_version", ERWINSCOPE_VERSION},
          {"seed", std::to_string(setup.train.seed)},
          {"device", trainer.device()},
          {"precision", setup.train.precision},
          {"command", command},
          {"torch", torch_version()},
          {"started", utc_now()}};
}

std::vector<std::string> names_of(const RunSetup& setup, const std::vector<std::int64_t>& indices) {
  std::vector<std::string> names;
  for (const std::int64_t index : indices)
    names.push_back(setup.store->dataset().samples()[static_cast<std::size_t>(index)].name);
  return names;
}

void write_provenance(const RunLayout& run, const RunSetup& setup, const Trainer& trainer,
                      const std::map<std::string, std::string>& provenance) {
  nlohmann::ordered_json json(provenance);
  json["parameters"] = trainer.model().parameter_count();
  json["validation_split"] = setup.validation_split;
  json["training_samples"] = names_of(setup, setup.training);
  json["validation_samples"] = names_of(setup, setup.validation);
  for (const LeftOut& sample : setup.store->dataset().left_out())
    json["left_out"].push_back({{"name", sample.name}, {"why", sample.why}});
  write_text_atomically(run.provenance(), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

Checkpoint blank_checkpoint(const RunSetup& setup, std::map<std::string, std::string> provenance) {
  Checkpoint checkpoint;
  checkpoint.config = setup.model;
  checkpoint.recipe = setup.store->recipe();
  checkpoint.run_config = setup.config.to_toml();
  checkpoint.provenance = std::move(provenance);
  return checkpoint;
}

// Also into log.txt while a run goes on.
class LogTo {
public:
  explicit LogTo(train::RunLog& file) {
    set_log_listener([&file](LogLevel level, std::string_view text) {
      if (level >= LogLevel::Info) file.line(std::string(text));
    });
  }
  ~LogTo() { set_log_listener({}); }
  LogTo(const LogTo&) = delete;
  LogTo& operator=(const LogTo&) = delete;
};

RunResult run_loop(RunLoop& loop, const RunLayout& run, const RunSetup& setup, const Trainer& trainer, const Job& job) {
  const LogTo logging(loop.log());
  const auto failed = [&](const Error& error) {
    loop.log().line(std::string("failed: ") + error.what());
    RunState state;
    state.phase = RunPhase::Failed;
    state.step = trainer.steps_done();
    state.steps = setup.train.steps;
    state.device = trainer.device();
    state.error = error.message() + (error.detail().empty() ? "" : " (" + error.detail() + ")");
    state.hint = error.hint();
    try {
      write_run_state(run, state);
    } catch (const Error&) {
      // The disk may be full; whoever watches sees a run whose process has ended.
    }
  };
  try {
    return loop.run(run, job);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Cancelled) throw;
    const bool memory = error.kind() == ErrorKind::Memory || error.kind() == ErrorKind::DeviceMemory;
    const Error said = memory                              ? with_what_fits(error, setup, trainer, run)
                       : error.kind() == ErrorKind::Device ? with_last_checkpoint(error, loop.saved_step(), run)
                                                           : error;
    failed(said);
    throw said;
  }
}

// The directory under another name until it is whole.
class NewDirectory {
public:
  explicit NewDirectory(const fs::path& out) : out_(fs::absolute(out).lexically_normal()), run_(partial_path(out_)) {
    std::error_code problem;
    fs::remove_all(run_.root(), problem);
    for (const fs::path& folder : {run_.checkpoints(), run_.control(), run_.probes()})
      if (!fs::create_directories(folder, problem) && problem)
        throw Error(ErrorKind::Io, "cannot make the run's directory", folder.string() + ": " + problem.message(),
                    "Give another place with --out");
  }
  ~NewDirectory() {
    std::error_code problem;
    if (!placed_) fs::remove_all(run_.root(), problem);
  }
  NewDirectory(const NewDirectory&) = delete;
  NewDirectory& operator=(const NewDirectory&) = delete;

  const RunLayout& partial() const { return run_; }
  void place() {
    std::error_code problem;
    fs::rename(run_.root(), out_, problem);  // over an empty directory, too
    if (problem)
      throw Error(ErrorKind::Io, "cannot put the run's directory in its place",
                  out_.string() + ": " + problem.message(), "Give another place with --out");
    placed_ = true;
  }

private:
  static fs::path partial_path(const fs::path& out) {
    const fs::path named = out.has_filename() ? out : out.parent_path();
    return named.parent_path() / ("." + named.filename().string() + ".partial-" + std::to_string(::getpid()));
  }
  fs::path out_;
  RunLayout run_;
  bool placed_ = false;
};

// last.h5, or where that cannot be read the newest other one that can.
Checkpoint newest_checkpoint(const RunLayout& run) {
  try {
    return load_training_checkpoint(run.last());
  } catch (const Error& error) {
    log(LogLevel::Warning, std::string("the last checkpoint cannot be read: ") + error.what());
    std::optional<Checkpoint> newest;
    std::error_code problem;
    for (const fs::directory_entry& entry : fs::directory_iterator(run.checkpoints(), problem)) {
      if (entry.path().extension() != ".h5" || entry.path().filename().string().front() == '.') continue;
      try {
        Checkpoint checkpoint = load_training_checkpoint(entry.path());
        if (checkpoint.training && (!newest || checkpoint.step > newest->step)) newest = std::move(checkpoint);
      } catch (const Error&) {
        continue;
      }
    }
    if (!newest) throw;
    return std::move(*newest);
  }
}

}  // namespace

std::string RunProgress::text() const {
  char text[160];
  std::snprintf(text, sizeof text, "step %lld of %lld, loss %.5g, %.3g steps/s", static_cast<long long>(step),
                static_cast<long long>(steps), loss, rate);
  std::string line = text;
  if (seconds_left >= 0 && seconds_left < 1e7) {
    const auto left = static_cast<long long>(seconds_left + 0.5);
    if (left >= 3600)
      std::snprintf(text, sizeof text, ", %lld:%02lld:%02lld left", left / 3600, left / 60 % 60, left % 60);
    else
      std::snprintf(text, sizeof text, ", %lld:%02lld left", left / 60, left % 60);
    line += text;
  }
  return memory > 0 ? line + ", " + format_bytes(memory) : line;
}

RunResult run_training(const RunRequest& request, const Job& job, const RunWatcher& watch) {
  require_free(request.out);
  std::optional<Checkpoint> from;
  if (!request.from.empty()) from = load_training_checkpoint(request.from);
  const auto limit = limit_memory(request.config);
  RunSetup setup = train::set_up(request.config, from ? std::optional(from->recipe) : std::nullopt, job);
  choose_recomputation(setup);
  Trainer trainer = make_trainer(setup);
  if (from) trainer.restore(*from);
  if (trainer.steps_done() >= setup.train.steps)
    throw Error(ErrorKind::Config, "the checkpoint is at or beyond the last step",
                "step " + std::to_string(trainer.steps_done()) + ", train.steps = " + std::to_string(setup.train.steps),
                "Give a larger number with --steps");
  const MemoryForecast memory = check_memory(setup, trainer);
  if (request.say) request.say(memory.text());
  setup.store->get(setup.training.front(), job);

  auto provenance = provenance_of(setup, trainer, request.command);
  if (from) {
    provenance["branched_from"] = fs::absolute(request.from).lexically_normal().string();
    provenance["branched_at_step"] = std::to_string(from->step);
  }
  NewDirectory directory(request.out);
  const RunLock lock(directory.partial());
  write_text_atomically(directory.partial().config(), setup.config.to_toml());
  write_provenance(directory.partial(), setup, trainer, provenance);
  RunLoop loop(directory.partial(), setup, trainer, blank_checkpoint(setup, std::move(provenance)), watch);
  loop.log().line("started: " + request.command);
  loop.log().line(memory.text());
  loop.set_forecast(memory);
  loop.save_first();
  directory.place();
  const RunLayout run(request.out);
  return run_loop(loop, run, setup, trainer, job);
}

RunResult resume_training(const ResumeRequest& request, const Job& job, const RunWatcher& watch) {
  const RunLayout run(request.run);
  if (!is_run(request.run))
    throw Error(ErrorKind::Config, "this is not the directory of a run", request.run.string(),
                "Give one that 'erwinscope train' made: it holds config.toml and checkpoints/");
  const RunLock lock(run);
  Config config = Config::from_toml_file(run.config());
  if (!request.data.empty()) config.assign("data.path", request.data);
  if (!request.device.empty()) config.assign("train.device", request.device);
  if (request.steps) config.assign("train.steps", *request.steps);
  const Checkpoint checkpoint = newest_checkpoint(run);
  if (!checkpoint.training)
    throw Error(ErrorKind::Config, "the run's checkpoint holds weights only", run.last().string(),
                "Start a new run from it: erwinscope train --from " + run.last().string());
  if (checkpoint.step >= config.integer("train.steps"))
    throw Error(ErrorKind::Config, "the run has reached its last step",
                "step " + std::to_string(checkpoint.step) + " of " + std::to_string(config.integer("train.steps")),
                "Extend it with --steps");
  const auto limit = limit_memory(config);
  RunSetup setup = train::set_up(config, checkpoint.recipe, job);
  const auto hash = checkpoint.provenance.find("data_hash");
  if (hash != checkpoint.provenance.end() && hash->second != setup.data_hash)
    throw Error(ErrorKind::Config, "the data are not those that the run was trained on",
                setup.config.text("data.path") + ": SHA-256 " + setup.data_hash.substr(0, 12) + ", the run's is " +
                    hash->second.substr(0, 12),
                "Give the same data with --data, or start a new run: erwinscope train --from " + run.last().string());
  choose_recomputation(setup);
  Trainer trainer = make_trainer(setup);
  trainer.restore(checkpoint);
  const MemoryForecast memory = check_memory(setup, trainer);
  if (request.say) request.say(memory.text());
  if (request.steps || !request.data.empty()) write_text_atomically(run.config(), setup.config.to_toml());

  auto provenance = checkpoint.provenance;
  provenance["device"] = trainer.device();
  Checkpoint blank = blank_checkpoint(setup, std::move(provenance));
  blank.training = checkpoint.training;  // for the best so far
  RunLoop loop(run, setup, trainer, std::move(blank), watch);
  loop.log().line("resumed from step " + std::to_string(checkpoint.step) + ": " + request.command);
  loop.log().line(memory.text());
  loop.set_forecast(memory);
  loop.resumed();
  return run_loop(loop, run, setup, trainer, job);
}

}  // namespace erwin
