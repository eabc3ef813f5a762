// Passes that begin in the middle: with the rows of another one that is the same up to there.

#include "core/model/internal/kept_rows.h"

#include <ATen/ATen.h>
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
constexpr std::int64_t kept_bytes_limit = std::int64_t{1} << 28;

}  // namespace

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
  return 4 * points * config.flat.width * (config.flat.depth + 1) <= kept_bytes_limit;
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
