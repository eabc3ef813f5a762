#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "tests/core/model/unet/erwin_fixture.h"

namespace erwin::test {

namespace {

// parity/README: kind erwin.
constexpr double value_tolerance = 5e-5;
constexpr double gradient_floor = 2e-6, gradient_tolerance = 1e-3;

class LargestError {
public:
  explicit LargestError(std::string group) : group_(std::move(group)) {}
  ~LargestError() { std::cout << "  " << group_ << ": largest relative error " << largest_ << " (" << where_ << ")\n"; }
  LargestError(const LargestError&) = delete;
  LargestError& operator=(const LargestError&) = delete;

  void expect(const std::string& name, const Difference& found, double floor, double tolerance) {
    EXPECT_LE(found.error, floor + tolerance * found.scale) << group_ << " " << name;
    EXPECT_TRUE(std::isfinite(found.error)) << group_ << " " << name;
    const double relative = found.error / std::max(found.scale, 1e-30);
    if (found.scale > 1e-5 && relative > largest_) {
      largest_ = relative;
      where_ = name;
    }
  }

private:
  std::string group_, where_ = "-";
  double largest_ = 0;
};

std::map<std::string, at::Tensor> activations_of(model::Network& network, const model::Batch& batch,
                                                 at::Tensor& output) {
  std::map<std::string, at::Tensor> seen;
  model::ForwardContext context;
  context.observe = [&](const std::string& name, const at::Tensor& rows) { seen[name] = rows; };
  const c10::AutoGradMode without_gradient(false);
  output = network.forward(batch, context);
  return seen;
}

// The fixture recorded a rotated block's output in the rotated order, as the authors' module returns it.
at::Tensor in_recorded_order(const std::string& module, const at::Tensor& rows, const model::Batch& batch,
                             const ModelConfig& config) {
  const std::size_t dot = module.rfind('.');
  if (module == "embed" || std::stoi(module.substr(dot + 1)) % 2 == 0) return rows;
  std::size_t level = config.unet.widths.size() - 1;
  if (module.starts_with("encoder.")) level = std::stoul(module.substr(8));
  if (module.starts_with("decoder.")) level -= 1 + std::stoul(module.substr(8));
  const model::LevelGeometry& geometry = batch.levels.at(level);
  return geometry.has_rotated ? rows.index_select(0, geometry.rotated.source) : rows;
}

void check_evaluation(const Fixture& fixture, const ModelConfig& config, model::Network& network,
                      const model::Batch& batch, const at::TensorOptions& options) {
  at::Tensor output;
  const auto seen = activations_of(network, batch, output);
  LargestError errors("evaluation");
  errors.expect("output", difference(output, tensor_from(fixture, "eval/output", options)), 0, value_tolerance);
  for (const std::string& module : fixture.datasets("eval/activation")) {
    ASSERT_TRUE(seen.contains(module)) << module;
    const at::Tensor reference = tensor_from(fixture, "eval/activation/" + module, options);
    const at::Tensor rows = in_recorded_order(module, seen.at(module), batch, config);
    // Activations of more than 40,000 values are stored in float16.
    const double rounding = reference.numel() > 40000 ? 1.0 / 2048 : 0.0;
    errors.expect(module, difference(rows, reference), 0, value_tolerance + rounding);
  }
}

void check_training(const Fixture& fixture, model::Network& network, model::Batch& batch,
                    const at::TensorOptions& options) {
  batch.features.set_requires_grad(true);
  model::ForwardContext context;
  context.training = true;
  const at::Tensor output = network.forward(batch, context);
  const at::Tensor loss = at::mse_loss(output, tensor_from(fixture, "input/target", options));
  loss.backward();
  LargestError values("training"), gradients("gradients");
  values.expect("output", difference(output, tensor_from(fixture, "train/output", options)), 0, value_tolerance);
  values.expect("loss", difference(loss, tensor_from(fixture, "train/loss", options)), 0, value_tolerance);
  gradients.expect("features", difference(batch.features.grad(), tensor_from(fixture, "train/grad_features", options)),
                   gradient_floor, gradient_tolerance);
  std::size_t compared = 0;
  for (const auto& entry : network.parameters().entries()) {
    if (entry.buffer) continue;
    const at::Tensor reference = tensor_from(fixture, "train/grad/" + entry.name, options);
    const at::Tensor& gradient = entry.tensor.grad();
    gradients.expect(entry.name, difference(gradient.defined() ? gradient : at::zeros_like(entry.tensor), reference),
                     gradient_floor, gradient_tolerance);
    ++compared;
  }
  EXPECT_EQ(compared, fixture.datasets("train/grad").size());
}

// AdamW as its paper (arXiv 1711.05101) and PyTorch state it.
class AdamW {
public:
  explicit AdamW(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
    for (const at::Tensor& p : parameters_) moments_.emplace_back(at::zeros_like(p), at::zeros_like(p));
  }
  void step(double rate, double decay, double beta1, double beta2, double epsilon) {
    const c10::AutoGradMode without_gradient(false);
    ++steps_;
    const double scale1 = 1 - std::pow(beta1, steps_), scale2 = 1 - std::pow(beta2, steps_);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      at::Tensor& parameter = parameters_[i];
      if (!parameter.grad().defined()) continue;
      const at::Tensor gradient = parameter.grad();
      auto& [first, second] = moments_[i];
      parameter.mul_(1 - rate * decay);
      first.mul_(beta1).add_(gradient, 1 - beta1);
      second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
      parameter.addcdiv_(first, (second / scale2).sqrt_().add_(epsilon), -rate / scale1);
      parameter.mutable_grad().reset();
    }
  }

private:
  std::vector<at::Tensor> parameters_;
  std::vector<std::pair<at::Tensor, at::Tensor>> moments_;
  int steps_ = 0;
};

}  // namespace

