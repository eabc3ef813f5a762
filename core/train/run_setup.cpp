#include "core/train/internal/run_setup.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <thread>

#include "core/base/error.h"
#include "core/model/model.h"

namespace erwin::train {

namespace {

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

// The samples that are trained on and validated on. What is set aside depends on the data set alone, not on the seed,
// so that runs can be compared.
void settle_splits(RunSetup& setup, const Dataset& dataset) {
  const std::string& trained = setup.config.text("data.split");
  setup.training = dataset.split(trained);
  if (setup.training.empty())
    throw Error(ErrorKind::Config, "the split has no sample", "data.split = " + trained,
                "Check the manifest's [split]");
  const std::string& wanted = setup.config.text("data.validation");
  if (wanted == "none") return;
  if (dataset.has_split(wanted)) {
    setup.validation = dataset.split(wanted);
    setup.validation_split = wanted;
    return;
  }
  if (wanted != "validation")
    throw Error(ErrorKind::Config, "the data set has no split of that name", "data.validation = " + wanted,
                "Allowed: a split of the manifest, validation, none");
  const auto aside =
      static_cast<std::size_t>(setup.config.real("data.validation_share") * static_cast<double>(setup.training.size()));
  if (aside == 0) return;
  std::vector<std::int64_t> order = setup.training;
  Random random(0);
  shuffle(order, random);
  const std::set<std::int64_t> chosen(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(aside));
  setup.validation.assign(chosen.begin(), chosen.end());
  std::erase_if(setup.training, [&](std::int64_t index) { return chosen.contains(index); });
  setup.validation_split = trained + ", set aside";
}

void check_options(const TrainConfig& train) {
  precision_from(train.precision);
  if (train.steps < 1) throw Error(ErrorKind::Config, "a run has at least one step", "train.steps = 0");
  set_thread_count(train.threads > 0 ? train.threads
                                     : static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

}  // namespace

RunSetup set_up(Config config, const std::optional<SampleRecipe>& recipe, const Job& job) {
  RunSetup setup;
  setup.config = std::move(config);
  check_options(train_config(setup.config));
  if (setup.config.integer("train.schedule_steps") == 0)  // stays what it is when the run is extended
    setup.config.assign("train.schedule_steps", setup.config.integer("train.steps"));
  io::OpenOptions options;
  options.skip_bad = setup.config.flag("data.skip_bad");
  Dataset dataset = Dataset::open(setup.config.text("data.path"), options, job);
  settle_quantities(setup.config, dataset);
  if (options.skip_bad) dataset.leave_out_bad(job);
  settle_splits(setup, dataset);
  const PointCloudPtr first = dataset.load(setup.training.front(), job);
  settle_sizes(setup.config, *first);
  if (const Field* target = first->field(setup.config.text("data.target"))) setup.target_unit = target->unit();
  setup.model = model_config(setup.config);
  setup.model.check();
  setup.train = train_config(setup.config);
  const SampleRecipe made = recipe ? *recipe : make_recipe(setup.config, dataset, job);
  setup.augmentation = make_augmentation(setup.train.seed, setup.train.shuffle_points, setup.train.rotate_points, made,
                                         *first, setup.model.dimension);
  std::set<std::int64_t> used(setup.training.begin(), setup.training.end());
  used.insert(setup.validation.begin(), setup.validation.end());
  std::int64_t points = 0;
  setup.data_hash = dataset.content_hash(job, [&](std::int64_t index, const PointCloud& cloud) {
    if (used.contains(index)) points = std::max(points, cloud.size());
  });
  setup.largest = sample_size(setup.model, points);
  setup.store = std::make_shared<SampleStore>(std::move(dataset), made, setup.model);
  return setup;
}

}  // namespace erwin::train
