#include "core/model/model.h"

#include <ATen/ATen.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/model/internal/batch_geometry.h"
#include "core/model/internal/kept_rows.h"
#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/likelihood.h"
#include "core/model/internal/network.h"
#include "core/model/internal/tf32.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/prediction_memory.h"
#include "core/model/what_if.h"

namespace erwin {

namespace {

at::ScalarType type_of(Precision precision) {
  switch (precision) {
    case Precision::Float64:
      return at::kDouble;
    case Precision::BFloat16:
      return at::kBFloat16;
    case Precision::Tf32:
    case Precision::Float32:
      break;
  }
  return at::kFloat;
}

std::vector<float> host_values(const at::Tensor& rows) {
  const at::Tensor values = rows.to(at::kCPU, at::kFloat).contiguous();
  const float* first = values.const_data_ptr<float>();
  return {first, first + values.numel()};
}

int cuda_devices() {
  const auto& hooks = at::detail::getCUDAHooks();
  return hooks.hasCUDA() ? hooks.getNumGPUs() : 0;
}

at::Device device_from(const std::string& name) {
  if (name == "cpu") return {at::kCPU};
  const bool numbered = name.size() > 5 && name.size() <= 7 && name.compare(0, 5, "cuda:") == 0 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
  if (name != "cuda" && !numbered)
    throw Error(ErrorKind::Config, "there is no device of this name", "device = " + name,
                "Allowed: cpu, cuda, cuda:0, cuda:1, ...");
  const int index = numbered ? std::stoi(name.substr(5)) : 0, count = cuda_devices();
  if (index >= count)
    throw Error(ErrorKind::Device, count == 0 ? "no CUDA device was found" : "this CUDA device does not exist",
                "asked for " + name + ", found " + std::to_string(count),
                "Use the device cpu, or see erwinscope --version");
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

ElementType element_type_of(at::ScalarType type) {
  if (type == at::kLong) return ElementType::Int64;
  return type == at::kDouble ? ElementType::Float64 : ElementType::Float32;
}

at::ScalarType scalar_type_of(ElementType type) {
  switch (type) {
    case ElementType::Float64:
      return at::kDouble;
    case ElementType::Int64:
      return at::kLong;
    case ElementType::Float32:
      break;
  }
  return at::kFloat;
}

WeightArray array_of(const std::string& name, const at::Tensor& tensor) {
  WeightArray array;
  array.name = name;
  array.type = element_type_of(tensor.scalar_type());
  array.shape = tensor.sizes().vec();
  const at::Tensor plain = tensor.detach().to(at::kCPU, scalar_type_of(array.type)).contiguous();
  array.data.resize(plain.nbytes());
  std::memcpy(array.data.data(), plain.const_data_ptr(), plain.nbytes());
  return array;
}

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

[[noreturn]] void refuse_weights(const std::string& message, const std::string& detail) {
  throw Error(ErrorKind::Model, message, detail, "The configuration must be that of the network the weights come from");
}

void check_array(const WeightArray& array, const model::Parameters::Entry& entry) {
  const std::vector<std::int64_t> wanted = entry.tensor.sizes().vec();
  if (array.shape != wanted)
    refuse_weights("a weight has another shape",
                   array.name + ": " + text_of(array.shape) + ", the network's is " + text_of(wanted));
  const std::size_t bytes =
      static_cast<std::size_t>(entry.tensor.numel()) * at::elementSize(scalar_type_of(array.type));
  if (array.data.size() != bytes) refuse_weights("a weight's data are cut off", array.name);
}

}  // namespace

std::span<const Precision> all_precisions() {
  static constexpr Precision all[] = {Precision::Float32, Precision::Tf32, Precision::BFloat16, Precision::Float64};
  return all;
}

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::Float64:
      return "float64";
    case Precision::BFloat16:
      return "bf16";
    case Precision::Tf32:
      return "tf32";
    case Precision::Float32:
      break;
  }
  return "float32";
}

Precision precision_from(const std::string& name) {
  std::string allowed;
  for (const Precision precision : all_precisions()) {
    if (name == name_of(precision)) return precision;
    allowed += (allowed.empty() ? "" : ", ") + std::string(name_of(precision));
  }
  throw Error(ErrorKind::Config, "there is no precision of this name", "precision = " + name, "Allowed: " + allowed);
}

