#pragma once
// Writes what an attention layer did into the Tap of a forward pass. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "core/attention/tap.h"
#include "core/model/internal/batch.h"
#include "core/model/internal/network.h"
#include "core/model/internal/nsa.h"

namespace erwin::model {

// Which layer, and in which partition it ran.
struct LayerPlace {
  int layer = 0;         // order of evaluation: context.next_layer++ of every attention layer
  std::string name;      // "block.3", "encoder.0.blocks.1"
  int pool_level = 0;    // level of batch.levels
  bool rotated = false;  // rows are in the level's rotated order
};

// A layer with one branch: ball attention of a flat or pooled level, or attention over the whole sample.
struct BallLayerRecord {
  LayerKind kind = LayerKind::Ball;
  std::int64_t ball_size = 0;  // slots; Full: all of the sample
  at::Tensor positions;        // [slots, d] in the order of the rows
  at::Tensor sigma;            // H values of any shape; undefined: no distance term
  at::Tensor q, k, v;          // [slots, H, D]
  at::Tensor lse;              // [slots, H]
};

// Both do nothing without a recorder. The batch must hold one sample (Error{Internal}). Besides the layer they fill the
// tap's own members.
void record_ball_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place,
                       const BallLayerRecord& record);
void record_nsa_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place,
                      const SlotGeometry& geometry, const NsaTrace& trace, const at::Tensor& sigma);

}  // namespace erwin::model
