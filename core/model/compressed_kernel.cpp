#include "core/model/internal/compressed_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/device_offsets.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/compressed_attention/compressed_attention.h"

namespace erwin::model {

namespace {

using kernels::Bf16;
using kernels::CompressedAttentionGradients;
using kernels::CompressedAttentionParams;
using kernels::CompressedShape;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Offsets = std::vector<std::int64_t>;

// Logits of one call on the CPU: a stopped job ends soon.
constexpr std::int64_t logits_between_looks = std::int64_t{1} << 25;

std::int64_t largest_step(const Offsets& offsets) {
  std::int64_t most = 0;
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) most = std::max(most, offsets[i + 1] - offsets[i]);
  return most;
}

CompressedShape shape_of(const at::Tensor& q, const at::Tensor& k, bool memory, const Offsets& rows,
                         const Offsets& blocks) {
  CompressedShape shape;
  shape.rows = q.size(0);
  shape.blocks = k.size(0);
  shape.samples = static_cast<std::int64_t>(rows.size()) - 1;
  shape.most_rows = largest_step(rows);
  shape.most_blocks = largest_step(blocks);
  shape.heads = static_cast<int>(q.size(1));
  shape.groups = static_cast<int>(k.size(1));
  shape.width = static_cast<int>(q.size(2));
  shape.memory = memory;
  return shape;
}

// All tensors of a call, and where its samples lie.
struct Inputs {
  at::Tensor q, k, v, memory_k, memory_v, mask, real;
  Offsets rows, blocks;
  at::Tensor device_rows, device_blocks;  // on a CUDA device
  at::Tensor out, lse;
};

template <typename T>
CompressedAttentionParams<T> params_of(const Inputs& in) {
  CompressedAttentionParams<T> params;
  params.shape = shape_of(in.q, in.k, in.memory_k.defined(), in.rows, in.blocks);
  params.q = values<T>(in.q);
  params.k = values<T>(in.k);
  params.v = values<T>(in.v);
  params.memory_k = values<T>(in.memory_k);
  params.memory_v = values<T>(in.memory_v);
  params.mask = values<bool>(in.mask);
  params.real = values<bool>(in.real);
  params.row_offsets = in.q.is_cuda() ? values<std::int64_t>(in.device_rows) : in.rows.data();
  params.block_offsets = in.q.is_cuda() ? values<std::int64_t>(in.device_blocks) : in.blocks.data();
  params.out = mutable_values<T>(in.out);
  params.lse = mutable_values<float>(in.lse);
  return params;
}

struct Gradients {
  at::Tensor q, k, v, memory_k, memory_v;
  explicit Gradients(const Inputs& in) : q(at::empty_like(in.q)), k(at::empty_like(in.k)), v(at::empty_like(in.v)) {
    if (!in.memory_k.defined()) return;
    memory_k = at::empty_like(in.memory_k);
    memory_v = at::empty_like(in.memory_v);
  }
  void add_keys(const Gradients& other) const {
    k.add_(other.k);
    v.add_(other.v);
    if (!memory_k.defined()) return;
    memory_k.add_(other.memory_k);
    memory_v.add_(other.memory_v);
  }
};

template <typename T>
CompressedAttentionGradients<T> gradient_pointers(const Gradients& gradients, const at::Tensor& grad_out) {
  return {values<T>(grad_out),
          mutable_values<T>(gradients.q),
          mutable_values<T>(gradients.k),
          mutable_values<T>(gradients.v),
          mutable_values<T>(gradients.memory_k),
          mutable_values<T>(gradients.memory_v)};
}

// The work in pieces of rows of one sample whose logits are few enough for one call on the CPU.
template <typename Body>
void for_each_piece(const Inputs& in, const Job* job, const Body& body) {
  const std::int64_t heads = in.q.size(1);
  for (std::size_t s = 0; s + 1 < in.rows.size(); ++s) {
    const std::int64_t end = in.rows[s + 1], keys = in.blocks[s + 1] - in.blocks[s] + 1;
    const std::int64_t step = std::max<std::int64_t>(1, logits_between_looks / (heads * keys));
    for (std::int64_t row = in.rows[s]; row < end; row += step) {
      check(job);
      body(row, std::min(end, row + step), in.blocks[s], in.blocks[s + 1]);
    }
  }
}

Inputs piece_of(const Inputs& in, std::int64_t row, std::int64_t row_end, std::int64_t block, std::int64_t block_end) {
  const auto rows = [&](const at::Tensor& tensor) { return tensor.narrow(0, row, row_end - row); };
  const auto keys = [&](const at::Tensor& tensor) { return tensor.narrow(0, block, block_end - block); };
  return {rows(in.q),
          keys(in.k),
          keys(in.v),
          in.memory_k,
          in.memory_v,
          rows(in.mask),
          keys(in.real),
          {0, row_end - row},
          {0, block_end - block},
          {},
          {},
          rows(in.out),
          rows(in.lse)};
}

void forward_pass(const Inputs& in, const Job* job) {
  check(job);
  if (in.q.is_cpu()) {
    for_each_piece(in, job,
                   [&](auto... range) { kernels::compressed_attention_cpu(params_of<float>(piece_of(in, range...))); });
    return;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  check_launch(in.q.scalar_type() == at::kBFloat16 ? kernels::compressed_attention_cuda(params_of<Bf16>(in), stream)
                                                   : kernels::compressed_attention_cuda(params_of<float>(in), stream),
               "compressed attention");
#endif
}

Gradients backward_pass(const Inputs& in, const at::Tensor& grad_out, const Job* job) {
  check(job);
  Gradients gradients(in);
  if (in.q.is_cpu()) {
    for (const at::Tensor* sum : {&gradients.k, &gradients.v, &gradients.memory_k, &gradients.memory_v})
      if (sum->defined()) sum->zero_();
    for_each_piece(in, job, [&](std::int64_t row, std::int64_t row_end, std::int64_t block, std::int64_t block_end) {
      const Inputs piece = piece_of(in, row, row_end, block, block_end);
      Gradients part(piece);
      part.q = gradients.q.narrow(0, row, row_end - row);
      kernels::compressed_attention_backward_cpu(
          params_of<float>(piece), gradient_pointers<float>(part, grad_out.narrow(0, row, row_end - row)));
      Gradients sum = gradients;
      sum.k = gradients.k.narrow(0, block, block_end - block);
      sum.v = gradients.v.narrow(0, block, block_end - block);
      sum.add_keys(part);
    });
    return gradients;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  const auto bytes = static_cast<std::int64_t>(kernels::compressed_attention_backward_workspace(
      shape_of(in.q, in.k, in.memory_k.defined(), in.rows, in.blocks)));
  const at::Tensor workspace = at::empty({bytes}, in.q.options().dtype(at::kByte));
  void* const memory = workspace.mutable_data_ptr();
  check_launch(in.q.scalar_type() == at::kBFloat16
                   ? kernels::compressed_attention_backward_cuda(
                         params_of<Bf16>(in), gradient_pointers<Bf16>(gradients, grad_out), memory, stream)
                   : kernels::compressed_attention_backward_cuda(
                         params_of<float>(in), gradient_pointers<float>(gradients, grad_out), memory, stream),
               "compressed attention backward");
#endif
  return gradients;
}

struct CompressedKernelFunction : torch::autograd::Function<CompressedKernelFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& mask,
                               const at::Tensor& k, const at::Tensor& v, const at::Tensor& real,
                               const std::optional<at::Tensor>& memory_k, const std::optional<at::Tensor>& memory_v,
                               const Offsets& rows, const Offsets& blocks, std::int64_t job) {
    Inputs in{q,  k,  v, memory_k.value_or(at::Tensor()), memory_v.value_or(at::Tensor()), mask, real, rows, blocks, {},
              {}, {}, {}};
    if (q.is_cuda()) {
      in.device_rows = device_offsets(rows, q.device());
      in.device_blocks = device_offsets(blocks, q.device());
    }
    in.out = at::empty_like(q);
    in.lse = at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat));
    forward_pass(in, reinterpret_cast<const Job*>(job));
    context->save_for_backward({in.q, in.k, in.v, in.memory_k, in.memory_v, in.mask, in.real, in.device_rows,
                                in.device_blocks, in.out, in.lse});
    context->saved_data["rows"] = rows;
    context->saved_data["blocks"] = blocks;
    context->saved_data["job"] = job;
    context->mark_non_differentiable({in.lse});
    return {in.out, in.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Inputs in{saved[0],
                    saved[1],
                    saved[2],
                    saved[3],
                    saved[4],
                    saved[5],
                    saved[6],
                    context->saved_data["rows"].toIntVector(),
                    context->saved_data["blocks"].toIntVector(),
                    saved[7],
                    saved[8],
                    saved[9],
                    saved[10]};
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const Gradients result = backward_pass(in, dense(gradients[0]), job);
    return {result.q, {}, result.k, result.v, {}, result.memory_k, result.memory_v, {}, {}, {}};
  }
};

}  // namespace