Model::Model(const ModelConfig& config, std::uint64_t seed, const std::string& device, Precision precision)
    : impl_(std::make_unique<Impl>()) {
  config.check();
  const at::ScalarType type = type_of(precision);
  // Drawn in float32, held in the network's type.
  require_memory(static_cast<std::uint64_t>(estimate_parameters(config)) * (at::elementSize(type) + 4),
                 "the network's weights");
  impl_->config = config;
  impl_->precision = precision;
  impl_->options = at::TensorOptions().dtype(type).device(device_from(device));
  model::translating_torch_errors("making the network",
                                  [&] { impl_->network = model::make_network(config, seed, impl_->options); });
  impl_->graphs = std::make_unique<model::PredictionGraphs>(impl_->config, *impl_->network, impl_->options);
}

Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

const ModelConfig& Model::config() const {
  return impl_->config;
}

std::int64_t Model::parameter_count() const {
  std::int64_t count = 0;
  for (const auto& entry : impl_->network->parameters().entries())
    if (!entry.buffer) count += entry.tensor.numel();
  return count;
}

Weights Model::weights() const {
  Weights weights;
  model::translating_torch_errors("reading the weights", [&] {
    for (const auto& entry : impl_->network->parameters().entries())
      weights.push_back(array_of(entry.name, entry.tensor));
  });
  return weights;
}

void Model::load_weights(const Weights& weights) {
  auto& parameters = impl_->network->parameters();
  std::set<std::string> given;
  for (const WeightArray& array : weights) {
    const auto* entry = parameters.find(array.name);
    if (!entry) refuse_weights("the network has no weight of this name", array.name);
    if (!given.insert(array.name).second) refuse_weights("a weight is given twice", array.name);
    check_array(array, *entry);
  }
  for (const auto& entry : parameters.entries())
    if (!given.contains(entry.name)) refuse_weights("a weight is missing", entry.name);
  model::translating_torch_errors("loading the weights", [&] {
    const c10::AutoGradMode without_gradient(false);
    for (const WeightArray& array : weights) {
      at::Tensor to = parameters.find(array.name)->tensor;
      // from_blob only borrows and does not write.
      to.copy_(at::from_blob(const_cast<std::byte*>(array.data.data()), array.shape,
                             at::TensorOptions().dtype(scalar_type_of(array.type))));
    }
  });
}

bool Model::makes_geometry() const {
  return impl_->options.device().is_cuda() && model::kernels_enabled();
}

model::Batch Model::Impl::batch_of(const ModelSample& sample, const Job& job) {
  if (sample.trees.main) return model::make_batch({&sample}, config, options, &job);
  model::Batch batch = model::make_batch_of_points({&sample}, config, options, &job);
  model::fill_geometry(batch, config, geometry);
  return batch;
}

Model::Output Model::Impl::output_of(const at::Tensor& rows, const Job& job) const {
  Output output;
  const model::Prediction prediction = model::prediction_of(rows, config.head);
  output.values = host_values(prediction.mean);
  job.check();
  if (prediction.deviation.defined()) output.deviations = host_values(prediction.deviation);
  return output;
}

Model::Output Model::predict(const ModelSample& sample, const std::optional<TapRequest>& tap, const Job& job,
                             const AttentionChanges* changes, bool keep) const {
  if (changes) check(*changes, impl_->config);
  if (impl_->options.device().is_cpu())
    require_memory(
        predict_prediction_memory(impl_->config, impl_->precision,
                                  {sample.points, sample.trees.main ? sample.trees.main->slot_count : sample.points,
                                   static_cast<std::int64_t>(sample.edge_source.size())},
                                  /*on_cpu=*/true),
        "the prediction of " + std::to_string(sample.points) + " points");
  Output output;
  model::translating_torch_errors("the prediction of " + sample.name, [&] {
    const c10::AutoGradMode without_gradient(false);
    const model::Tf32 tf32(impl_->precision == Precision::Tf32);
    model::TapRecorder recorder;
    model::ForwardContext context;
    context.job = &job;
    const model::Interventions interventions{changes ? *changes : AttentionChanges{}, {}, {}};
    if (changes) context.interventions = &interventions;
    if (tap) {
      recorder.request = *tap;
      recorder.tap.point_count = sample.points;
      context.recorder = &recorder;
    }
    std::shared_ptr<KeptRows> kept;
    at::Tensor rows;
    if (!tap && !changes && !keep && !sample.trees.main) rows = impl_->graphs->run(sample);
    if (!rows.defined()) {
      model::Batch batch = impl_->batch_of(sample, job);
      if (keep && keeps_rows(sample.points)) {
        kept = std::make_shared<KeptRows>();
        context.keep = kept.get();
      }
      rows = impl_->network->forward(batch, context);
      if (kept) kept->batch = std::move(batch);
    }
    output = impl_->output_of(rows, job);
    if (tap) output.tap = std::make_shared<const Tap>(std::move(recorder.tap));
    output.rows = std::move(kept);
  });
  return output;
}

}  // namespace erwin
