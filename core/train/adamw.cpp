#include "core/train/internal/adamw.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <utility>

namespace erwin::train {

namespace {

std::optional<at::Tensor> if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

AdamW::AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters, AdamWOptions options) : options_(options) {
  for (auto& [name, parameter] : parameters) {
    const at::ScalarType wide = parameter.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    State state;
    state.name = name;
    state.master = parameter.detach().to(wide);
    state.mean = at::zeros_like(state.master);
    state.square = at::zeros_like(state.master);
    state.updates = at::zeros({}, state.master.options().dtype(at::kFloat));
    state.parameter = std::move(parameter);
    states_.push_back(std::move(state));
  }
  if (!states_.empty() && !states_.front().master.is_cpu())
    rate_ = at::zeros({}, states_.front().master.options().dtype(at::kFloat));
}

void AdamW::zero_gradients() {
  for (State& state : states_) state.parameter.mutable_grad() = at::Tensor();
}

at::Tensor AdamW::gradient_norm() const {
  std::vector<at::Tensor> gradients;
  for (const State& state : states_)
    if (state.parameter.grad().defined()) gradients.push_back(state.parameter.grad().detach());
  if (gradients.empty()) return {};
  return at::stack(at::_foreach_norm(gradients, 2, at::kDouble)).square().sum().sqrt();
}

void AdamW::set_learning_rate(double learning_rate) {
  learning_rate_ = learning_rate;
  if (rate_.defined()) rate_.fill_(learning_rate);
}

void AdamW::step(const at::Tensor& divisor, const at::Tensor& skip) {
  const c10::AutoGradMode without_gradient(false);
  std::vector<at::Tensor> masters, gradients, means, squares, updates, narrow, narrow_masters;
  for (State& state : states_) {
    if (!state.parameter.grad().defined()) continue;
    masters.push_back(state.master);
    gradients.push_back(state.parameter.grad().detach().to(state.master.scalar_type()));
    means.push_back(state.mean);
    squares.push_back(state.square);
    updates.push_back(state.updates);
    if (state.master.is_alias_of(state.parameter)) continue;
    narrow.push_back(state.parameter.detach());
    narrow_masters.push_back(state.master);
  }
  if (masters.empty()) return;
  if (skip.defined())
    at::_foreach_add_(updates, 1 - skip);
  else
    at::_foreach_add_(updates, 1);
  const auto update = [&](const auto& rate) {
    at::_fused_adamw_(masters, gradients, means, squares, {}, updates, rate, options_.beta1, options_.beta2,
                      options_.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false, if_defined(divisor),
                      if_defined(skip));
  };
  if (rate_.defined())
    update(rate_);
  else
    update(learning_rate_);
  if (!narrow.empty()) at::_foreach_copy_(narrow, narrow_masters);
}

void AdamW::copy_masters() {
  const c10::AutoGradMode without_gradient(false);
  for (State& state : states_)
    if (!state.master.is_alias_of(state.parameter)) state.parameter.detach().copy_(state.master);
}

}  // namespace erwin::train
