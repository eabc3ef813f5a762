#pragma once
// What the attention of a flat layer needs to know of its slots, computed once per forward pass and partition and
// shared by all layers that run in it. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace erwin::model {

// Slots of one partition: the main tree's or the rotated tree's.
struct SlotGeometry {
  at::Tensor positions;               // [M, d], float32 or float64
  at::Tensor mask;                    // [M] bool: real
  std::vector<std::int64_t> offsets;  // [samples + 1] first slot of each sample
  std::int64_t ball_size = 0;
  at::Tensor relative;  // [M, d] p - mean of the ball's real p; 0 on padding

  // Blocks of block_size slots; not there where block_size is 0.
  std::int64_t block_size = 0;
  std::vector<std::int64_t> block_offsets;  // [samples + 1] first block of each sample
  at::Tensor block_mask;                    // [B, b] bool: real slots of a block
  at::Tensor block_real;                    // [B] bool: has a real slot
  at::Tensor block_weights;   // [B, 1, b] 1 / (number of real slots) on real slots, else 0: times rows gives means
  at::Tensor block_relative;  // [B, b, d] (p - c) / max |p - c| over the block's real slots, c their mean; 0 on padding
  std::int64_t blocks() const { return block_offsets.empty() ? 0 : block_offsets.back(); }
};

// Every sample's slots must be whole balls (ball_size), and balls whole blocks (block_size, or 0).
SlotGeometry make_slot_geometry(const at::Tensor& positions, const at::Tensor& mask,
                                const std::vector<std::int64_t>& offsets, std::int64_t ball_size,
                                std::int64_t block_size);

// p - mean of the sample's real p, [M, d]; 0 on padding.
at::Tensor relative_to_sample(const at::Tensor& positions, const at::Tensor& mask,
                              const std::vector<std::int64_t>& offsets);

// Means over the real slots of each block: [M, A, D] -> [B, A, D], in the rows' type; 0 where a block has none.
// Differentiable.
at::Tensor block_means(const at::Tensor& rows, const SlotGeometry& geometry);

}  // namespace erwin::model
