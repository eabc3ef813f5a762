#include "core/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/Event.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/model/internal/likelihood.h"
#include "core/model/internal/network.h"
#include "core/model/internal/tf32.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/predict.h"
#include "core/train/internal/adamw.h"
#include "core/train/internal/batch_loader.h"
#include "core/train/internal/divergence.h"
#include "core/train/internal/process_memory.h"
#include "core/train/internal/step_graphs.h"
#include "core/train/internal/tensor_arrays.h"

namespace erwin {

namespace {

using SamplePtr = std::shared_ptr<const ModelSample>;
using Clock = std::chrono::steady_clock;

// Steps that the host may be ahead of the device.
constexpr std::size_t steps_ahead = 2;

std::vector<std::pair<std::string, at::Tensor>> trained_tensors(Model& model) {
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (const auto& entry : model.impl().network->parameters().entries())
    if (!entry.buffer && entry.tensor.requires_grad()) tensors.emplace_back(entry.name, entry.tensor);
  return tensors;
}

// The targets of a batch, one sample after the other: [P, o].
at::Tensor targets_of(const std::vector<SamplePtr>& samples, std::int64_t components, at::ScalarType type) {
  std::vector<at::Tensor> parts;
  for (const SamplePtr& sample : samples) {
    if (sample->targets.size() != static_cast<std::size_t>(sample->points * components))
      throw Error(ErrorKind::Config, "a sample has no target of the right size", sample->name,
                  "Every sample of the training split needs the target with as many components");
    parts.push_back(
        at::from_blob(const_cast<float*>(sample->targets.data()), {sample->points, components}, at::kFloat));
  }
  return at::cat(parts).to(type);
}

// A step whose numbers have not been read yet.
struct PendingStep {
  StepRecord record;
  train::StepInputPtr input;
  at::Tensor numbers;  // float64 [3]: loss, gradient norm, 1 where something was not finite; on the host once `done`
  std::optional<c10::Event> done;
};

}  // namespace

struct Trainer::Impl {
  Impl(const ModelConfig& model_config, const TrainConfig& train_config, std::int64_t sample_count, Samples source)
      : train(train_config),
        device(resolve_device(train_config.device)),
        model(model_config, train_config.seed, device, precision_from(train_config.precision)),
        optimiser(trained_tensors(model), {train.weight_decay, train.beta1, train.beta2, train.eps}),
        count(sample_count),
        samples(std::move(source)),
        broken(at::zeros({}, at::TensorOptions().dtype(at::kFloat).device(place()))),
        graphs(place(), [this](const train::StepInput& input) { return whole_step(input); }) {}

  at::Device place() const { return model.impl().options.device(); }
  bool on_cpu() const { return place().is_cpu(); }
  at::ScalarType wide() const { return model.impl().precision == Precision::Float64 ? at::kDouble : at::kFloat; }

  // On the loader's threads.
  train::StepInputPtr make_input(const std::vector<train::Draw>& draws, const Job& job) const {
    auto input = std::make_shared<train::StepInput>();
    const auto& impl = model.impl();
    std::int64_t points = 0;
    for (std::size_t first = 0; first < draws.size(); first += static_cast<std::size_t>(train.batch)) {
      std::vector<SamplePtr> chosen;
      std::vector<const ModelSample*> raw;
      train::BatchPart part;
      for (std::size_t i = first; i < first + static_cast<std::size_t>(train.batch); ++i) {
        chosen.push_back(samples(draws[i].index, draws[i].number, job));
        raw.push_back(chosen.back().get());
        part.samples += (part.samples.empty() ? "" : ", ") + chosen.back()->name;
      }
      model::translating_torch_errors("preparing " + part.samples, [&] {
        const at::Tensor targets = targets_of(chosen, impl.config.output_features, wide());
        part.share = static_cast<double>(targets.size(0));
        points += targets.size(0);
        part.targets = targets;
        part.batch = model::make_batch(raw, impl.config, impl.options.device(at::kCPU));
        train::move_to(part, place());
      });
      input->parts.push_back(std::move(part));
    }
    for (train::BatchPart& part : input->parts) part.share /= static_cast<double>(points);
    return input;
  }

