#include "core/train/run.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/version.h"
#include "core/model/checkpoint.h"
#include "core/model/predict.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

using SamplePtr = std::shared_ptr<const ModelSample>;

std::uint64_t bytes_of(const ModelSample& sample) {
  std::uint64_t bytes =
      4 * (sample.positions.size() + sample.features.size() + sample.targets.size()) + 8 * sample.edge_source.size();
  const auto tree_bytes = [](const BallTreePtr& tree) { return tree ? 9 * tree->slot_point.size() : 0; };
  bytes += tree_bytes(sample.trees.main);
  for (const BallTreePtr& tree : sample.trees.rotated) bytes += tree_bytes(tree);
  return bytes;
}

// Prepared samples, kept while they take at most a quarter of the memory that was free at the start.
class SampleStore {
public:
  SampleStore(Dataset dataset, std::vector<std::int64_t> split, SampleRecipe recipe, ModelConfig config)
      : dataset_(std::move(dataset)),
        split_(std::move(split)),
        recipe_(std::move(recipe)),
        config_(std::move(config)),
        budget_(available_memory() / 4) {}

  std::int64_t size() const { return static_cast<std::int64_t>(split_.size()); }

  SamplePtr get(std::int64_t index, const Job& job) {
    const auto found = kept_.find(index);
    if (found != kept_.end()) return found->second;
    const SampleEntry& entry = dataset_.samples()[static_cast<std::size_t>(split_[static_cast<std::size_t>(index)])];
    try {
      const PointCloudPtr cloud = dataset_.load(split_[static_cast<std::size_t>(index)], job);
      auto sample = std::make_shared<ModelSample>(prepare_sample(*cloud, entry.frame, recipe_, config_, job));
      sample->name = entry.name;
      if (sample->targets.empty())
        throw Error(ErrorKind::Config, "the sample has no field to learn from", "data.target = " + recipe_.target);
      used_ += bytes_of(*sample);
      if (used_ <= budget_) kept_[index] = sample;
      return sample;
    } catch (const Error& error) {
      throw error.at(entry.name);
    }
  }

private:
  Dataset dataset_;
  std::vector<std::int64_t> split_;
  SampleRecipe recipe_;
  ModelConfig config_;
  std::uint64_t budget_, used_ = 0;
  std::map<std::int64_t, SamplePtr> kept_;
};

// What the configuration leaves to the data.
void settle_quantities(Config& config, Dataset& dataset) {
  if (config.texts("data.inputs").empty())
    config.assign("data.inputs", dataset.inputs().empty() ? std::vector<std::string>{"position"} : dataset.inputs());
  if (config.text("data.target").empty()) config.assign("data.target", dataset.target());
  if (config.text("data.target").empty())
    throw Error(ErrorKind::Config, "nothing says which field is to be learned", "data.target is empty",
                "Name it in the data set's manifest or with --set data.target=NAME");
  dataset.set_quantities(config.texts("data.inputs"), config.text("data.target"));
}

int components_of(const PointCloud& cloud, const std::string& quantity) {
  return quantity == "position" ? cloud.dimension() : cloud.require_field(quantity).components();
}

void settle_sizes(Config& config, const PointCloud& cloud) {
  if (config.integer("model.dimension") == 0) config.assign("model.dimension", std::int64_t{cloud.dimension()});
  std::int64_t inputs = 0;
  for (const std::string& input : config.texts("data.inputs")) inputs += components_of(cloud, input);
  const std::int64_t outputs = components_of(cloud, config.text("data.target"));
  const auto settle = [&](const char* key, std::int64_t value) {
    const std::int64_t given = config.integer(key);
    if (given != 0 && given != value)
      throw Error(ErrorKind::Config, "the configuration does not fit the data",
                  std::string(key) + " = " + std::to_string(given) + ", the data have " + std::to_string(value),
                  "Set it to 0 to take it from the data");
    config.assign(key, value);
  };
  settle("model.input_features", inputs);
  settle("model.output_features", outputs);
}

void replace_given(Standard& standard, const Config& config, const std::string& quantity) {
  const std::vector<double>& mean = config.reals("data." + quantity + "_mean");
  const std::vector<double>& deviation = config.reals("data." + quantity + "_deviation");
  if (mean.empty() && deviation.empty()) return;
  const bool positive = std::all_of(deviation.begin(), deviation.end(), [](double value) { return value > 0; });
  if (mean.size() != deviation.size() || !positive || (!standard.empty() && mean.size() != standard.mean.size()))
    throw Error(ErrorKind::Config, "the configuration has a value that is not allowed",
                "data." + quantity + "_mean = " + toml_text(mean) + ", data." + quantity +
                    "_deviation = " + toml_text(deviation),
                "Allowed: as many numbers as the quantity has components, deviations above 0");
  standard = {mean, deviation};
}

SampleRecipe make_recipe(const Config& config, const Dataset& dataset, const Job& job) {
  SampleRecipe recipe{config.texts("data.inputs"), config.text("data.target"), dataset.normalise(job)};
  replace_given(recipe.normalisation.position, config, "position");
  replace_given(recipe.normalisation.field[recipe.target], config, "target");
  return recipe;
}

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

