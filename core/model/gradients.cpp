#include "core/model/internal/gradients.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/base/error.h"
#include "core/model/internal/kept_rows.h"
#include "core/model/internal/network.h"

namespace erwin::model {

at::Tensor Probed::gradient(std::int64_t point, std::int64_t component) const {
  return torch::autograd::grad({values.select(0, point).select(0, component)}, {rows}, {}, /*retain_graph=*/true)[0]
      .detach();
}

Probed probe(const Model& model, const ModelSample& sample, const std::function<bool(const std::string&)>& is_wanted,
             const std::optional<TapRequest>& tap, const Job& job, KeptRows* keep) {
  const c10::AutoGradMode gradients_later(false);
  Probed probed;
  Interventions interventions;
  interventions.replace = [&](const std::string& name, const at::Tensor& rows) {
    if (probed.rows.defined() || !is_wanted(name)) return rows;
    probed.rows = rows.detach().clone().requires_grad_(true);
    c10::GradMode::set_enabled(true);  // from here on; the guard above ends it
    return probed.rows;
  };
  TapRecorder recorder;
  ForwardContext context;
  context.job = &job;
  context.interventions = &interventions;
  if (tap) {
    recorder.request = *tap;
    context.recorder = &recorder;
  }
  const Model::Impl& impl = model.impl();
  const Batch batch = make_batch({&sample}, impl.config, impl.options, &job);
  if (keep) {
    keep->batch = batch;
    context.keep = keep;
  }
  probed.values = impl.network->forward(batch, context);
  if (!probed.rows.defined()) throw Error(ErrorKind::Internal, "the network has no such module", sample.name);
  if (tap) probed.tap = std::make_shared<const Tap>(std::move(recorder.tap));
  return probed;
}

void require_output(const ModelConfig& config, const ModelSample& sample, std::int64_t point, int component) {
  if (point < 0 || point >= sample.points)
    throw Error(ErrorKind::Config, "there is no point " + std::to_string(point),
                "the sample has points 0 to " + std::to_string(sample.points - 1));
  if (component < -1 || component >= config.output_features)
    throw Error(ErrorKind::Config, "the prediction has no component " + std::to_string(component),
                "components go from 0 to " + std::to_string(config.output_features - 1));
}

}  // namespace erwin::model
