#include "core/model/internal/attention_ops_dense.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>

namespace erwin::model {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

thread_local std::int64_t chunk_limit = 0;

double scale_of(const at::Tensor& q) {
  return 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
}

// One fused pass that keeps the logits in cache; it exists for the CPU only.
DenseResult fused_on_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias) {
  std::optional<at::Tensor> mask;
  if (bias.whole().defined()) mask = bias.whole().expand({q.size(0), q.size(1), q.size(2), k.size(2)});
  auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, false, mask, scale_of(q));
  if (bias.keys.defined()) {  // it leaves lse = 0 in rows without a key
    const at::Tensor none = bias.keys.eq(-kInfinity).all(-1);
    if (none.any().item<bool>()) lse = lse.masked_fill(none, -kInfinity);
  }
  return {out, lse};
}

DenseResult in_steps(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias) {
  const auto type = softmax_type(q);
  at::Tensor logits = at::matmul(q.to(type), k.to(type).transpose(-1, -2)).mul_(scale_of(q));
  if (bias.whole().defined()) logits.add_(bias.whole());
  const at::Tensor maximum = logits.amax(-1, true);
  const at::Tensor shift = maximum.masked_fill(maximum == -kInfinity, 0.0);
  const at::Tensor weights = logits.sub_(shift).exp_();
  const at::Tensor sum = weights.sum(-1, true);
  at::Tensor out = at::matmul(weights, v.to(type)).div_(sum.masked_fill(sum == 0, 1.0));
  return {out.to(q.scalar_type()), (sum.log() + shift).squeeze(-1)};
}

}  // namespace

at::ScalarType softmax_type(const at::Tensor& tensor) {
  const auto type = tensor.scalar_type();
  return type == at::kBFloat16 || type == at::kHalf ? at::kFloat : type;
}

ChunkLimit::ChunkLimit(std::int64_t elements) : before_(chunk_limit) {
  chunk_limit = elements;
}
ChunkLimit::~ChunkLimit() {
  chunk_limit = before_;
}

std::int64_t chunk_elements(const at::Tensor& like) {
  if (chunk_limit > 0) return chunk_limit;
  return like.is_cpu() ? std::int64_t{1} << 20 : device_chunk;
}

at::Tensor key_bias_of(const at::Tensor& mask, at::ScalarType type) {
  return at::zeros(mask.sizes(), mask.options().dtype(type)).masked_fill_(mask.logical_not(), -kInfinity);
}

DenseResult dense_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias) {
  // float64 is for checking: it goes the plain way, which is also the other devices' way.
  return q.is_cpu() && q.scalar_type() != at::kDouble ? fused_on_cpu(q, k, v, bias) : in_steps(q, k, v, bias);
}

DenseGradient dense_attention_backward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Bias& bias,
                                       const at::Tensor& lse, const at::Tensor& grad_out) {
  const auto type = softmax_type(q);
  const double scale = scale_of(q);
  const at::Tensor wide_q = q.to(type), wide_k = k.to(type), wide_grad = grad_out.to(type);
  at::Tensor weights = at::matmul(wide_q, wide_k.transpose(-1, -2)).mul_(scale);
  if (bias.whole().defined()) weights.add_(bias.whole());
  weights.sub_(lse.masked_fill(lse == -kInfinity, kInfinity).unsqueeze(-1)).exp_();
  DenseGradient gradient;
  gradient.v = at::matmul(weights.transpose(-1, -2), wide_grad);
  // dS = P (dP - sum_j P dP); the sum equals do . o, but o may have been rounded to 16 bits, and the difference
  // cancels.
  gradient.logits = at::matmul(wide_grad, v.to(type).transpose(-1, -2)).mul_(weights);
  gradient.logits.addcmul_(weights, gradient.logits.sum(-1, true), -1);
  gradient.q = at::matmul(gradient.logits, wide_k).mul_(scale);
  gradient.k = at::matmul(gradient.logits.transpose(-1, -2), wide_q).mul_(scale);
  return gradient;
}

std::vector<SampleRun> equal_runs(const std::vector<std::int64_t>& row_offsets,
                                  const std::vector<std::int64_t>& block_offsets) {
  std::vector<SampleRun> runs;
  for (std::size_t s = 0; s + 1 < row_offsets.size(); ++s) {
    const std::int64_t rows = row_offsets[s + 1] - row_offsets[s], blocks = block_offsets[s + 1] - block_offsets[s];
    if (!runs.empty() && runs.back().rows == rows && runs.back().blocks == blocks) {
      ++runs.back().samples;
    } else {
      runs.push_back({1, row_offsets[s], rows, block_offsets[s], blocks});
    }
  }
  return runs;
}

bool needs_gradient(std::initializer_list<at::Tensor> tensors) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const at::Tensor& tensor : tensors)
    if (tensor.defined() && tensor.requires_grad()) return true;
  return false;
}

}  // namespace erwin::model
