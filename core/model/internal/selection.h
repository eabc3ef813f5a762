#pragma once
// Which blocks a block of queries attends to in full: method 8.3's scores and selection. Internal: this header names
// Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/internal/nsa_geometry.h"

namespace erwin::model {

struct Selection {
  at::Tensor ids;     // [B, G, S] int64, within the whole batch, best first; -1 where fewer exist
  at::Tensor scores;  // [B, G, S]; -infinity there
  // No row has more ids than this: a bound from the sizes alone, so that no work is done for columns of -1.
  std::int64_t columns = 0;
};

// Mean over the real queries of each block and the query heads of each KV head: [M, H, D] -> [B, G, D] in float32 or
// float64. The logit is linear in q, so these times the block keys are the mean logits: no pass over the queries.
at::Tensor mean_queries(const at::Tensor& q, std::int64_t kv_heads, const SlotGeometry& geometry);

// s[B, g, j] = qbar[B, g] . K_j / sqrt(D) of the query blocks [first, first + rows) against the blocks
// [key_first, key_first + keys): [rows, G, keys].
at::Tensor block_scores(const at::Tensor& mean_query, const at::Tensor& block_keys, std::int64_t first,
                        std::int64_t rows, std::int64_t key_first, std::int64_t keys);

// Per query block with a real query and KV head the `count` blocks of its sample with the highest score among those
// with a real slot that `exclude` allows; ties to the lowest id; none twice; a score of -infinity or NaN
// counts as no block. No gradient. Scores never fill a matrix of all pairs: our kernels keep the best only, ATen works
// in chunks of query blocks.
Selection select_blocks(const at::Tensor& mean_query, const at::Tensor& block_keys, const SlotGeometry& geometry,
                        std::int64_t count, Exclude exclude, const Job* job);

}  // namespace erwin::model
