#pragma once
// Three-branch attention (method 8.3): one layer's weights and its forward pass. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/model/internal/attention_ops.h"
#include "core/model/internal/compression.h"
#include "core/model/internal/interventions.h"
#include "core/model/internal/nsa_geometry.h"
#include "core/model/internal/parameters.h"
#include "core/model/internal/selection.h"

namespace erwin::model {

// What a pass through a layer made on its way, for records and tests.
struct NsaTrace {
  at::Tensor q, k, v;                    // [M, H or G, D] of the compressed and selected branches
  at::Tensor local_q, local_k, local_v;  // of the local branch
  at::Tensor mean_query;                 // [B, G, D]
  BlockKeys blocks;
  Selection selection;
  AttentionResult compressed, selected, local;
  at::Tensor gate;    // [M, 3, H]: compressed, selected, local
  at::Tensor hidden;  // [B] bool, blocks that a what-if hides from every branch; undefined: none
};

// The compressed branch: a row per slot, or one per block from its mean query, shared by the block's slots. asked
// (AskedRows::in): 0 in all rows but those of these blocks.
AttentionResult compressed_branch(const at::Tensor& q, const SlotGeometry& geometry, const BlockKeys& blocks,
                                  CompressedQuery per, const Job* job, const at::Tensor& asked = {});

// Names: qkv [(H + 2G) D, C], pos.weight [C, d], pos.bias, memory_k and memory_v [G, D], sigma [H], gate.weight [3H,
// C], gate.bias, out [C, HD], compress_k.* and compress_v.* (BlockCompression).
class NsaAttention {
public:
  NsaAttention(Builder builder, const FlatConfig& config, std::int64_t dimension, bool freeze_sigma);

  // u: normalised rows [M, C]; result [M, C], 0 on padding. `prescribed` ids [B, G, columns] replace the selection
  // where defined. `trace` may be null. asked: AskedRows::in; only the branch over all blocks is left out elsewhere.
  at::Tensor forward(const at::Tensor& u, const SlotGeometry& geometry, const at::Tensor& prescribed, const Job* job,
                     NsaTrace* trace, const LayerInterventions& change = {nullptr, 0},
                     const at::Tensor& asked = {}) const;
  const at::Tensor& sigma() const { return sigma_; }

private:
  struct Projection {
    at::Tensor q, k, v;
  };
  Projection project(const at::Tensor& u) const;
  // What the positions add to q, k and v in the local branch.
  PositionUpdate position_update(const SlotGeometry& geometry) const;

  FlatConfig config_;
  at::Tensor qkv_, memory_k_, memory_v_, sigma_, out_;
  Linear pos_, gate_;
  BlockCompression compress_k_, compress_v_;
};

}  // namespace erwin::model