bool compressed_kernel_applies(const at::Tensor& q, const BlockKeys& blocks, const Offsets& row_offsets) {
  if (!kernels_enabled() || q.size(0) == 0) return false;
  const auto refuse = [](const char* why) {
    log_aten_path("compressed attention", why);
    return false;
  };
  const at::ScalarType type = q.scalar_type();
  if (blocks.k.scalar_type() != type || blocks.v.scalar_type() != type) return refuse("types differ");
  const CompressedShape shape = shape_of(q, blocks.k, blocks.memory_k.defined(), row_offsets, blocks.offsets);
  if (q.is_cpu()) {
    if (type != at::kFloat) return refuse("on the CPU it takes float32 only");
    return kernels::compressed_attention_cpu_supports(shape) || refuse("head width is not 8, 16, 32 or 64");
  }
#ifdef ERWINSCOPE_CUDA
  if (!q.is_cuda()) return refuse("the device is no CUDA device");
  if (type != at::kFloat && type != at::kBFloat16) return refuse("it takes float32 and bf16 only");
  return kernels::compressed_attention_cuda_supports(shape) || refuse("head width, heads or sizes are not supported");
#else
  return refuse("built without CUDA");
#endif
}

AttentionResult compressed_kernel(const at::Tensor& q, const at::Tensor& mask, const Offsets& row_offsets,
                                  const BlockKeys& blocks, const Job* job) {
  const auto memory = [&](const at::Tensor& slot) {
    return slot.defined() ? std::optional(dense(slot.to(q.scalar_type()))) : std::nullopt;
  };
  const variable_list result = CompressedKernelFunction::apply(
      dense(q), mask.contiguous(), dense(blocks.k), dense(blocks.v), blocks.real.contiguous(), memory(blocks.memory_k),
      memory(blocks.memory_v), row_offsets, blocks.offsets, reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
