#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/attention_ops_dense.h"

namespace erwin::model {

namespace {

// [n, H, D] as one problem, [1, H, n, D].
at::Tensor as_problem(const at::Tensor& rows) {
  return rows.transpose(0, 1).unsqueeze(0);
}

at::Tensor lse_in_chunks(const at::Tensor& q, const at::Tensor& k, const Job* job) {
  const auto type = softmax_type(q);
  const at::Tensor keys = k.detach().to(type).permute({1, 2, 0});
  const std::int64_t n = q.size(0), chunk = std::max<std::int64_t>(1, chunk_elements(q) / (q.size(1) * n));
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
  const at::Tensor result = at::empty({n, q.size(1)}, q.options().dtype(type));
  for (std::int64_t r = 0; r < n; r += chunk) {
    check(job);
    const std::int64_t rows = std::min(chunk, n - r);
    const at::Tensor queries = q.detach().narrow(0, r, rows).to(type).transpose(0, 1);
    result.narrow(0, r, rows).copy_(at::matmul(queries, keys).mul_(scale).logsumexp(-1).t());
  }
  return result;
}

}  // namespace

AttentionResult full_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const at::Tensor& real_slots, const std::vector<std::int64_t>& real_offsets,
                               bool with_lse, const Job* job) {
  AttentionResult result;
  std::vector<at::Tensor> outs, lses;
  for (std::size_t s = 0; s + 1 < real_offsets.size(); ++s) {
    check(job);
    // Only the real slots enter: a mask would keep the fast kernels away.
    const at::Tensor slots = real_slots.narrow(0, real_offsets[s], real_offsets[s + 1] - real_offsets[s]);
    const at::Tensor sq = q.index_select(0, slots), sk = k.index_select(0, slots), sv = v.index_select(0, slots);
    outs.push_back(
        at::scaled_dot_product_attention(as_problem(sq), as_problem(sk), as_problem(sv)).squeeze(0).transpose(0, 1));
    if (with_lse) lses.push_back(lse_in_chunks(sq, sk, job));
  }
  result.out = at::zeros_like(q).index_copy(0, real_slots, at::cat(outs));
  if (with_lse) {
    result.lse = at::full({q.size(0), q.size(1)}, -std::numeric_limits<double>::infinity(), lses.front().options());
    result.lse.index_copy_(0, real_slots, at::cat(lses));
  }
  return result;
}

}  // namespace erwin::model
