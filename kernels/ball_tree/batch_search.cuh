#pragma once
// Device code only: which cloud of a batch holds a point or slot.

#include <cstdint>

namespace erwin::kernels {

// The last i with begin[i] <= value; begin: [clouds + 1], ascending from 0, value < begin[clouds].
__device__ inline std::int32_t cloud_of(const std::int32_t* begin, std::int32_t clouds, std::int32_t value) {
  std::int32_t low = 0, high = clouds;
  while (high - low > 1) {
    const std::int32_t middle = (low + high) / 2;
    if (begin[middle] <= value)
      low = middle;
    else
      high = middle;
  }
  return low;
}

}  // namespace erwin::kernels
