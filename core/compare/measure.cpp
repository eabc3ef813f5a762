// What a finished run is worth: errors on samples it has not seen, time and memory of its steps, receptive field.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/compare/internal/study_files.h"
#include "core/dataset/dataset.h"
#include "core/model/checkpoint.h"
#include "core/model/predict.h"
#include "core/train/metrics.h"

namespace erwin::study {

namespace {

// Outputs whose receptive field is measured: of this many samples, at this many points each, the same for every run.
constexpr std::size_t field_samples = 3;
constexpr int field_points = 3;
constexpr std::uint64_t field_seed = 1;

nlohmann::json provenance_of(const RunLayout& layout) {
  std::ifstream in(layout.provenance(), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::Format, "a run's provenance cannot be read",
                layout.provenance().string() + ": " + error.what());
  }
}

struct Judged {
  std::vector<std::int64_t> samples;
  std::string split;
};

// The test split, else what the run was validated on; never what it was trained on.
Judged judged_samples(const Dataset& dataset, const nlohmann::json& provenance, const RunLayout& layout) {
  if (dataset.has_split("test") && !dataset.split("test").empty()) return {dataset.split("test"), "test"};
  Judged judged{{}, provenance.value("validation_split", "")};
  for (const auto& name : provenance.at("validation_samples"))
    judged.samples.push_back(dataset.index_of(name.get<std::string>()));
  if (judged.samples.empty())
    throw Error(ErrorKind::Config, "there is no sample to judge a network by", layout.root().string(),
                "Name some under [split] test in the manifest, or let data.validation_share set some aside");
  return judged;
}

// The median without the first tenth, which fills caches.
double seconds_per_step(const MetricsHistory& metrics) {
  std::vector<double> seconds;
  for (std::size_t i = metrics.training().size() / 10; i < metrics.training().size(); ++i)
    seconds.push_back(metrics.training()[i].seconds);
  if (seconds.empty()) return 0;
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

std::uint64_t peak_memory(const MetricsHistory& metrics) {
  std::uint64_t peak = 0;
  for (const TrainEntry& entry : metrics.training()) peak = std::max(peak, entry.memory);
  return peak;
}

std::vector<std::pair<std::string, double>> named(const Metrics& metrics) {
  std::vector<std::pair<std::string, double>> errors;
  if (metrics.nll) errors = {{"nll_standardised", metrics.nll->standardised}, {"nll", metrics.nll->real}};
  errors.insert(errors.end(), {{"mse_standardised", metrics.mse_standardised},
                               {"mse", metrics.mse},
                               {"mae", metrics.mae},
                               {"relative_l2", metrics.relative_l2}});
  return errors;
}

// unit: becomes the target's. Errors name the sample.
ModelSample sample_of(const Dataset& dataset, std::int64_t index, const Checkpoint& checkpoint, std::string& unit,
                      const Job& job) {
  const SampleEntry& entry = dataset.samples()[static_cast<std::size_t>(index)];
  try {
    const PointCloudPtr cloud = dataset.load(index, job);
    if (const Field* target = cloud->field(checkpoint.recipe.target)) unit = target->unit();
    return prepare_sample(*cloud, entry.frame, checkpoint.recipe, checkpoint.config, job);
  } catch (const Error& error) {
    throw error.at(entry.name);
  }
}

}  // namespace

RunOutcome measure_run(const StudyRun& run, const RunLayout& layout, const Job& job) {
  const nlohmann::json provenance = provenance_of(layout);
  const Config config = Config::from_toml_file(layout.config());
  const Checkpoint checkpoint = load_checkpoint(layout.last());
  Model model(checkpoint.config, 0, resolve_device(config.text("train.device")),
              precision_from(config.text("train.precision")));
  model.load_weights(checkpoint.weights);
  io::OpenOptions options;
  options.skip_bad = config.flag("data.skip_bad");
  Dataset dataset = Dataset::open(config.text("data.path"), options, job);
  if (options.skip_bad) dataset.leave_out_bad(job);  // as the run did
  const Judged judged = judged_samples(dataset, provenance, layout);

  RunOutcome outcome;
  outcome.name = run.name;
  outcome.seed = run.seed;
  std::vector<Metrics> metrics;
  std::vector<ModelSample> for_field;
  for (const std::int64_t index : judged.samples) {
    job.check();
    ModelSample sample = sample_of(dataset, index, checkpoint, outcome.unit, job);
    const Model::Output output = model.predict(sample, std::nullopt, Job(job.stop_token()));
    metrics.push_back(compare(output.values, sample.targets, target_standard(checkpoint.recipe), output.deviations));
    if (for_field.size() < field_samples) for_field.push_back(std::move(sample));
  }
  std::vector<const ModelSample*> chosen;
  for (const ModelSample& sample : for_field) chosen.push_back(&sample);
  outcome.field = mean_field(model, chosen, field_points, field_seed, job);
  outcome.errors = named(mean_of(metrics));
  outcome.split = judged.split;
  outcome.target = checkpoint.recipe.target;
  outcome.samples = std::ssize(judged.samples);
  const MetricsHistory history = read_metrics(layout.metrics());
  outcome.seconds_per_step = seconds_per_step(history);
  outcome.peak_memory = peak_memory(history);
  outcome.parameters = provenance.at("parameters");
  outcome.device = provenance.at("device");
  outcome.version = provenance.at("code_version");
  outcome.data_hash = provenance.at("data_hash");
  return outcome;
}

}  // namespace erwin::study
