#include "core/train/trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/model/internal/network.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/predict.h"
#include "core/train/internal/adamw.h"

namespace erwin {

namespace {

using SamplePtr = std::shared_ptr<const ModelSample>;

std::vector<at::Tensor> trained_tensors(Model& model) {
  std::vector<at::Tensor> tensors;
  for (const auto& entry : model.impl().network->parameters().entries())
    if (!entry.buffer && entry.tensor.requires_grad()) tensors.push_back(entry.tensor);
  return tensors;
}

// The targets of a batch, one sample after the other: [P, o] float32 or float64.
at::Tensor targets_of(const std::vector<SamplePtr>& samples, std::int64_t components,
                      const at::TensorOptions& options) {
  std::vector<at::Tensor> parts;
  for (const SamplePtr& sample : samples) {
    if (sample->targets.size() != static_cast<std::size_t>(sample->points * components))
      throw Error(ErrorKind::Config, "a sample has no target of the right size", sample->name,
                  "Every sample of the training split needs the target with as many components");
    parts.push_back(
        at::from_blob(const_cast<float*>(sample->targets.data()), {sample->points, components}, at::kFloat));
  }
  return at::cat(parts).to(options);
}

[[noreturn]] void diverged(std::int64_t step, const char* what) {
  throw Error(ErrorKind::Model, std::string("training diverged: the ") + what + " is not finite",
              "step " + std::to_string(step), "Lower train.lr, or limit the gradient with train.clip=1");
}

}  // namespace

struct Trainer::Impl {
  Impl(const ModelConfig& model_config, const TrainConfig& train_config, std::int64_t count, Samples source)
      : train(train_config),
        device(resolve_device(train_config.device)),
        model(model_config, train_config.seed, device, precision_from(train_config.precision)),
        optimiser(trained_tensors(model), {train.weight_decay, train.beta1, train.beta2, train.eps}),
        sampler(count, train_config.seed),
        samples(std::move(source)) {}

  std::vector<SamplePtr> next_batch(const Job& job) {
    std::vector<SamplePtr> batch;
    for (std::int64_t i = 0; i < train.batch; ++i) batch.push_back(samples(sampler.next(), job));
    return batch;
  }

  double forward_backward(const std::vector<SamplePtr>& batch_samples) {
    auto& impl = model.impl();
    std::vector<const ModelSample*> raw;
    for (const SamplePtr& sample : batch_samples) raw.push_back(sample.get());
    const c10::AutoGradMode with_gradient(true);
    const model::Batch batch = model::make_batch(raw, impl.config, impl.options);
    const at::ScalarType type = impl.precision == Precision::Float64 ? at::kDouble : at::kFloat;
    const at::Tensor targets = targets_of(batch_samples, impl.config.output_features, impl.options.dtype(type));
    model::ForwardContext context;
    context.training = true;
    const at::Tensor loss = at::mse_loss(impl.network->forward(batch, context).to(type), targets);
    const double value = loss.item<double>();
    if (std::isfinite(value)) loss.backward();
    return value;
  }

  TrainConfig train;
  std::string device;
  Model model;
  train::AdamW optimiser;
  Sampler sampler;
  Samples samples;
  std::int64_t done = 0;
};

Trainer::Trainer(const ModelConfig& model, const TrainConfig& train, std::int64_t count, Samples samples) {
  if (count < 1)
    throw Error(ErrorKind::Config, "there is no sample to train on", {},
                "Check the split and the files of the data set");
  impl_ = std::make_unique<Impl>(model, train, count, std::move(samples));
}
Trainer::~Trainer() = default;

StepRecord Trainer::step(const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  Impl& impl = *impl_;
  const std::vector<SamplePtr> batch = impl.next_batch(job);
  StepRecord record;
  record.step = impl.done + 1;
  record.learning_rate = impl.train.learning_rate(impl.done);
  model::translating_torch_errors("training step " + std::to_string(record.step), [&] {
    impl.optimiser.zero_gradients();
    record.loss = impl.forward_backward(batch);
    if (!std::isfinite(record.loss)) diverged(record.step, "loss");
    record.gradient_norm = impl.optimiser.gradient_norm();
    if (!std::isfinite(record.gradient_norm)) diverged(record.step, "gradient");
    if (impl.train.clip > 0 && record.gradient_norm > impl.train.clip)
      impl.optimiser.scale_gradients(impl.train.clip / record.gradient_norm);
    impl.optimiser.step(record.learning_rate);
  });
  ++impl.done;
  record.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return record;
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

}  // namespace erwin
