#pragma once
// Ball trees and neighbour graphs of a batch of clouds as tensors, built where the positions are: by our kernels on a
// CUDA device, without waiting for it, else on the CPU. Both give the same bits. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/tree/ball_tree.h"

namespace erwin::model {

// Trees of clouds that follow each other; ids and slots count through the batch.
struct BatchTrees {
  at::Tensor slot_point;                   // [slots] int32; padding: a point of the same cloud (8.1)
  at::Tensor slot_mask;                    // [slots] bool: really holds the point
  at::Tensor point_slot;                   // [P] int32
  at::Tensor lexical_rank;                 // [P] int32, CUDA only: place in the order (cloud, coordinates, id)
  std::vector<std::int64_t> slot_offsets;  // [clouds + 1]
};

struct BatchEdges {
  at::Tensor source, receiver;  // [E] int64, as in KnnGraph, ascending receivers
};

// Keeps what depends on the clouds' sizes alone, on the device, from one batch to the next: batches of sizes seen
// before need nothing from the host but launches, so that they can be captured into a graph. One per thread and stream.
class BatchTreeBuilder {
public:
  BatchTreeBuilder();
  ~BatchTreeBuilder();
  BatchTreeBuilder(const BatchTreeBuilder&) = delete;
  BatchTreeBuilder& operator=(const BatchTreeBuilder&) = delete;

  // positions: [P, d] float64, finite (not looked at: that would mean waiting for the device). point_offsets:
  // [clouds + 1]. float32_values: every coordinate is a float32 widened, which sorts faster. Raises Error{Config} and
  // Error{Memory} as tree_shape does, Error{Device}.
  BatchTrees trees(const at::Tensor& positions, const std::vector<std::int64_t>& point_offsets,
                   const TreeOptions& options, bool float32_values);
  // The graph of build_knn_graph of every cloud, through its tree of these positions. More than 32 neighbours are
  // looked for on the CPU.
  BatchEdges neighbours(const at::Tensor& positions, const std::vector<std::int64_t>& point_offsets,
                        const BatchTrees& trees, int unit, int k, bool self_loop);

private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};

// rotate_positions for tensors: [P, d] float64, the same bits on every device.
at::Tensor rotated_positions(const at::Tensor& positions, double degrees);

}  // namespace erwin::model