  train::BatchLoader& batches() {
    if (!loader)
      loader = std::make_unique<train::BatchLoader>(
          Sampler(count, train.seed, drawn), train.samples_per_step(),
          [this](const std::vector<train::Draw>& draws, const Job& job) { return make_input(draws, job); },
          train.loaders, static_cast<std::int64_t>(steps_ahead) + train.loaders);
    return *loader;
  }

  // Fills the gradients; the loss over the points of all parts, a scalar on the device.
  at::Tensor forward_backward(const train::StepInput& input) {
    const c10::AutoGradMode with_gradient(true);
    at::Tensor total;
    for (const train::BatchPart& part : input.parts) {
      model::ForwardContext context;
      context.training = true;
      context.recompute = train.recompute == "on";
      const at::Tensor out = model.impl().network->forward(part.batch, context).to(wide());
      const at::Tensor loss = model::loss_of(out, part.targets, model.impl().config.head) * part.share;
      loss.backward();
      total = total.defined() ? total + loss.detach() : loss.detach();
    }
    return total;
  }

  // Gradients to weights, unless this or an earlier step went wrong; gives [loss, norm, went wrong].
  at::Tensor update(const at::Tensor& loss) {
    const c10::AutoGradMode without_gradient(false);
    at::Tensor norm = optimiser.gradient_norm();
    if (!norm.defined()) norm = at::zeros_like(loss, at::kDouble);
    const at::Tensor fine = loss.isfinite().logical_and(norm.isfinite());
    broken.copy_(at::maximum(broken, fine.logical_not().to(at::kFloat)));
    at::Tensor divisor;
    if (train.clip > 0) divisor = (norm / train.clip).clamp_min(1).to(at::kFloat);
    optimiser.step(divisor, broken);
    return at::stack({loss.to(at::kDouble), norm, broken.to(at::kDouble)});
  }

  at::Tensor whole_step(const train::StepInput& input) {
    optimiser.zero_gradients();
    return update(forward_backward(input));
  }

  void start_step(const Job& job) {
    if (pending.empty()) since = Clock::now();
    PendingStep step;
    step.input = batches().next(job);
    step.record.step = done + 1;
    step.record.learning_rate = train.learning_rate(done);
    model::translating_torch_errors("training step " + std::to_string(done + 1), [&] {
      const model::Tf32 tf32(model.impl().precision == Precision::Tf32);
      optimiser.set_learning_rate(step.record.learning_rate);
      at::Tensor numbers = train.graph && !on_cpu() ? graphs.run(*step.input) : at::Tensor();
      if (!numbers.defined()) numbers = whole_step(*step.input);
      if (on_cpu()) {
        step.numbers = numbers;
      } else {
        step.numbers = at::empty({3}, at::TensorOptions().dtype(at::kDouble).pinned_memory(true));
        step.numbers.copy_(numbers, /*non_blocking=*/true);
        step.done.emplace(place().type());
        step.done->record(at::accelerator::getCurrentStream(place().index()));
      }
    });
    ++done;
    drawn += train.samples_per_step();
    pending.push_back(std::move(step));
  }

  StepRecord end_step() {
    PendingStep step = std::move(pending.front());
    pending.pop_front();
    const std::string what = "training step " + std::to_string(step.record.step);
    model::translating_torch_errors(what, [&] {
      if (step.done) step.done->synchronize();
    });
    const double* numbers = step.numbers.const_data_ptr<double>();
    step.record.loss = numbers[0];
    step.record.gradient_norm = numbers[1];
    if (numbers[2] != 0) {
      pending.clear();
      done = step.record.step - 1;
      std::string origin;
      model::translating_torch_errors(what, [&] {
        optimiser.zero_gradients();
        origin = train::origin_of_divergence(model, *step.input, wide());
      });
      throw Error(
          ErrorKind::Model,
          std::string("training diverged: the ") + (std::isfinite(numbers[0]) ? "gradient" : "loss") + " is not finite",
          "step " + std::to_string(step.record.step) + ", " + origin,
          "Go on from an earlier checkpoint with a lower train.lr or with train.clip=1: erwinscope train "
          "--from CHECKPOINT --set train.clip=1");
    }
    const Clock::time_point now = Clock::now();
    step.record.seconds = std::chrono::duration<double>(now - since).count();
    since = now;
    return step.record;
  }

