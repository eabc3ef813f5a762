#include "core/model/internal/selection.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/model/internal/attention_ops_dense.h"
#include "core/model/internal/selection_kernel.h"

namespace erwin::model {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The `count` largest of each row of [R, G, n], best first and ties to the lowest column; topk alone leaves ties open.
std::pair<at::Tensor, at::Tensor> best(const at::Tensor& scores, std::int64_t count) {
  const std::int64_t columns = scores.size(2);
  const at::Tensor worst = std::get<0>(scores.topk(count, 2)).narrow(2, count - 1, 1);
  // Everything above the count-th score is in; of those equal to it the first columns.
  const at::Tensor column = at::arange(columns, 0, -1, scores.options().dtype(at::kLong));
  const at::Tensor rank = at::where(scores > worst, column + columns, at::where(scores == worst, column, 0));
  const at::Tensor ids = std::get<0>(std::get<1>(rank.topk(count, 2)).sort(2));
  const auto [sorted, order] = scores.gather(2, ids).sort(/*stable=*/true, 2, /*descending=*/true);
  return {ids.gather(2, order), sorted};
}

// [rows, keys] bool: blocks that the query blocks may not select for their place.
at::Tensor excluded(std::int64_t first, std::int64_t rows, std::int64_t keys, std::int64_t blocks_per_ball,
                    Exclude exclude, const at::TensorOptions& options) {
  const std::int64_t unit = exclude == Exclude::Ball ? blocks_per_ball : 1;
  const auto index = options.dtype(at::kLong);
  const at::Tensor query = at::arange(first, first + rows, index).div(unit, "floor").unsqueeze(1);
  return query == at::arange(keys, index).div(unit, "floor").unsqueeze(0);
}

}  // namespace

at::Tensor mean_queries(const at::Tensor& q, std::int64_t kv_heads, const SlotGeometry& geometry) {
  if (mean_query_kernel_applies(q)) return mean_query_kernel(q, kv_heads, geometry);
  const at::Tensor wide = q.detach().to(softmax_type(q));
  const at::Tensor heads = wide.reshape({q.size(0), kv_heads, q.size(1) / kv_heads, q.size(2)});
  return block_means(heads.mean(2), geometry);
}

at::Tensor block_scores(const at::Tensor& mean_query, const at::Tensor& block_keys, std::int64_t first,
                        std::int64_t rows, std::int64_t key_first, std::int64_t keys) {
  const at::Tensor queries = mean_query.narrow(0, first, rows).transpose(0, 1);
  const at::Tensor columns =
      block_keys.detach().narrow(0, key_first, keys).to(mean_query.scalar_type()).permute({1, 2, 0});
  return at::matmul(queries, columns).mul_(1.0 / std::sqrt(static_cast<double>(mean_query.size(2)))).transpose(0, 1);
}

Selection select_blocks(const at::Tensor& mean_query, const at::Tensor& block_keys, const SlotGeometry& geometry,
                        std::int64_t count, Exclude exclude, const Job* job) {
  const std::int64_t groups = mean_query.size(1), blocks_per_ball = geometry.ball_size / geometry.block_size;
  const std::int64_t kept_out = exclude == Exclude::Ball ? blocks_per_ball : exclude == Exclude::Block ? 1 : 0;
  // No row has more candidates than its sample has blocks.
  std::int64_t most = 0;
  for (std::size_t s = 0; s + 1 < geometry.block_offsets.size(); ++s)
    most = std::max(most, std::min(count, geometry.block_offsets[s + 1] - geometry.block_offsets[s] - kept_out));
  if (selection_kernel_applies(mean_query, block_keys, count)) {
    Selection selection = selection_kernel(mean_query, block_keys, geometry, count, exclude, job);
    selection.columns = most;
    return selection;
  }
  const auto options = mean_query.options();
  Selection selection{at::full({geometry.blocks(), groups, count}, -1, options.dtype(at::kLong)),
                      at::full({geometry.blocks(), groups, count}, -kInfinity, options), most};
  for (std::size_t s = 0; s + 1 < geometry.block_offsets.size(); ++s) {
    const std::int64_t begin = geometry.block_offsets[s], blocks = geometry.block_offsets[s + 1] - begin;
    const std::int64_t columns = std::min(count, blocks - kept_out);
    if (columns <= 0) continue;
    const at::Tensor empty = geometry.block_real.narrow(0, begin, blocks).logical_not();
    const std::int64_t chunk = std::clamp<std::int64_t>(chunk_elements(mean_query) / (groups * blocks), 1, blocks);
    for (std::int64_t r = 0; r < blocks; r += chunk) {
      check(job);
      const std::int64_t rows = std::min(chunk, blocks - r);
      at::Tensor scores = block_scores(mean_query, block_keys, begin + r, rows, begin, blocks);
      scores = scores.masked_fill(empty.view({1, 1, blocks}), -kInfinity);
      scores.nan_to_num_(-kInfinity, kInfinity, -kInfinity);
      if (exclude != Exclude::None)
        scores.masked_fill_(excluded(r, rows, blocks, blocks_per_ball, exclude, options).unsqueeze(1), -kInfinity);
      // Blocks without a real query ask for nothing.
      scores.masked_fill_(empty.narrow(0, r, rows).view({rows, 1, 1}), -kInfinity);
      const auto [ids, values] = best(scores, columns);
      selection.ids.narrow(0, begin + r, rows)
          .narrow(2, 0, columns)
          .copy_((ids + begin).masked_fill(values == -kInfinity, -1));
      selection.scores.narrow(0, begin + r, rows).narrow(2, 0, columns).copy_(values);
    }
  }
  return selection;
}

}  // namespace erwin::model
