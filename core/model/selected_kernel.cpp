#include "core/model/internal/selected_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/selected_attention/selected_attention.h"

namespace erwin::model {

namespace {

using kernels::Bf16;
using kernels::SelectedAttentionGradients;
using kernels::SelectedAttentionParams;
using kernels::SelectedShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

SelectedShape shape_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& selected, std::int64_t block_size) {
  SelectedShape shape;
  shape.slots = q.size(0);
  shape.heads = static_cast<int>(q.size(1));
  shape.groups = static_cast<int>(k.size(1));
  shape.width = static_cast<int>(q.size(2));
  shape.block_size = static_cast<int>(block_size);
  shape.columns = static_cast<int>(selected.size(2));
  return shape;
}

// All tensors of a call.
struct Inputs {
  at::Tensor q, k, v, mask, selected;
  std::int64_t block_size = 0;
  at::Tensor out, lse;
  SelectedShape shape() const { return shape_of(q, k, selected, block_size); }
};

template <typename T>
SelectedAttentionParams<T> params_of(const Inputs& in) {
  SelectedAttentionParams<T> params;
  params.shape = in.shape();
  params.q = values<T>(in.q);
  params.k = values<T>(in.k);
  params.v = values<T>(in.v);
  params.mask = values<bool>(in.mask);
  params.selected = values<std::int64_t>(in.selected);
  params.selected_stride = in.selected.stride(1);
  params.out = mutable_values<T>(in.out);
  params.lse = mutable_values<float>(in.lse);
  return params;
}

// One distance from each row of ids to the next, the ids side by side.
at::Tensor evenly_spaced(const at::Tensor& selected) {
  const bool even = selected.stride(2) == 1 && selected.stride(0) == selected.size(1) * selected.stride(1);
  return even ? selected : selected.contiguous();
}

void forward_pass(const Inputs& in, const Job* job) {
  check(job);
  if (in.q.is_cpu()) {
    kernels::selected_attention_cpu(params_of<float>(in), [job] { check(job); });
    return;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  check_launch(in.q.scalar_type() == at::kBFloat16 ? kernels::selected_attention_cuda(params_of<Bf16>(in), stream)
                                                   : kernels::selected_attention_cuda(params_of<float>(in), stream),
               "selected attention");
#endif
}

struct Gradients {
  at::Tensor q, k, v;
};

template <typename T>
SelectedAttentionGradients<T> gradient_pointers(const Gradients& gradients, const at::Tensor& grad_out) {
  return {values<T>(grad_out), mutable_values<T>(gradients.q), mutable_values<T>(gradients.k),
          mutable_values<T>(gradients.v)};
}

Gradients backward_pass(const Inputs& in, const at::Tensor& grad_out, const Job* job) {
  check(job);
  const Gradients gradients{at::empty_like(in.q), at::empty_like(in.k), at::empty_like(in.v)};
  if (in.q.is_cpu()) {
    kernels::selected_attention_backward_cpu(params_of<float>(in), gradient_pointers<float>(gradients, grad_out),
                                             [job] { check(job); });
    return gradients;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  const auto bytes = static_cast<std::int64_t>(kernels::selected_attention_backward_workspace(in.shape()));
  const at::Tensor workspace = at::empty({bytes}, in.q.options().dtype(at::kByte));
  void* const memory = workspace.mutable_data_ptr();
  check_launch(in.q.scalar_type() == at::kBFloat16
                   ? kernels::selected_attention_backward_cuda(
                         params_of<Bf16>(in), gradient_pointers<Bf16>(gradients, grad_out), memory, stream)
                   : kernels::selected_attention_backward_cuda(
                         params_of<float>(in), gradient_pointers<float>(gradients, grad_out), memory, stream),
               "selected attention backward");
#endif
  return gradients;
}

struct SelectedKernelFunction : torch::autograd::Function<SelectedKernelFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& mask, const at::Tensor& selected, std::int64_t block_size,
                               std::int64_t job) {
    Inputs in{q, k, v, mask, selected, block_size, {}, {}};
    in.out = at::empty_like(q);
    in.lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
    forward_pass(in, reinterpret_cast<const Job*>(job));
    context->save_for_backward({in.q, in.k, in.v, in.mask, in.selected, in.out, in.lse});
    context->saved_data["block_size"] = block_size;
    context->saved_data["job"] = job;
    context->mark_non_differentiable({in.lse});
    return {in.out, in.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Inputs in{saved[0], saved[1], saved[2], saved[3], saved[4], context->saved_data["block_size"].toInt(),
                    saved[5], saved[6]};
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const Gradients result = backward_pass(in, dense(gradients[0]), job);
    return {result.q, result.k, result.v, {}, {}, {}, {}};
  }
};

}  // namespace

bool selected_kernel_applies(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& selected,
                             std::int64_t block_size) {
  if (!kernels_enabled() || q.size(0) == 0) return false;
  const auto refuse = [](const char* why) {
    log_aten_path("selected attention", why);
    return false;
  };
  const at::ScalarType type = q.scalar_type();
  if (k.scalar_type() != type || v.scalar_type() != type) return refuse("types differ");
  const SelectedShape shape = shape_of(q, k, selected, block_size);
  if (q.is_cpu()) {
    if (type != at::kFloat) return refuse("on the CPU it takes float32 only");
    return kernels::selected_attention_cpu_supports(shape) ||
           refuse("head width is not 8, 16, 32 or 64, or blocks are longer than 256");
  }
#ifdef ERWINSCOPE_CUDA
  if (!q.is_cuda()) return refuse("the device is no CUDA device");
  if (type != at::kFloat && type != at::kBFloat16) return refuse("it takes float32 and bf16 only");
  return kernels::selected_attention_cuda_supports(shape) ||
         refuse("head width, block size, heads or the number of selected blocks are not supported");
#else
  return refuse("built without CUDA");
#endif
}

AttentionResult selected_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask,
                                const at::Tensor& selected, std::int64_t block_size, const Job* job) {
  const variable_list result =
      SelectedKernelFunction::apply(dense(q), dense(k), dense(v), mask.contiguous(), evenly_spaced(selected),
                                    block_size, reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
