#include "core/model/receptive_field.h"

#include <ATen/ATen.h>

#include "core/model/internal/gradients.h"
#include "core/model/internal/torch_errors.h"

namespace erwin {

ReceptiveField receptive_field(const Predictor& predictor, const ModelSample& sample, std::int64_t point, int component,
                               const Job& job) {
  constexpr float published_threshold = 1e-10F;
  const ModelConfig& config = predictor.checkpoint().config;
  model::require_output(config, sample, point, component);
  std::vector<float> influence;
  model::translating_torch_errors("the receptive field", [&] {
    const model::Probed probed = model::probe(
        predictor.model(), sample, [](const std::string& module) { return module == "embed"; }, std::nullopt, job);
    at::Tensor squares;
    for (int c = 0; c < config.output_features; ++c) {
      if (component >= 0 && c != component) continue;
      job.check();
      const at::Tensor one = probed.gradient(point, c).to(at::kDouble).square().sum(1);
      squares = squares.defined() ? squares + one : one;
    }
    const at::Tensor host = squares.to(at::kCPU, at::kFloat).contiguous();
    influence.assign(host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel());
  });
  const Concentration concentration = concentration_of(influence);
  std::int64_t above = 0, nonzero = 0;
  for (const float value : influence) {
    above += value > published_threshold;
    nonzero += value > 0;
  }
  return {Field("influence", FieldKind::Scalar, 1, std::move(influence)), concentration, above, nonzero};
}

}  // namespace erwin
