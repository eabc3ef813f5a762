#pragma once
// Rows of a forward pass that were kept between its blocks. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/model/internal/batch.h"

namespace erwin {

// Of one sample, through a flat trunk. Rows are in the order of the main tree's slots, [M, width].
struct KeptRows {
  model::Batch batch;
  std::vector<at::Tensor> before;  // what enters each block, and last what leaves the last one: depth + 1
};

namespace model {

// Copies of one sample for passes that begin at a block of a flat trunk: without what only the embedding reads.
Batch copies_of(const Batch& one, std::int64_t copies);

// The query blocks, one for each sample of a batch, whose rows alone are asked of a block of the trunk: ids within the
// whole batch, ascending, in the order of the tree in which it runs, [samples] int64; undefined: all rows are. What
// other rows get is finite and says nothing.
struct AskedRows {
  int first_layer = 0;   // where the pass begins
  at::Tensor of_first;   // of that block, where a change concerns nothing else
  at::Tensor otherwise;  // [M, width], with of_first: what leaves that block in all other rows
  at::Tensor of_last;    // of the last block, where the answer is one point's
  const at::Tensor& in(int layer, int depth) const;
};

}  // namespace model

}  // namespace erwin
