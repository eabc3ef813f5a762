#pragma once
// phi of method 8.3: one key (or value) per block and KV head, from the block's keys (or values). Internal: this header
// names Torch.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/internal/nsa_geometry.h"
#include "core/model/internal/parameters.h"
#include "core/model/internal/primitives.h"

namespace erwin::model {

// Of pool: w, w', W1, b1, W2, b2.
using PoolWeights = std::array<at::Tensor, 6>;

// The weights are shared by the KV heads but for `logit` and `position`. Names:
//   mlp:  0.weight [bD, bD], 0.bias, 2.weight [D, bD], 2.bias
//   pool: logit [G, D], position [G, d], 0.weight [4D, D], 0.bias, 2.weight [D, 4D], 2.bias
//   mean: none
class BlockCompression {
public:
  BlockCompression() = default;
  BlockCompression(Builder builder, Compression kind, std::int64_t kv_heads, std::int64_t head_dim,
                   std::int64_t block_size, std::int64_t dimension);
  // rows: keys for K_j, values for V_j, [M, G, D]; keys [M, G, D], from which pool takes its weights in both cases.
  // Result [B, G, D]; blocks without a real slot count as zeros. Computed in float32 where rows are bf16.
  at::Tensor operator()(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const;
  Compression kind() const { return kind_; }
  PoolWeights pool_weights() const;

private:
  at::Tensor pool(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const;
  at::Tensor flattened(const at::Tensor& rows, const SlotGeometry& geometry) const;

  Compression kind_ = Compression::Mean;
  at::Tensor logit_, position_;
  Linear first_, second_;
};

// [B, G, D] each.
struct BlockSummaries {
  at::Tensor k, v;
};

// K_j and V_j of a layer, of one kind of phi. Pooling runs in one kernel for both where our kernels take the tensors.
BlockSummaries summarise_blocks(const BlockCompression& for_keys, const BlockCompression& for_values,
                                const at::Tensor& k, const at::Tensor& v, const SlotGeometry& geometry, const Job* job);

}  // namespace erwin::model
