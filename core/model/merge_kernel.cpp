#include "core/model/internal/merge_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/gate_merge/gate_merge.h"

namespace erwin::model {

namespace {

using kernels::Bf16;
using kernels::GateMergeGradients;
using kernels::GateMergeParams;
using kernels::GateMergeShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Inputs {
  at::Tensor logits, coarse, selected, local, mask, out;
};

GateMergeShape shape_of(const at::Tensor& coarse, const at::Tensor& selected) {
  return {selected.size(0), static_cast<int>(selected.size(1)), static_cast<int>(selected.size(2)),
          static_cast<int>(selected.size(0) / coarse.size(0))};
}

template <typename T>
GateMergeParams<T> params_of(const Inputs& in) {
  return {shape_of(in.coarse, in.selected), values<T>(in.logits), values<T>(in.coarse),
          values<T>(in.selected),           values<T>(in.local),  values<bool>(in.mask),
          mutable_values<T>(in.out)};
}

struct Gradients {
  at::Tensor logits, coarse, selected, local;
};

template <typename T>
GateMergeGradients<T> gradient_pointers(const Gradients& gradients, const at::Tensor& grad_out) {
  return {values<T>(grad_out), mutable_values<T>(gradients.logits), mutable_values<T>(gradients.coarse),
          mutable_values<T>(gradients.selected), mutable_values<T>(gradients.local)};
}

void forward_pass(const Inputs& in) {
  if (in.selected.is_cpu()) return kernels::gate_merge_cpu(params_of<float>(in));
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.selected.device());
  void* const stream = current_stream(in.selected);
  check_launch(in.selected.scalar_type() == at::kBFloat16 ? kernels::gate_merge_cuda(params_of<Bf16>(in), stream)
                                                          : kernels::gate_merge_cuda(params_of<float>(in), stream),
               "merging the branches");
#endif
}

void backward_pass(const Inputs& in, const Gradients& gradients, const at::Tensor& grad_out) {
  if (in.selected.is_cpu())
    return kernels::gate_merge_backward_cpu(params_of<float>(in), gradient_pointers<float>(gradients, grad_out));
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.selected.device());
  void* const stream = current_stream(in.selected);
  check_launch(
      in.selected.scalar_type() == at::kBFloat16
          ? kernels::gate_merge_backward_cuda(params_of<Bf16>(in), gradient_pointers<Bf16>(gradients, grad_out), stream)
          : kernels::gate_merge_backward_cuda(params_of<float>(in), gradient_pointers<float>(gradients, grad_out),
                                              stream),
      "merging the branches backward");
#endif
}

struct MergeKernelFunction : torch::autograd::Function<MergeKernelFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& logits, const at::Tensor& coarse,
                            const at::Tensor& selected, const at::Tensor& local, const at::Tensor& mask) {
    const Inputs in{logits, coarse, selected, local, mask, at::empty_like(selected)};
    forward_pass(in);
    context->save_for_backward({logits, coarse, selected, local, mask});
    return in.out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Inputs in{saved[0], saved[1], saved[2], saved[3], saved[4], {}};
    const Gradients result{at::empty_like(in.logits), at::empty_like(in.coarse), at::empty_like(in.selected),
                           at::empty_like(in.local)};
    backward_pass(in, result, dense(gradients[0]));
    return {result.logits, result.coarse, result.selected, result.local, {}};
  }
};

}  // namespace

bool merge_kernel_applies(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                          const at::Tensor& local) {
  if (!kernels_enabled() || selected.size(0) == 0) return false;
  const at::ScalarType type = selected.scalar_type();
  const bool fits = is_kernel_type(selected) && logits.scalar_type() == type && coarse.scalar_type() == type &&
                    local.scalar_type() == type && kernels::gate_merge_supports(shape_of(coarse, selected));
  if (!fits) log_aten_path("merging the branches", "type, device or head width is not supported");
  return fits;
}

at::Tensor merge_kernel(const at::Tensor& logits, const at::Tensor& coarse, const at::Tensor& selected,
                        const at::Tensor& local, const at::Tensor& mask) {
  return MergeKernelFunction::apply(dense(logits), dense(coarse), dense(selected), dense(local), mask.contiguous());
}

}  // namespace erwin::model
