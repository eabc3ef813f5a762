#pragma once
// Rows of a forward pass that were kept between its blocks. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/internal/batch.h"

namespace erwin {

// Of one sample, through a flat trunk. Rows are in the order of the main tree's slots, [M, width].
struct KeptRows {
  model::Batch batch;
  std::vector<at::Tensor> before;  // what enters each block, and last what leaves the last one: depth + 1
};

}  // namespace erwin
