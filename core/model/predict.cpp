#include "core/model/predict.h"

#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"

namespace erwin {

namespace {

// raw = standardised * deviation + mean, per component; an empty Standard changes nothing.
std::vector<double> real_units(std::span<const float> standardised, std::int64_t components, const Standard& standard) {
  std::vector<double> result(standardised.begin(), standardised.end());
  if (standard.empty()) return result;
  const auto width = static_cast<std::size_t>(components);
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = result[i] * standard.deviation[i % width] + standard.mean[i % width];
  return result;
}

std::vector<float> narrowed(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

Model make_model(const Checkpoint& checkpoint, const std::string& device, Precision precision) {
  const auto parameters = static_cast<std::uint64_t>(estimate_parameters(checkpoint.config));
  std::uint64_t stored = 0;
  for (const WeightArray& weight : checkpoint.weights) stored += weight.data.size();
  // A configuration that asks for far more than the file holds is damaged; do not build its network to find out.
  if (parameters > stored + (1 << 20))
    throw Error(ErrorKind::Format, "the checkpoint's weights are too few for the network of its configuration",
                std::to_string(stored) + " bytes for about " + std::to_string(parameters) + " numbers");
  require_memory(parameters * (precision == Precision::Float64 ? 8 : 4), "the network's weights");
  Model model(checkpoint.config, 0, resolve_device(device), precision);
  model.load_weights(checkpoint.weights);
  return model;
}

void check_normalisation(const Checkpoint& checkpoint, const std::string& where) {
  const Standard& standard = target_standard(checkpoint.recipe);
  if (!standard.empty() && standard.mean.size() != static_cast<std::size_t>(checkpoint.config.output_features))
    throw Error(ErrorKind::Format, "the checkpoint is damaged",
                where + "the normalisation of " + checkpoint.recipe.target + " does not fit output_features");
}

// method 6.2, with the deviations as they are.
Likelihood likelihood(std::span<const float> prediction, std::span<const float> target, const Standard& standard,
                      std::span<const float> deviations) {
  if (deviations.size() != prediction.size())
    throw Error(ErrorKind::Internal, "prediction and deviation differ in size",
                std::to_string(prediction.size()) + " and " + std::to_string(deviations.size()));
  const auto count = static_cast<double>(prediction.size());
  Likelihood sum;
  double scales = 0;
  for (std::size_t i = 0; i < prediction.size(); ++i) {
    const double deviation = deviations[i];
    const double distance = (static_cast<double>(target[i]) - static_cast<double>(prediction[i])) / deviation;
    sum.standardised += 0.5 * distance * distance + std::log(deviation) + 0.5 * std::log(2 * std::numbers::pi);
    if (!standard.empty()) scales += std::log(standard.deviation[i % standard.deviation.size()]);
  }
  return {sum.standardised / count, (sum.standardised + scales) / count};
}

Checkpoint load_checked(const std::filesystem::path& path) {
  Checkpoint checkpoint = load_checkpoint(path);
  check_normalisation(checkpoint, path.string() + ": ");
  return checkpoint;
}

}  // namespace

const Standard& target_standard(const SampleRecipe& recipe) {
  static const Standard none;
  if (recipe.target == "position") return recipe.normalisation.position;
  const auto found = recipe.normalisation.field.find(recipe.target);
  return found == recipe.normalisation.field.end() ? none : found->second;
}

std::vector<Field> result_fields(std::span<const float> prediction, const ModelSample& sample,
                                 const SampleRecipe& recipe, int components, const std::string& unit) {
  const Standard& standard = target_standard(recipe);
  const FieldKind kind = components == 1 ? FieldKind::Scalar : FieldKind::Vector;
  std::vector<Field> fields;
  const auto add = [&](const char* name, const std::vector<double>& values) {
    fields.emplace_back(name, kind, components, narrowed(values), unit);
  };
  const std::vector<double> predicted = real_units(prediction, components, standard);
  add("prediction", predicted);
  if (sample.targets.empty()) return fields;
  const std::vector<double> truth = real_units(sample.targets, components, standard);
  std::vector<double> error(predicted.size());
  for (std::size_t i = 0; i < error.size(); ++i) error[i] = predicted[i] - truth[i];
  add("target", truth);
  add("error", error);
  return fields;
}

Field deviation_field(std::span<const float> deviation, const SampleRecipe& recipe, int components,
                      const std::string& unit) {
  Standard scale = target_standard(recipe);
  scale.mean.assign(scale.mean.size(), 0);
  return {"deviation", components == 1 ? FieldKind::Scalar : FieldKind::Vector, components,
          narrowed(real_units(deviation, components, scale)), unit};
}

Metrics compare(std::span<const float> prediction, std::span<const float> target, const Standard& standard,
                std::span<const float> deviations) {
  if (prediction.size() != target.size() || prediction.empty())
    throw Error(ErrorKind::Internal, "prediction and target differ in size",
                std::to_string(prediction.size()) + " and " + std::to_string(target.size()));
  const std::size_t components = standard.empty() ? 1 : standard.mean.size();
  double squared_standardised = 0, squared = 0, absolute = 0, target_squared = 0;
  for (std::size_t i = 0; i < prediction.size(); ++i) {
    const double difference = static_cast<double>(prediction[i]) - static_cast<double>(target[i]);
    const double deviation = standard.empty() ? 1 : standard.deviation[i % components];
    const double mean = standard.empty() ? 0 : standard.mean[i % components];
    const double raw_target = static_cast<double>(target[i]) * deviation + mean;
    squared_standardised += difference * difference;
    squared += difference * difference * deviation * deviation;
    absolute += std::abs(difference) * deviation;
    target_squared += raw_target * raw_target;
  }
  const auto count = static_cast<double>(prediction.size());
  Metrics metrics;
  metrics.mse_standardised = squared_standardised / count;
  metrics.mse = squared / count;
  metrics.mae = absolute / count;
  metrics.relative_l2 = std::sqrt(squared / target_squared);
  if (!deviations.empty()) metrics.nll = likelihood(prediction, target, standard, deviations);
  return metrics;
}

Metrics mean_of(const std::vector<Metrics>& metrics) {
  if (metrics.empty()) throw Error(ErrorKind::Internal, "the mean of no metrics");
  Metrics sum;
  for (const Metrics& one : metrics) {
    sum.mse_standardised += one.mse_standardised;
    sum.mse += one.mse;
    sum.mae += one.mae;
    sum.relative_l2 += one.relative_l2;
    if (!one.nll) continue;
    if (!sum.nll) sum.nll.emplace();
    sum.nll->standardised += one.nll->standardised;
    sum.nll->real += one.nll->real;
  }
  const auto count = static_cast<double>(metrics.size());
  for (double* number : {&sum.mse_standardised, &sum.mse, &sum.mae, &sum.relative_l2}) *number /= count;
  if (sum.nll) sum.nll = Likelihood{sum.nll->standardised / count, sum.nll->real / count};
  return sum;
}

std::string resolve_device(const std::string& device) {
  if (device != "auto") return device;
  for (const DeviceInfo& found : find_devices())
    if (std::string_view(found.id).starts_with("cuda")) return found.id;
  return "cpu";
}

struct Predictor::Impl {
  Checkpoint checkpoint;
  Model model;
};

Predictor::Predictor(const std::filesystem::path& path, const std::string& device, Precision precision)
    : Predictor(load_checked(path), device, precision) {}

Predictor::Predictor(Checkpoint checkpoint, const std::string& device, Precision precision) {
  check_normalisation(checkpoint, "");
  Model model = make_model(checkpoint, device, precision);
  impl_ = std::make_unique<Impl>(Impl{std::move(checkpoint), std::move(model)});
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;

const Checkpoint& Predictor::checkpoint() const {
  return impl_->checkpoint;
}
const Model& Predictor::model() const {
  return impl_->model;
}

Predictor::Result Predictor::run(const PointCloud& cloud, std::int64_t frame, const std::optional<TapRequest>& tap,
                                 const Job& job) const {
  const Checkpoint& checkpoint = impl_->checkpoint;
  Result result;
  const bool with_geometry = tap || !impl_->model.makes_geometry();
  auto sample = std::make_shared<ModelSample>(
      prepare_sample(cloud, frame, checkpoint.recipe, checkpoint.config, job, with_geometry));
  Model::Output output = impl_->model.predict(*sample, tap, job);
  const std::int64_t components = checkpoint.config.output_features;
  if (output.values.size() != static_cast<std::size_t>(cloud.size() * components))
    throw Error(ErrorKind::Internal, "the network answered with another number of values than points");
  for (const float value : output.values)
    if (!std::isfinite(value))
      throw Error(
          ErrorKind::Model, "the prediction is not finite", checkpoint.recipe.target,
          "The input may lie far from what the network was trained on; look at its range with 'erwinscope info'");
  job.check();
  const Field* target = checkpoint.recipe.target.empty() ? nullptr : cloud.field(checkpoint.recipe.target);
  result.fields = result_fields(output.values, *sample, checkpoint.recipe, static_cast<int>(components),
                                target ? target->unit() : "");
  if (!output.deviations.empty())
    result.fields.push_back(deviation_field(output.deviations, checkpoint.recipe, static_cast<int>(components),
                                            target ? target->unit() : ""));
  job.check();
  if (!sample->targets.empty())
    result.metrics = compare(output.values, sample->targets, target_standard(checkpoint.recipe), output.deviations);
  result.tap = std::move(output.tap);
  result.sample = std::move(sample);
  return result;
}

}  // namespace erwin