void check_erwin_parity(const std::filesystem::path& file, const at::TensorOptions& options) {
  const Fixture fixture(file);
  const ModelConfig config = erwin_config(fixture);
  const std::vector<ModelSample> samples = erwin_samples(fixture, config);
  const auto network = erwin_network(fixture, config, options);
  model::Batch batch = model::make_batch(pointers(samples), config, options);
  std::cout << file.filename().string() << "\n";
  check_evaluation(fixture, config, *network, batch, options);
  check_training(fixture, *network, batch, options);
}

void check_curve_parity(const std::filesystem::path& file, const at::TensorOptions& options) {
  const Fixture fixture(file);
  const ModelConfig config = erwin_config(fixture);
  const auto training = nlohmann::json::parse(fixture.text_attribute("", "training"));
  const auto network = erwin_network(fixture, config, options);
  at::Tensor weight = tensor_from(fixture, "head/weight", options), bias = tensor_from(fixture, "head/bias", options);
  std::vector<at::Tensor> trained{weight.set_requires_grad(true), bias.set_requires_grad(true)};
  for (const auto& entry : network->parameters().entries())
    if (!entry.buffer) trained.push_back(entry.tensor);
  std::vector<ModelSample> clouds;
  std::vector<at::Tensor> targets;
  for (std::size_t i = 0; i < fixture.children("cloud").size(); ++i) {
    clouds.push_back(curve_sample(fixture, config, static_cast<std::int64_t>(i)));
    targets.push_back(tensor_from(fixture, "cloud/" + std::to_string(i) + "/target", options));
  }
  const auto order = fixture.integers("order");
  const auto reference = fixture.doubles("loss").values;
  const std::size_t steps = reference.size(), width = static_cast<std::size_t>(order.shape.at(1));
  const double rate = training.at("lr"), least = training.at("eta_min"), period = training.at("T_max");
  AdamW optimiser(trained);
  double worst = 0, tail = 0, tail_reference = 0;
  for (std::size_t step = 0; step < steps; ++step) {
    std::vector<const ModelSample*> samples;
    std::vector<at::Tensor> wanted;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t cloud = static_cast<std::size_t>(order.values[step * width + i]);
      samples.push_back(&clouds.at(cloud));
      wanted.push_back(targets.at(cloud));
    }
    model::ForwardContext context;
    context.training = true;
    const model::Batch batch = model::make_batch(samples, config, options);
    const at::Tensor loss = at::mse_loss(at::linear(network->forward(batch, context), weight, bias), at::cat(wanted));
    loss.backward();
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(step) / period));
    optimiser.step(least + (rate - least) * cosine, training.at("weight_decay"), training.at("betas")[0],
                   training.at("betas")[1], training.at("eps"));
    const double value = loss.item<double>();
    if (step < 20) {
      worst = std::max(worst, std::abs(value / reference[step] - 1));
      EXPECT_LE(std::abs(value - reference[step]), 1e-4 * reference[step]) << "step " << step;
    }
    if (step + 20 >= steps) tail += value, tail_reference += reference[step];
  }
  std::cout << "  first 20 losses: largest relative difference " << worst
            << "; mean of the last 20: ours / theirs - 1 = " << tail / tail_reference - 1 << "\n";
  EXPECT_NEAR(tail / tail_reference, 1.0, 0.02);
}

}  // namespace erwin::test
