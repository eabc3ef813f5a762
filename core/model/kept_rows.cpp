// Passes that begin in the middle: with the rows of another one that is the same up to there.

#include "core/model/internal/kept_rows.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/model/internal/network.h"
#include "core/model/internal/tf32.h"
#include "core/model/internal/torch_errors.h"
#include "core/model/what_if.h"

namespace erwin {

namespace {

// For all rows of one pass: an explorer holds those of two.
std::int64_t kept_bytes_limit(const at::Device& device) {
  constexpr std::int64_t on_cpu = std::int64_t{1} << 28;
  if (device.is_cpu()) return on_cpu;
  const std::size_t memory =
      at::getDeviceAllocator(device.type())->getMemoryInfo(std::max<c10::DeviceIndex>(0, device.index())).second;
  return std::max(on_cpu, static_cast<std::int64_t>(memory / 32));
}

// Indices into `step` rows of every copy.
at::Tensor repeated_index(const at::Tensor& index, std::int64_t step, std::int64_t copies) {
  const at::Tensor first = at::arange(copies, index.options()) * step;
  return (index.unsqueeze(0) + first.unsqueeze(1)).flatten();
}

std::vector<std::int64_t> repeated_offsets(std::int64_t step, std::int64_t copies) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t copy = 0; copy <= copies; ++copy) offsets.push_back(copy * step);
  return offsets;
}

at::Tensor repeated_rows(const at::Tensor& rows, std::int64_t copies) {
  return rows.dim() == 1 ? rows.repeat({copies}) : rows.repeat({copies, 1});
}

}  // namespace

namespace model {

Batch copies_of(const Batch& one, std::int64_t copies) {
  if (one.samples() != 1 || one.levels.size() != 1)
    throw Error(ErrorKind::Internal, "copies are made of one sample of a flat trunk",
                std::to_string(one.samples()) + " samples, " + std::to_string(one.levels.size()) + " levels");
  const LevelGeometry& level = one.levels.front();
  const std::int64_t points = one.point_offsets.back(), slots = level.offsets.back();
  Batch batch;
  batch.slot_point = repeated_index(one.slot_point, points, copies);
  batch.point_slot = repeated_index(one.point_slot, slots, copies);
  batch.point_offsets = repeated_offsets(points, copies);
  LevelGeometry& all = batch.levels.emplace_back();
  all.positions = repeated_rows(level.positions, copies);
  all.mask = repeated_rows(level.mask, copies);
  all.all_real = level.all_real;
  all.real_slots = repeated_index(level.real_slots, slots, copies);
  all.real_offsets = repeated_offsets(level.real_offsets.back(), copies);
  all.offsets = repeated_offsets(slots, copies);
  all.has_rotated = level.has_rotated;
  if (!level.has_rotated) return batch;
  const std::int64_t turned = level.rotated.offsets.back();
  all.rotated = {repeated_index(level.rotated.source, slots, copies), repeated_rows(level.rotated.mask, copies),
                 repeated_index(level.rotated.inverse, turned, copies), repeated_offsets(turned, copies)};
  return batch;
}

const at::Tensor& AskedRows::in(int layer, int depth) const {
  static const at::Tensor all;
  if (layer + 1 == depth) return of_last;
  return layer == first_layer ? of_first : all;
}

}  // namespace model

int first_changed_layer(const AttentionChanges& changes, int layers) {
  int first = layers;
  const auto meet = [&](int layer) { first = std::min(first, std::max(layer, 0)); };
  for (const ForcedBlock& forced : changes.forced) meet(forced.layer);
  for (const GateOverride& gate : changes.gates) meet(gate.layer);
  for (const SelectionChange& selection : changes.selections) meet(selection.layer);
  return first;
}

bool Model::keeps_rows(std::int64_t points) const {
  const ModelConfig& config = impl_->config;
  if (config.kind == ModelKind::Erwin) return false;
  // Padding is left out of account; 4 bytes, the residual stream's type but for float64.
  return 4 * points * config.flat.width * (config.flat.depth + 1) <= kept_bytes_limit(impl_->options.device());
}

Model::Output Model::predict_from(const KeptRows& unchanged, const AttentionChanges& changes, const Job& job) const {
  check(changes, impl_->config);
  Output output;
  model::translating_torch_errors("the prediction with changes", [&] {
    const c10::AutoGradMode without_gradient(false);
    const model::Tf32 tf32(impl_->precision == Precision::Tf32);
    const model::Interventions interventions{changes, {}, {}};
    auto rows = std::make_shared<KeptRows>();
    rows->batch = unchanged.batch;
    const int first = first_changed_layer(changes, impl_->config.flat.depth);
    rows->before.assign(unchanged.before.begin(), unchanged.before.begin() + first);
    model::ForwardContext context;
    context.job = &job;
    context.interventions = &interventions;
    context.next_layer = first;
    context.keep = rows.get();
    context.start = unchanged.before[static_cast<std::size_t>(first)];
    output = impl_->output_of(impl_->network->forward(rows->batch, context), job);
    output.rows = std::move(rows);
  });
  return output;
}

TapPtr Model::record(const KeptRows& rows, const AttentionChanges& changes, int layer, const Job& job) const {
  const int layers = impl_->config.flat.depth;
  if (layer < 0 || layer >= layers)
    throw Error(ErrorKind::Config, "there is no attention layer " + std::to_string(layer),
                "layers go from 0 to " + std::to_string(layers - 1), "Layers count from 0 in order of evaluation");
  model::TapRecorder recorder;
  model::translating_torch_errors("the record of a layer", [&] {
    const c10::AutoGradMode without_gradient(false);
    const model::Tf32 tf32(impl_->precision == Precision::Tf32);
    const model::Interventions interventions{changes, {}, {}};
    recorder.request.layers = {layer};
    model::ForwardContext context;
    context.job = &job;
    context.interventions = &interventions;
    context.recorder = &recorder;
    context.next_layer = layer;
    context.start = rows.before[static_cast<std::size_t>(layer)];
    context.attention_only = true;
    impl_->network->forward(rows.batch, context);
  });
  return std::make_shared<const Tap>(std::move(recorder.tap));
}

}  // namespace erwin