class RunDirectory {
public:
  static void require_free(const fs::path& out) {
    std::error_code problem;
    if (out.empty()) throw Error(ErrorKind::Config, "the run needs a directory", "--out is empty");
    if (!fs::exists(out, problem)) return;
    if (!fs::is_directory(out, problem) || !fs::is_empty(out, problem))
      throw Error(ErrorKind::Config, "the run's directory exists already", out.string(), "Give a new one with --out");
  }

  RunDirectory(const fs::path& out, const Config& config) : out_(out) {
    write_text_atomically(out / "config.toml", config.to_toml());
    metrics_.open(out / "metrics.jsonl", std::ios::app);
    check();
  }

  void append(const StepRecord& record) {
    const nlohmann::ordered_json line{{"step", record.step},
                                      {"loss", record.loss},
                                      {"lr", record.learning_rate},
                                      {"gradient_norm", record.gradient_norm},
                                      {"seconds", record.seconds}};
    metrics_ << line.dump() << '\n' << std::flush;
    check();
  }
  fs::path checkpoint() const { return out_ / "checkpoints" / "last.h5"; }

private:
  void check() const {
    if (!metrics_)
      throw Error(ErrorKind::Io, "cannot write the metrics", (out_ / "metrics.jsonl").string(),
                  "Check the free space of the disk");
  }
  fs::path out_;
  std::ofstream metrics_;
};

std::string progress_text(const StepRecord& record, std::int64_t steps, double rate) {
  char text[128];
  std::snprintf(text, sizeof text, "step %lld of %lld, loss %.5g, %.3g steps/s", static_cast<long long>(record.step),
                static_cast<long long>(steps), record.loss, rate);
  return text;
}

}  // namespace

RunResult run_training(const RunRequest& request, const Job& job, const std::function<void(const StepRecord&)>& watch) {
  RunDirectory::require_free(request.out);
  Config config = request.config;
  const TrainConfig train = train_config(config);
  precision_from(train.precision);
  if (train.steps < 1) throw Error(ErrorKind::Config, "a run has at least one step", "train.steps = 0");
  set_thread_count(train.threads > 0 ? train.threads
                                     : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));

  Dataset dataset = Dataset::open(config.text("data.path"));
  settle_quantities(config, dataset);
  const std::vector<std::int64_t> split = dataset.split(config.text("data.split"));
  if (split.empty())
    throw Error(ErrorKind::Config, "the split has no sample", "data.split = " + config.text("data.split"),
                "Check the manifest's [split]");
  settle_sizes(config, *dataset.load(split.front(), job));
  const ModelConfig model = model_config(config);
  model.check();
  Checkpoint checkpoint;
  checkpoint.config = model;
  checkpoint.recipe = make_recipe(config, dataset, job);
  checkpoint.run_config = config.to_toml();

  const auto store = std::make_shared<SampleStore>(dataset, split, checkpoint.recipe, model);
  Trainer trainer(model, train, store->size(),
                  [store](std::int64_t index, const Job& inner) { return store->get(index, inner); });
  store->get(0, job);
  checkpoint.provenance = {{"data_hash", dataset.content_hash(job)},
                           {"data", config.text("data.path")},
                           {"code_version", ERWINSCOPE_VERSION},
                           {"seed", std::to_string(train.seed)},
                           {"device", trainer.device()},
                           {"precision", train.precision},
                           {"command", request.command},
                           {"torch", torch_version()},
                           {"started", now_text()}};

  RunDirectory directory(request.out, config);
  RunResult result;
  result.parameters = trainer.model().parameter_count();
  result.checkpoint = directory.checkpoint();
  const auto save = [&] {
    checkpoint.step = trainer.steps_done();
    checkpoint.weights = trainer.model().weights();
    checkpoint.provenance["saved"] = now_text();
    save_checkpoint(directory.checkpoint(), checkpoint);
  };
  while (trainer.steps_done() < train.steps && !job.stop_requested()) {
    const StepRecord record = trainer.step();
    result.seconds += record.seconds;
    if (record.step == 1) result.first_loss = record.loss;
    result.last_loss = record.loss;
    const bool last = record.step == train.steps;
    if (record.step % train.log_every == 0 || last) directory.append(record);
    if (record.step % train.checkpoint_every == 0 && !last) save();
    if (watch) watch(record);
    const double fraction = static_cast<double>(record.step) / static_cast<double>(train.steps);
    job.progress(fraction, progress_text(record, train.steps, static_cast<double>(record.step) / result.seconds));
  }
  save();
  result.steps = trainer.steps_done();
  if (result.steps < train.steps)
    throw Error(ErrorKind::Cancelled, "training was stopped",
                "after step " + std::to_string(result.steps) + " of " + std::to_string(train.steps),
                "The weights are in " + directory.checkpoint().string());
  return result;
}

}  // namespace erwin
