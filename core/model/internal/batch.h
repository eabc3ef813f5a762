#pragma once
// Samples as tensors, in the order of the main ball tree. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/config/model_config.h"
#include "core/tree/ball_tree.h"

namespace erwin::model {

// Another order of a level's rows: the rotated tree. R rotated slots over the M main slots of the level.
struct RotatedOrder {
  at::Tensor source;    // [R] int64: main slot whose row a rotated slot reads (padding: any row, masked)
  at::Tensor mask;      // [R] bool: real
  at::Tensor inverse;   // [M] int64: rotated slot that holds a main slot's row (rows without one: 0, masked by the level's mask)
  std::vector<std::int64_t> offsets;  // [samples + 1] first rotated slot of each sample
};

// One level of the trunk. Rows are the slots of the main tree, pooled l times; a flat trunk has level 0 only.
struct LevelGeometry {
  at::Tensor positions;  // [M, d]
  at::Tensor mask;       // [M] bool: real (all true with duplicate padding)
  std::vector<std::int64_t> offsets;  // [samples + 1] first slot of each sample
  bool has_rotated = false;
  RotatedOrder rotated;
};

// Points of all samples, concatenated, beside the levels. Edge (source, receiver): the message goes to the receiver.
struct Batch {
  at::Tensor features;      // [P, c]
  at::Tensor positions;     // [P, d]
  at::Tensor edge_source;   // [E] int64
  at::Tensor edge_receiver; // [E] int64
  at::Tensor slot_point;    // [M] int64: point each level-0 slot holds (padding: a valid point, masked)
  at::Tensor point_slot;    // [P] int64: slot that really holds a point
  std::vector<std::int64_t> point_offsets;  // [samples + 1]
  std::vector<LevelGeometry> levels;
  std::int64_t samples() const { return static_cast<std::int64_t>(point_offsets.size()) - 1; }
};

}  // namespace erwin::model