  TrainConfig train;
  std::string device;
  Model model;
  train::AdamW optimiser;
  std::int64_t count, drawn = 0, done = 0;
  Samples samples;
  at::Tensor broken;  // float32 scalar, 1 from the first step on that was not finite
  train::StepGraphs graphs;
  std::deque<PendingStep> pending;
  Clock::time_point since;
  std::unique_ptr<train::BatchLoader> loader;  // last: its threads use the others
};

Trainer::Trainer(const ModelConfig& model, const TrainConfig& train, std::int64_t count, Samples samples) {
  if (count < 1)
    throw Error(ErrorKind::Config, "there is no sample to train on", {},
                "Check the split and the files of the data set");
  impl_ = std::make_unique<Impl>(model, train, count, std::move(samples));
}
Trainer::~Trainer() = default;

void Trainer::restore(const Checkpoint& checkpoint) {
  Impl& impl = *impl_;
  impl.model.load_weights(checkpoint.weights);
  model::translating_torch_errors("loading the checkpoint", [&] {
    for (train::AdamW::State& state : impl.optimiser.states())
      train::read_array(checkpoint.weights, state.name, state.master);
    impl.optimiser.copy_masters();
    if (!checkpoint.training) return;
    for (train::AdamW::State& state : impl.optimiser.states()) {
      train::read_array(checkpoint.training->mean, state.name, state.mean);
      train::read_array(checkpoint.training->square, state.name, state.square);
      train::read_array(checkpoint.training->updates, state.name, state.updates);
    }
  });
  impl.done = checkpoint.training ? checkpoint.step : 0;
  impl.drawn = checkpoint.training ? checkpoint.training->samples_drawn : 0;
}

std::vector<StepRecord> Trainer::advance(const Job& job) {
  impl_->start_step(job);
  std::vector<StepRecord> ended;
  while (impl_->pending.size() > (impl_->on_cpu() ? 0 : steps_ahead)) ended.push_back(impl_->end_step());
  return ended;
}

std::vector<StepRecord> Trainer::finish() {
  std::vector<StepRecord> ended;
  while (!impl_->pending.empty()) ended.push_back(impl_->end_step());
  return ended;
}

StepRecord Trainer::step(const Job& job) {
  std::vector<StepRecord> ended = advance(job);
  for (const StepRecord& record : finish()) ended.push_back(record);
  return ended.back();
}

void Trainer::abandon_step() {
  impl_->optimiser.zero_gradients();
}

std::int64_t Trainer::steps_done() const {
  return impl_->done;
}
const Model& Trainer::model() const {
  return impl_->model;
}
const std::string& Trainer::device() const {
  return impl_->device;
}

Weights Trainer::weights() const {
  Weights weights = impl_->model.weights();
  model::translating_torch_errors("reading the weights", [&] {
    for (const train::AdamW::State& state : impl_->optimiser.states())
      for (WeightArray& weight : weights)
        if (weight.name == state.name) weight = train::array_of(state.name, state.master);
  });
  return weights;
}

TrainingState Trainer::state() const {
  TrainingState state;
  state.samples_drawn = impl_->drawn;
  model::translating_torch_errors("reading the optimiser", [&] {
    for (const train::AdamW::State& of : impl_->optimiser.states()) {
      state.mean.push_back(train::array_of(of.name, of.mean));
      state.square.push_back(train::array_of(of.name, of.square));
      state.updates.push_back(train::array_of(of.name, of.updates.to(at::kLong)));
    }
  });
  return state;
}

std::int64_t Trainer::replayed_steps() const {
  return impl_->graphs.replayed();
}

std::uint64_t Trainer::peak_memory() const {
  if (impl_->on_cpu()) return train::peak_process_memory();
  const auto stats = at::accelerator::getDeviceStats(impl_->place().index());
  return static_cast<std::uint64_t>(stats.allocated_bytes[0].peak);
}

}  // namespace erwin
