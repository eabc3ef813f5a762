#include "core/model/internal/primitives.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/model/internal/row_kernels.h"

namespace erwin::model {

namespace {

constexpr double batch_norm_momentum = 0.1;
constexpr double norm_epsilon = 1e-5;
constexpr std::int64_t rows_per_chunk = 1024;

at::Tensor as(const at::Tensor& x, at::ScalarType type) {
  return x.scalar_type() == type ? x : x.to(type);
}

at::TensorOptions wide(const at::TensorOptions& options) {
  return options.dtype(wide_type(c10::typeMetaToScalarType(options.dtype())));
}

}  // namespace

at::ScalarType wide_type(at::ScalarType type) {
  return type == at::kBFloat16 || type == at::kHalf ? at::kFloat : type;
}

bool takes_chunks(const at::Tensor& rows) {
  return rows.is_cpu() && !c10::GradMode::is_enabled() && rows.size(0) > 4 * rows_between_looks;
}

at::Tensor rows_of(const at::Tensor& all, std::int64_t first, std::int64_t count) {
  return count == all.size(0) ? all : all.narrow(0, first, count);
}

void put_rows(at::Tensor& all, const at::Tensor& part, std::int64_t first, std::int64_t total) {
  if (part.size(0) == total) {
    all = part;
    return;
  }
  if (!all.defined()) {
    std::vector<std::int64_t> shape = part.sizes().vec();
    shape[0] = total;
    all = at::empty(shape, part.options());
  }
  all.narrow(0, first, part.size(0)).copy_(part);
}

Linear::Linear(Builder builder, std::int64_t in, std::int64_t out, bool with_bias)
    : weight_(builder.linear_weight("weight", out, in)) {
  if (with_bias) bias_ = builder.zeros("bias", {out});
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  return at::linear(as(x, weight_.scalar_type()), weight_, bias_);
}

RmsNorm::RmsNorm(Builder builder, std::int64_t width) : weight_(builder.ones("weight", {width})) {}

at::Tensor RmsNorm::operator()(const at::Tensor& x) const {
  const at::ScalarType type = weight_.scalar_type();
  const double epsilon = type == at::kDouble ? std::numeric_limits<double>::epsilon()
                                             : static_cast<double>(std::numeric_limits<float>::epsilon());
  const at::Tensor rows = as(x, wide_type(type));
  if (const at::Tensor result = rms_norm_kernel(rows, weight_, epsilon); result.defined()) return result;
  return as(at::rms_norm(rows, weight_.sizes(), as(weight_, rows.scalar_type()), epsilon), type);
}

LayerNorm::LayerNorm(Builder builder, std::int64_t width)
    : weight_(builder.ones("weight", {width})), bias_(builder.zeros("bias", {width})) {}

at::Tensor LayerNorm::operator()(const at::Tensor& x) const {
  const at::ScalarType type = wide_type(weight_.scalar_type());
  return at::layer_norm(as(x, type), weight_.sizes(), as(weight_, type), as(bias_, type), norm_epsilon);
}

SwiGlu::SwiGlu(Builder builder, std::int64_t width, std::int64_t hidden)
    : w1_(builder.child("w1"), width, hidden),
      w2_(builder.child("w2"), width, hidden),
      w3_(builder.child("w3"), hidden, width) {}

at::Tensor SwiGlu::of_rows(const at::Tensor& x) const {
  const at::Tensor a = w1_(x), b = w2_(x), inner = swiglu_kernel(a, b);
  return w3_(inner.defined() ? inner : b * at::silu(a));
}

at::Tensor SwiGlu::operator()(const at::Tensor& x, const Job* job) const {
  if (!x.is_cpu() || c10::GradMode::is_enabled() || x.size(0) <= rows_per_chunk) return of_rows(x);
  at::Tensor result;
  for (std::int64_t first = 0; first < x.size(0); first += rows_per_chunk) {
    if (job) job->check();
    const std::int64_t rows = std::min(rows_per_chunk, x.size(0) - first);
    const at::Tensor part = of_rows(x.narrow(0, first, rows));
    if (!result.defined()) result = at::empty({x.size(0), part.size(1)}, part.options());
    result.narrow(0, first, rows).copy_(part);
  }
  return result;
}

BatchNorm1d::BatchNorm1d(Builder builder, std::int64_t channels)
    : weight_(builder.ones("weight", {channels})), bias_(builder.zeros("bias", {channels})) {
  Parameters& parameters = builder.parameters;
  const at::TensorOptions options = wide(builder.options);
  running_mean_ = parameters.add_buffer(builder.prefix + "running_mean", at::zeros({channels}, options));
  running_var_ = parameters.add_buffer(builder.prefix + "running_var", at::ones({channels}, options));
  batches_ =
      parameters.add_buffer(builder.prefix + "num_batches_tracked", at::zeros({}, builder.options.dtype(at::kLong)));
}

at::Tensor BatchNorm1d::operator()(const at::Tensor& x, const at::Tensor& mask, bool training) const {
  const at::Tensor rows = as(x, running_mean_.scalar_type());
  if (training) batches_.add_(1);
  if (training && mask.defined()) return masked_batch_statistics(rows, mask);
  const at::Tensor weight = as(weight_, rows.scalar_type()), bias = as(bias_, rows.scalar_type());
  if (training)
    return at::batch_norm(rows, weight, bias, running_mean_, running_var_, true, batch_norm_momentum, norm_epsilon,
                          false);
  return (rows - running_mean_) * (weight * at::rsqrt(running_var_ + norm_epsilon)) + bias;
}

at::Tensor BatchNorm1d::masked_batch_statistics(const at::Tensor& x, const at::Tensor& mask) const {
  const at::Tensor real = mask.to(x.scalar_type()).unsqueeze(1);
  const at::Tensor count = real.sum().clamp_min(1);
  const at::Tensor mean = (x * real).sum(0) / count;
  const at::Tensor centred = x - mean;
  const at::Tensor variance = (centred.square() * real).sum(0) / count;
  {
    c10::AutoGradMode without_gradient(false);
    const at::Tensor unbiased = variance * (count / (count - 1).clamp_min(1));
    running_mean_.mul_(1 - batch_norm_momentum).add_(mean * batch_norm_momentum);
    running_var_.mul_(1 - batch_norm_momentum).add_(unbiased * batch_norm_momentum);
  }
  const at::Tensor weight = as(weight_, x.scalar_type()), bias = as(bias_, x.scalar_type());
  return centred * (weight * at::rsqrt(variance + norm_epsilon)) + bias;
}

}  // namespace erwin::model
