#pragma once
// Every axis of a batch of clouds sorted on the device, each cloud for itself, in the tree's total order.

#include <cstddef>
#include <cstdint>

namespace erwin::kernels {

struct AxisSortParams {
  const double* positions = nullptr;          // [points, dimension]
  std::int64_t points = 0;                    // below 2^31
  int dimension = 3;                          // 1 to 3
  bool float32_values = false;                // every coordinate is a float32 widened
  const std::int32_t* point_begin = nullptr;  // [clouds + 1]
  std::int64_t clouds = 0;
  std::int32_t* orders[3] = {};  // [points] out: ids by (cloud, coordinate a, the other axes cyclically, id)
  std::int32_t* ranks[3] = {};   // [points] out: place of each id in that order
  void* workspace = nullptr;
};

int axis_sort_workspace(std::int64_t points, std::size_t* bytes);
int axis_sort_cuda(const AxisSortParams& params, void* stream);

}  // namespace erwin::kernels
