#pragma once
// phi of method 8.3: one key (or value) per block and KV head, from the block's keys (or values). Internal: this header
// names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/config/model_config.h"
#include "core/model/internal/nsa_geometry.h"
#include "core/model/internal/parameters.h"
#include "core/model/internal/primitives.h"

namespace erwin::model {

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

private:
  at::Tensor pool(const at::Tensor& rows, const at::Tensor& keys, const SlotGeometry& geometry) const;
  at::Tensor flattened(const at::Tensor& rows, const SlotGeometry& geometry) const;

  Compression kind_ = Compression::Mean;
  at::Tensor logit_, position_;
  Linear first_, second_;
};

}  // namespace erwin::model
