#include "core/model/internal/row_kernels.h"

#ifdef ERWINSCOPE_CUDA
#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/swiglu/swiglu.h"
#endif

namespace erwin::model {

#ifdef ERWINSCOPE_CUDA

namespace {

using kernels::Bf16;
using kernels::RmsNormGradients;
using kernels::RmsNormParams;
using kernels::SwigluGradients;
using kernels::SwigluParams;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Calls body(T()) with the kernels' name of the tensor's type.
template <typename Body>
void for_type_of(const at::Tensor& tensor, const Body& body) {
  if (tensor.scalar_type() == at::kBFloat16)
    body(Bf16());
  else
    body(float());
}

template <typename T>
RmsNormParams<T> norm_params(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& out,
                             const at::Tensor& inverse, double epsilon) {
  return {values<float>(x), values<T>(weight),           mutable_values<T>(out),     mutable_values<float>(inverse),
          x.size(0),        static_cast<int>(x.size(1)), static_cast<float>(epsilon)};
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double epsilon) {
    const at::Tensor out = at::empty(x.sizes(), weight.options()), inverse = at::empty({x.size(0)}, x.options());
    const c10::DeviceGuard guard(x.device());
    for_type_of(weight, [&](auto type) {
      check_launch(
          kernels::rms_norm_cuda(norm_params<decltype(type)>(x, weight, out, inverse, epsilon), current_stream(x)),
          "RMSNorm");
    });
    context->save_for_backward({x, weight, inverse});
    context->saved_data["epsilon"] = epsilon;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const at::Tensor grad_out = dense(gradients[0]), grad_x = at::empty_like(x), grad_weight = at::empty_like(weight);
    const c10::DeviceGuard guard(x.device());
    const auto bytes =
        static_cast<std::int64_t>(kernels::rms_norm_backward_workspace(x.size(0), static_cast<int>(x.size(1))));
    const at::Tensor workspace = at::empty({bytes}, x.options().dtype(at::kByte));
    for_type_of(weight, [&](auto type) {
      using T = decltype(type);
      const RmsNormGradients<T> pointers{values<T>(grad_out), mutable_values<float>(grad_x),
                                         mutable_values<T>(grad_weight)};
      check_launch(kernels::rms_norm_backward_cuda(
                       norm_params<T>(x, weight, {}, inverse, context->saved_data["epsilon"].toDouble()), pointers,
                       workspace.mutable_data_ptr(), current_stream(x)),
                   "RMSNorm backward");
    });
    return {grad_x, grad_weight, {}};
  }
};

struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor out = at::empty_like(a);
    const c10::DeviceGuard guard(a.device());
    for_type_of(a, [&](auto type) {
      using T = decltype(type);
      const SwigluParams<T> params{values<T>(a), values<T>(b), mutable_values<T>(out), a.numel()};
      check_launch(kernels::swiglu_cuda(params, current_stream(a)), "SwiGLU");
    });
    context->save_for_backward({a, b});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &a = saved[0], &b = saved[1];
    const at::Tensor grad_out = dense(gradients[0]), grad_a = at::empty_like(a), grad_b = at::empty_like(b);
    const c10::DeviceGuard guard(a.device());
    for_type_of(a, [&](auto type) {
      using T = decltype(type);
      const SwigluParams<T> params{values<T>(a), values<T>(b), nullptr, a.numel()};
      const SwigluGradients<T> pointers{values<T>(grad_out), mutable_values<T>(grad_a), mutable_values<T>(grad_b)};
      check_launch(kernels::swiglu_backward_cuda(params, pointers, current_stream(a)), "SwiGLU backward");
    });
    return {grad_a, grad_b};
  }
};

// On a CUDA device and of a type that the kernels take; the log says where a type is not.
bool on_kernels(const at::Tensor& tensor, bool fits, const char* operation) {
  if (!kernels_enabled() || !tensor.is_cuda() || tensor.numel() == 0) return false;
  fits = fits && is_kernel_type(tensor);
  if (!fits) log_aten_path(operation, "type or width is not supported");
  return fits;
}

}  // namespace

at::Tensor rms_norm_kernel(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const bool fits = x.dim() == 2 && x.scalar_type() == at::kFloat && is_kernel_type(weight) &&
                    kernels::rms_norm_cuda_supports(x.size(1));
  return on_kernels(x, fits, "RMSNorm") ? RmsNormFunction::apply(dense(x), dense(weight), epsilon) : at::Tensor();
}

at::Tensor swiglu_kernel(const at::Tensor& a, const at::Tensor& b) {
  const bool fits = a.scalar_type() == b.scalar_type() && a.numel() % 4 == 0;
  return on_kernels(a, fits, "SwiGLU") ? SwigluFunction::apply(dense(a), dense(b)) : at::Tensor();
}

#else

at::Tensor rms_norm_kernel(const at::Tensor&, const at::Tensor&, double) {
  return {};
}
at::Tensor swiglu_kernel(const at::Tensor&, const at::Tensor&) {
  return {};
}

#endif

}  // namespace erwin::model
