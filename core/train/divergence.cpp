#include "core/train/internal/divergence.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/model/internal/likelihood.h"
#include "core/model/internal/network.h"

namespace erwin::train {

namespace {

bool finite(const at::Tensor& tensor) {
  return tensor.detach().isfinite().all().item<bool>();
}

// The first weight that is not finite itself: then everything after it is not, whatever goes in.
std::string broken_weight(model::Parameters& parameters) {
  for (const auto& entry : parameters.entries())
    if (entry.tensor.is_floating_point() && !entry.buffer && !finite(entry.tensor)) return entry.name;
  return "";
}

}  // namespace

std::string origin_of_divergence(Model& model, const StepInput& input, at::ScalarType wide) {
  model::Network& network = *model.impl().network;
  if (const std::string weight = broken_weight(network.parameters()); !weight.empty())
    return "the weight " + weight + " is not finite";
  const c10::AutoGradMode with_gradient(true);
  for (const BatchPart& part : input.parts) {
    if (!finite(part.targets) || !finite(part.batch.features)) return "in the data of " + part.samples;
    std::string origin;
    model::ForwardContext context;
    context.training = true;
    context.observe = [&](const std::string& module, const at::Tensor& rows) {
      if (origin.empty() && !finite(rows)) origin = module;
    };
    const at::Tensor out = network.forward(part.batch, context).to(wide);
    if (!origin.empty()) return "first in " + origin + " (samples: " + part.samples + ")";
    if (!finite(out)) return "first in the head (samples: " + part.samples + ")";
    const at::Tensor loss = model::loss_of(out, part.targets, model.impl().config.head) * part.share;
    if (!finite(loss)) return "first in the loss: the prediction is too large to be squared";
    loss.backward();
  }
  std::string last;
  for (const auto& entry : network.parameters().entries())
    if (entry.tensor.grad().defined() && !finite(entry.tensor.grad())) last = entry.name;
  return last.empty() ? "in the sum over the gradients" : "first in the gradient of " + last;
}

}  // namespace erwin::train
