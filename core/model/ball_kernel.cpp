#include "core/model/internal/ball_kernel.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/kernel_tensors.h"
#include "kernels/ball_attention/ball_attention.h"

namespace erwin::model {

namespace {

using kernels::BallAttentionGradients;
using kernels::BallAttentionParams;
using kernels::BallShape;
using kernels::Bf16;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits of one call on the CPU: a stopped job ends soon.
constexpr std::int64_t logits_between_looks = std::int64_t{1} << 25;
constexpr std::int64_t least_balls = 8;  // so that several threads have something to do

// All tensors of a call. Floats and rows in the types that the kernels read; rows of q, k and v may lie apart.
struct Inputs {
  at::Tensor q, k, v, positions, mask, sigma, relative, matrix, offset;
  at::Tensor out, lse;
  std::int64_t ball_size;
};

BallShape shape_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& positions, std::int64_t ball_size) {
  BallShape shape;
  shape.slots = q.size(0);
  shape.ball_size = static_cast<int>(ball_size);
  shape.heads = static_cast<int>(q.size(1));
  shape.groups = static_cast<int>(k.size(1));
  shape.width = static_cast<int>(q.size(2));
  shape.dimension = static_cast<int>(positions.size(1));
  return shape;
}

// [M, heads, D] as it is where every slot's row is dense and begins at a multiple of 16 bytes, else a dense copy.
at::Tensor dense_rows(const at::Tensor& rows) {
  const bool dense_row = rows.stride(2) == 1 && (rows.size(1) == 1 || rows.stride(1) == rows.size(2));
  const bool apart = rows.stride(0) >= rows.size(1) * rows.size(2) && rows.stride(0) * rows.element_size() % 16 == 0;
  return dense_row && apart && aligned_for_kernels(rows) ? rows : dense(rows);
}

at::Tensor dense_floats(const at::Tensor& tensor) {
  return tensor.defined() ? dense(tensor.to(at::kFloat)) : tensor;
}

template <typename T>
BallAttentionParams<T> params_of(const Inputs& in) {
  BallAttentionParams<T> params;
  params.shape = shape_of(in.q, in.k, in.positions, in.ball_size);
  params.q = values<T>(in.q);
  params.k = values<T>(in.k);
  params.v = values<T>(in.v);
  params.q_stride = in.q.stride(0);
  params.k_stride = in.k.stride(0);
  params.v_stride = in.v.stride(0);
  params.positions = values<float>(in.positions);
  params.mask = values<bool>(in.mask);
  params.sigma = values<float>(in.sigma);
  params.relative = values<float>(in.relative);
  params.matrix = values<float>(in.matrix);
  params.offset = values<float>(in.offset);
  params.out = mutable_values<T>(in.out);
  params.lse = mutable_values<float>(in.lse);
  return params;
}

struct Gradients {
  at::Tensor q, k, v, sigma;  // sigma in float32, undefined where it is not wanted
  Gradients(const Inputs& in, bool with_sigma)
      : q(at::empty(in.q.sizes(), in.q.options())),
        k(at::empty(in.k.sizes(), in.k.options())),
        v(at::empty(in.v.sizes(), in.v.options())) {
    if (with_sigma) sigma = at::empty(in.sigma.sizes(), in.sigma.options());
  }
  template <typename T>
  BallAttentionGradients<T> pointers(const at::Tensor& grad_out) const {
    return {values<T>(grad_out), mutable_values<T>(q), mutable_values<T>(k), mutable_values<T>(v),
            mutable_values<float>(sigma)};
  }
};

// The work in pieces of whole balls whose logits are few enough for one call on the CPU: body(first slot, slots).
template <typename Body>
void for_each_piece(const Inputs& in, const Job* job, const Body& body) {
  const std::int64_t size = in.ball_size, slots = in.q.size(0);
  const std::int64_t step =
      std::max<std::int64_t>(least_balls, logits_between_looks / (in.q.size(1) * size * size)) * size;
  for (std::int64_t first = 0; first < slots; first += step) {
    check(job);
    body(first, std::min(step, slots - first));
  }
}

Inputs piece_of(const Inputs& in, std::int64_t first, std::int64_t count) {
  const auto part = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, first, count) : all; };
  return {part(in.q),        part(in.k), part(in.v), part(in.positions), part(in.mask), in.sigma,
          part(in.relative), in.matrix,  in.offset,  part(in.out),       part(in.lse),  in.ball_size};
}

