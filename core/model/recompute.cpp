#include "core/model/internal/recompute.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace erwin::model {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Held : torch::CustomClassHolder {
  explicit Held(Part p) : part(std::move(p)) {}
  Part part;
};

struct Recomputed : torch::autograd::Function<Recomputed> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const c10::intrusive_ptr<Held>& held) {
    context->save_for_backward({x});
    context->saved_data["part"] = c10::IValue::make_capsule(held);
    // With gradients switched on, so that the operations are those of the second time; what they keep is given back at
    // once.
    const c10::AutoGradMode with_gradient(true);
    return held->part(x.detach()).detach();
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto held = c10::static_intrusive_pointer_cast<Held>(context->saved_data["part"].toCapsule());
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(true);
    const c10::AutoGradMode with_gradient(true);
    held->part(x).backward(gradients[0]);
    return {x.grad(), {}};
  }
};

}  // namespace

at::Tensor recomputed(Part part, const at::Tensor& x) {
  return Recomputed::apply(x, c10::make_intrusive<Held>(std::move(part)));
}

}  // namespace erwin::model
