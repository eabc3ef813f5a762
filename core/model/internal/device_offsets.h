#pragma once
// Offset tables for kernels. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace erwin::model {

// The table as an int64 tensor on the device. Uploaded the first time only: the tables of the last few batches are
// kept, and all layers of a network ask for the same ones.
at::Tensor device_offsets(const std::vector<std::int64_t>& offsets, const at::Device& device);

// While it lives, every table that device_offsets gives, on any thread, is put in `kept`: a recorded graph reads them
// whenever it is replayed, long after other batches have pushed them out. One at a time.
class OffsetsKeeper {
public:
  explicit OffsetsKeeper(std::vector<at::Tensor>& kept);
  ~OffsetsKeeper();
  OffsetsKeeper(const OffsetsKeeper&) = delete;
  OffsetsKeeper& operator=(const OffsetsKeeper&) = delete;
};

}  // namespace erwin::model