void forward_pass(const Inputs& in, const Job* job) {
  check(job);
  if (in.q.is_cpu()) {
    for_each_piece(in, job,
                   [&](auto... range) { kernels::ball_attention_cpu(params_of<float>(piece_of(in, range...))); });
    return;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  check_launch(in.q.scalar_type() == at::kBFloat16 ? kernels::ball_attention_cuda(params_of<Bf16>(in), stream)
                                                   : kernels::ball_attention_cuda(params_of<float>(in), stream),
               "ball attention");
#endif
}

Gradients backward_pass(const Inputs& in, const at::Tensor& grad_out, bool with_sigma, const Job* job) {
  check(job);
  Gradients gradients(in, with_sigma);
  if (in.q.is_cpu()) {
    if (with_sigma) gradients.sigma.zero_();
    for_each_piece(in, job, [&](std::int64_t first, std::int64_t count) {
      const auto rows = [&](const at::Tensor& all) { return all.narrow(0, first, count); };
      Gradients part = gradients;
      part.q = rows(gradients.q);
      part.k = rows(gradients.k);
      part.v = rows(gradients.v);
      if (with_sigma) part.sigma = at::empty_like(gradients.sigma);
      kernels::ball_attention_backward_cpu(params_of<float>(piece_of(in, first, count)),
                                           part.pointers<float>(rows(grad_out)));
      if (with_sigma) gradients.sigma.add_(part.sigma);
    });
    return gradients;
  }
#ifdef ERWINSCOPE_CUDA
  const c10::DeviceGuard guard(in.q.device());
  void* const stream = current_stream(in.q);
  const auto bytes = static_cast<std::int64_t>(
      kernels::ball_attention_backward_workspace(shape_of(in.q, in.k, in.positions, in.ball_size)));
  const at::Tensor workspace = at::empty({bytes}, in.q.options().dtype(at::kByte));
  void* const memory = workspace.mutable_data_ptr();
  check_launch(in.q.scalar_type() == at::kBFloat16
                   ? kernels::ball_attention_backward_cuda(params_of<Bf16>(in), gradients.pointers<Bf16>(grad_out),
                                                           memory, stream)
                   : kernels::ball_attention_backward_cuda(params_of<float>(in), gradients.pointers<float>(grad_out),
                                                           memory, stream),
               "ball attention backward");
#endif
  return gradients;
}

// Gradients of matrix [(H + 2G) D, d] and offset [(H + 2G) D]: the sums over the real slots of g_i r_i^T and g_i.
std::pair<at::Tensor, at::Tensor> update_gradients(const Inputs& in, const Gradients& gradients) {
  const std::int64_t slots = in.q.size(0), dimension = in.relative.size(1);
  // One product for both: r, 1, and zeros up to 16 bytes of bf16, without which the product would be a slow one.
  const at::Tensor factors = at::zeros({slots, 8}, in.relative.options());
  factors.narrow(1, 0, dimension).copy_(at::where(in.mask.unsqueeze(1), in.relative, 0.0));
  factors.select(1, dimension).fill_(1.0);
  const at::Tensor right = factors.to(gradients.q.scalar_type());
  const auto sums = [&](const at::Tensor& rows) { return at::mm(rows.view({slots, -1}).t(), right); };
  const at::Tensor all = at::cat({sums(gradients.q), sums(gradients.k), sums(gradients.v)}).to(at::kFloat);
  return {all.narrow(1, 0, dimension), all.select(1, dimension)};
}

struct BallKernelFunction : torch::autograd::Function<BallKernelFunction> {
  static variable_list forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& positions, const at::Tensor& mask,
                               const std::optional<at::Tensor>& sigma, const std::optional<at::Tensor>& relative,
                               const std::optional<at::Tensor>& matrix, const std::optional<at::Tensor>& offset,
                               std::int64_t ball_size, std::int64_t job) {
    Inputs in{q,
              k,
              v,
              positions,
              mask,
              sigma.value_or(at::Tensor()),
              relative.value_or(at::Tensor()),
              matrix.value_or(at::Tensor()),
              offset.value_or(at::Tensor()),
              at::empty(q.sizes(), q.options()),
              at::empty({q.size(0), q.size(1)}, q.options().dtype(at::kFloat)),
              ball_size};
    forward_pass(in, reinterpret_cast<const Job*>(job));
    context->save_for_backward(
        {in.q, in.k, in.v, in.positions, in.mask, in.sigma, in.relative, in.matrix, in.offset, in.out, in.lse});
    context->saved_data["ball_size"] = ball_size;
    context->saved_data["job"] = job;
    context->saved_data["with_sigma"] = in.sigma.defined() && in.sigma.requires_grad();
    context->mark_non_differentiable({in.lse});
    return {in.out, in.lse};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Inputs in{saved[0], saved[1], saved[2], saved[3], saved[4],  saved[5],
                    saved[6], saved[7], saved[8], saved[9], saved[10], context->saved_data["ball_size"].toInt()};
    const auto* const job = reinterpret_cast<const Job*>(context->saved_data["job"].toInt());
    const Gradients result = backward_pass(in, dense(gradients[0]), context->saved_data["with_sigma"].toBool(), job);
    std::pair<at::Tensor, at::Tensor> update;
    if (in.matrix.defined()) update = update_gradients(in, result);
    return {result.q, result.k, result.v, {}, {}, result.sigma, {}, update.first, update.second, {}, {}};
  }
};

}  // namespace

