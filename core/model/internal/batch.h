#pragma once
// Samples as tensors, in the order of the main ball tree. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/config/model_config.h"
#include "core/model/sample.h"
#include "core/tree/ball_tree.h"

namespace erwin::model {

// Another order of a level's rows: the rotated tree. R rotated slots over the M main slots of the level.
struct RotatedOrder {
  at::Tensor source;   // [R] int64: main slot whose row a rotated slot reads (padding: any row, masked)
  at::Tensor mask;     // [R] bool: real
  at::Tensor inverse;  // [M] int64: rotated slot that holds a main slot's row (rows without one: 0, masked by the
                       // level's mask)
  std::vector<std::int64_t> offsets;  // [samples + 1] first rotated slot of each sample
};

// One level of the trunk. Rows are the slots of the main tree, pooled l times; a flat trunk has level 0 only.
struct LevelGeometry {
  at::Tensor positions;   // [M, d] of the network's wide type (float32 for bf16); padding slots: any finite point
  at::Tensor mask;        // [M] bool: real (all true with duplicate padding)
  bool all_real = false;  // known on the host: no slot is padding, so masks may be left out
  at::Tensor real_slots;  // [R] int64, ascending: the slots that are real
  std::vector<std::int64_t> real_offsets;  // [samples + 1] into real_slots
  std::vector<std::int64_t> offsets;       // [samples + 1] first slot of each sample
  bool has_rotated = false;
  RotatedOrder rotated;
};

// Points of all samples, concatenated, beside the levels. Edge (source, receiver): the message goes to the receiver.
struct Batch {
  at::Tensor features;          // [P, c]
  at::Tensor positions;         // [P, d]
  at::Tensor edge_source;       // [E] int64
  at::Tensor edge_receiver;     // [E] int64, ascending
  at::Tensor receiver_offsets;  // [P + 1] int64: the edges that point p receives are receiver_offsets[p] .. [p + 1]
  at::Tensor source_order;      // [E] int64: edges by source, so that gradients are summed in a fixed order
  at::Tensor source_offsets;    // [P + 1] int64: into source_order
  at::Tensor slot_point;        // [M] int64: point each level-0 slot holds (padding: a valid point, masked)
  at::Tensor point_slot;        // [P] int64: slot that really holds a point
  std::vector<std::int64_t> point_offsets;  // [samples + 1]
  std::vector<LevelGeometry> levels;
  std::int64_t samples() const { return static_cast<std::int64_t>(point_offsets.size()) - 1; }
};

// Raises Error{Internal} where a sample's arrays do not have the sizes that the configuration asks for.
void check_rows(const ModelSample& sample, const ModelConfig& config);

// Samples one after the other, on the network's device and of its type. The trees must be those of `config` (see
// SampleTrees); a fixture's own trees are fed by putting them there.
// Raises Error{Internal} where a sample's trees do not fit the configuration.
Batch make_batch(const std::vector<const ModelSample*>& samples, const ModelConfig& config,
                 const at::TensorOptions& options, const Job* job = nullptr);

// The same without what follows from positions alone, for samples without trees (and without edges, where the graph is
// of neighbours): fill_geometry adds it where the batch is.
Batch make_batch_of_points(const std::vector<const ModelSample*>& samples, const ModelConfig& config,
                           const at::TensorOptions& options, const Job* job = nullptr);

// Sorts the edges (int64 tensors of source and receiver points) by receiver and fills the five edge tensors of `batch`;
// batch.features must be set.
void set_edges(Batch& batch, const at::Tensor& source, const at::Tensor& receiver, const Job* job = nullptr);

}  // namespace erwin::model
