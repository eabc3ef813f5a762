#include "core/model/internal/pool_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/block_pool/block_pool.h"

namespace erwin::model {

namespace {

using kernels::Bf16;
using kernels::BlockPoolGradients;
using kernels::BlockPoolParams;
using kernels::BlockPoolShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Values of k in one call on the CPU: a stopped job ends soon.
constexpr std::int64_t values_between_looks = std::int64_t{1} << 24;

// All tensors of a call; of each pair the first belongs to the keys, the second to the values.
struct Inputs {
  at::Tensor k, v, relative, mask, real;  // relative and mask as [B, b, ...]
  PoolWeights weights[2];
  at::Tensor out[2], pooled[2], lse[2];
};

BlockPoolShape shape_of(const at::Tensor& k, const at::Tensor& relative) {
  return {relative.size(0), static_cast<int>(relative.size(1)), static_cast<int>(k.size(1)),
          static_cast<int>(k.size(2)), static_cast<int>(relative.size(2))};
}

template <typename T>
BlockPoolParams<T> params_of(const Inputs& in) {
  BlockPoolParams<T> params;
  params.shape = shape_of(in.k, in.relative);
  params.k = values<T>(in.k);
  params.v = values<T>(in.v);
  params.relative = values<float>(in.relative);
  params.mask = values<bool>(in.mask);
  params.real = values<bool>(in.real);
  for (int which = 0; which < 2; ++which) {
    const PoolWeights& w = in.weights[which];
    params.weights[which] = {values<T>(w[0]), values<T>(w[1]), values<T>(w[2]),
                             values<T>(w[3]), values<T>(w[4]), values<T>(w[5])};
    params.out[which] = mutable_values<T>(in.out[which]);
    params.pooled[which] = mutable_values<float>(in.pooled[which]);
    params.lse[which] = mutable_values<float>(in.lse[which]);
  }
  return params;
}

struct Gradients {
  at::Tensor k, v;
  PoolWeights weights[2];
  explicit Gradients(const Inputs& in) : k(at::empty_like(in.k)), v(at::empty_like(in.v)) {
    for (int which = 0; which < 2; ++which)
      std::transform(in.weights[which].begin(), in.weights[which].end(), weights[which].begin(),
                     [](const at::Tensor& weight) { return at::empty_like(weight); });
  }
};

template <typename T>
BlockPoolGradients<T> gradient_pointers(const Gradients& gradients, const at::Tensor (&grad_out)[2]) {
  BlockPoolGradients<T> pointers;
  pointers.grad_k = mutable_values<T>(gradients.k);
  pointers.grad_v = mutable_values<T>(gradients.v);
  for (int which = 0; which < 2; ++which) {
    const PoolWeights& w = gradients.weights[which];
    pointers.grad_out[which] = values<T>(grad_out[which]);
    pointers.weights[which] = {mutable_values<T>(w[0]), mutable_values<T>(w[1]), mutable_values<T>(w[2]),
                               mutable_values<T>(w[3]), mutable_values<T>(w[4]), mutable_values<T>(w[5])};
  }
  return pointers;
}

Inputs piece_of(const Inputs& in, std::int64_t block, std::int64_t count) {
  Inputs piece = in;
  const std::int64_t size = in.relative.size(1);
  for (at::Tensor* rows : {&piece.k, &piece.v}) *rows = rows->narrow(0, block * size, count * size);
  for (at::Tensor* blocks : {&piece.relative, &piece.mask, &piece.real, &piece.out[0], &piece.out[1], &piece.pooled[0],
                             &piece.pooled[1], &piece.lse[0], &piece.lse[1]})
    *blocks = blocks->narrow(0, block, count);
  return piece;
}

void forward_pass(const Inputs& in, const Job* job) {
  check(job);
  if (in.k.is_cpu()) {
    const std::int64_t blocks = in.relative.size(0);
    const std::int64_t step = std::max<std::int64_t>(1, values_between_looks / (in.k.numel() / blocks));
    for (std::int64_t block = 0; block < blocks; block += step) {
      check(job);
      kernels::block_pool_cpu(params_of<float>(piece_of(in, block, std::min(step, blocks - block))));
    }
    return;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.k.device());
  void* const stream = current_stream(in.k);
  check_launch(in.k.scalar_type() == at::kBFloat16 ? kernels::block_pool_cuda(params_of<Bf16>(in), stream)
                                                   : kernels::block_pool_cuda(params_of<float>(in), stream),
               "block pooling");
#endif
}

Gradients backward_pass(const Inputs& in, const at::Tensor (&grad_out)[2]) {
  Gradients gradients(in);
  if (in.k.is_cpu()) {
    kernels::block_pool_backward_cpu(params_of<float>(in), gradient_pointers<float>(gradients, grad_out));
    return gradients;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.k.device());
  void* const stream = current_stream(in.k);
  const auto bytes = static_cast<std::int64_t>(kernels::block_pool_backward_workspace(shape_of(in.k, in.relative)));
  const at::Tensor workspace = at::empty({bytes}, in.k.options().dtype(at::kByte));
  void* const memory = workspace.mutable_data_ptr();
  check_launch(in.k.scalar_type() == at::kBFloat16
                   ? kernels::block_pool_backward_cuda(params_of<Bf16>(in),
                                                       gradient_pointers<Bf16>(gradients, grad_out), memory, stream)
                   : kernels::block_pool_backward_cuda(params_of<float>(in),
                                                       gradient_pointers<float>(gradients, grad_out), memory, stream),
               "block pooling backward");
#endif
  return gradients;
}

struct PoolKernelFunction : torch::autograd::Function<PoolKernelFunction> {
  // k0 to k5 and v0 to v5: the weights of the keys' and of the values' half.
  static variable_list forward(AutogradContext* context, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& relative, const at::Tensor& mask, const at::Tensor& real,
                               const at::Tensor& k0, const at::Tensor& k1, const at::Tensor& k2, const at::Tensor& k3,
                               const at::Tensor& k4, const at::Tensor& k5, const at::Tensor& v0, const at::Tensor& v1,
                               const at::Tensor& v2, const at::Tensor& v3, const at::Tensor& v4, const at::Tensor& v5,
                               std::int64_t job) {
    Inputs in{k, v, relative, mask, real, {{k0, k1, k2, k3, k4, k5}, {v0, v1, v2, v3, v4, v5}}, {}, {}, {}};
    for (int which = 0; which < 2; ++which) {
      in.out[which] = at::empty({relative.size(0), k.size(1), k.size(2)}, k.options());
      in.pooled[which] = at::empty(in.out[which].sizes(), k.options().dtype(at::kFloat));
      in.lse[which] = at::empty({relative.size(0), k.size(1)}, in.pooled[which].options());
    }
    forward_pass(in, reinterpret_cast<const Job*>(job));
    context->save_for_backward({k,  v,  relative, mask, real, k0, k1,           k2,           k3,        k4,       k5,
                                v0, v1, v2,       v3,   v4,   v5, in.pooled[0], in.pooled[1], in.lse[0], in.lse[1]});
    return {in.out[0], in.out[1]};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto s = context->get_saved_variables();
    const Inputs in{
        s[0], s[1],           s[2],
        s[3], s[4],           {{s[5], s[6], s[7], s[8], s[9], s[10]}, {s[11], s[12], s[13], s[14], s[15], s[16]}},
        {},   {s[17], s[18]}, {s[19], s[20]}};
    const Gradients result = backward_pass(in, {dense(gradients[0]), dense(gradients[1])});
    variable_list all{result.k, result.v, {}, {}, {}};
    for (const PoolWeights& weights : result.weights) all.insert(all.end(), weights.begin(), weights.end());
    all.emplace_back();
    return all;
  }
};

}  // namespace

bool pool_kernel_applies(const at::Tensor& k, const at::Tensor& v, const SlotGeometry& geometry) {
  if (!kernels_enabled() || k.size(0) == 0) return false;
  const bool fits = is_kernel_type(k) && v.scalar_type() == k.scalar_type() &&
                    geometry.block_relative.scalar_type() == at::kFloat &&
                    kernels::block_pool_supports(shape_of(k, geometry.block_relative));
  if (!fits) log_aten_path("block pooling", "type, device, head width or block size is not supported");
  return fits;
}

BlockSummaries pool_kernel(const at::Tensor& k, const at::Tensor& v, const PoolWeights& for_keys,
                           const PoolWeights& for_values, const SlotGeometry& geometry, const Job* job) {
  const auto ready = [&](const at::Tensor& weight) { return dense(weight.to(k.scalar_type())); };
  PoolWeights a, b;
  std::transform(for_keys.begin(), for_keys.end(), a.begin(), ready);
  std::transform(for_values.begin(), for_values.end(), b.begin(), ready);
  const variable_list result = PoolKernelFunction::apply(
      dense(k), dense(v), geometry.block_relative.contiguous(), geometry.block_mask.contiguous(),
      geometry.block_real.contiguous(), a[0], a[1], a[2], a[3], a[4], a[5], b[0], b[1], b[2], b[3], b[4], b[5],
      reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
