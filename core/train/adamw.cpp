#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "core/train/internal/adamw.h"

namespace erwin::train {

AdamW::AdamW(std::vector<at::Tensor> parameters, AdamWOptions options) : options_(options) {
  for (at::Tensor& parameter : parameters) {
    const at::ScalarType wide = parameter.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    State state;
    // Shares storage where the type is wide enough already.
    state.master = parameter.detach().to(wide);
    state.mean = at::zeros_like(state.master);
    state.square = at::zeros_like(state.master);
    state.parameter = std::move(parameter);
    states_.push_back(std::move(state));
  }
}

void AdamW::zero_gradients() {
  for (State& state : states_) state.parameter.mutable_grad() = at::Tensor();
}

double AdamW::gradient_norm() const {
  at::Tensor sum;
  for (const State& state : states_) {
    if (!state.parameter.grad().defined()) continue;
    const at::Tensor square = state.parameter.grad().detach().to(at::kDouble).square().sum();
    sum = sum.defined() ? sum + square : square;
  }
  return sum.defined() ? std::sqrt(sum.item<double>()) : 0.0;
}

void AdamW::scale_gradients(double factor) {
  const c10::AutoGradMode without_gradient(false);
  for (State& state : states_)
    if (state.parameter.grad().defined()) state.parameter.mutable_grad().mul_(factor);
}

void AdamW::step(double learning_rate) {
  const c10::AutoGradMode without_gradient(false);
  for (State& state : states_) {
    if (!state.parameter.grad().defined()) continue;
    const at::Tensor gradient = state.parameter.grad().detach().to(state.master.scalar_type());
    const auto t = static_cast<double>(++state.steps);
    const double correction1 = 1 - std::pow(options_.beta1, t), correction2 = 1 - std::pow(options_.beta2, t);
    state.master.mul_(1 - learning_rate * options_.weight_decay);
    state.mean.mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
    state.square.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
    const at::Tensor denominator = state.square.sqrt().div_(std::sqrt(correction2)).add_(options_.eps);
    state.master.addcdiv_(state.mean, denominator, -learning_rate / correction1);
    if (!state.master.is_alias_of(state.parameter)) state.parameter.copy_(state.master);
  }
}

}  // namespace erwin::train