bool ball_kernel_applies(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                         std::int64_t ball_size) {
  if (!kernels_enabled() || q.size(0) == 0) return false;
  const auto refuse = [](const char* why) {
    log_aten_path("ball attention", why);
    return false;
  };
  const at::ScalarType type = q.scalar_type();
  if (k.scalar_type() != type || v.scalar_type() != type) return refuse("types differ");
  if (positions.scalar_type() != at::kFloat) return refuse("positions are not float32");
  const BallShape shape = shape_of(q, k, positions, ball_size);
  const char* const sizes = "head width, heads or ball size are not supported";
  if (q.is_cpu()) {
    if (type != at::kFloat) return refuse("on the CPU it takes float32 only");
    return kernels::ball_attention_cpu_supports(shape) || refuse(sizes);
  }
#ifdef ERWINSCOPE_CUDA
  if (!q.is_cuda()) return refuse("the device is no CUDA device");
  if (type != at::kFloat && type != at::kBFloat16) return refuse("it takes float32 and bf16 only");
  return kernels::ball_attention_cuda_supports(shape) || refuse(sizes);
#else
  return refuse("built without CUDA");
#endif
}

AttentionResult ball_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& positions,
                            const at::Tensor& mask, const at::Tensor& sigma, std::int64_t ball_size, const Job* job,
                            const PositionUpdate& update) {
  const variable_list result =
      BallKernelFunction::apply(dense_rows(q), dense_rows(k), dense_rows(v), dense_floats(positions), mask.contiguous(),
                                if_defined(dense_floats(sigma)), if_defined(dense_floats(update.relative)),
                                if_defined(dense_floats(update.matrix)), if_defined(dense_floats(update.offset)),
                                ball_size, reinterpret_cast<std::int64_t>(job));
  return {result[0], result[1]};
}

}  // namespace erwin::model
