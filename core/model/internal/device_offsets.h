#pragma once
// Offset tables for kernels. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace erwin::model {

// The table as an int64 tensor on the device. Uploaded the first time only: the tables of the last few batches are
// kept, and all layers of a network ask for the same ones.
at::Tensor device_offsets(const std::vector<std::int64_t>& offsets, const at::Device& device);

}  // namespace erwin::model
