#pragma once
// The device's rows of `erwinscope bench tree`.

#include <cstdint>
#include <string>
#include <vector>

namespace erwin::app {

// Each work is launched by itself and as a captured graph; the L2 cache is overwritten before every run.
struct DeviceTreeRow {
  std::string what;
  std::int64_t points = 0;  // of a cloud
  std::int64_t clouds = 1;
  double median_ms = 0, fastest_ms = 0, slowest_ms = 0;
  double graph_median_ms = 0;
  int runs = 0;
  std::int64_t bytes = 0;  // inputs, outputs and workspace
};

struct DeviceTreeTable {
  std::string device;  // its name; empty: there is none, or this build has no CUDA code
  std::string driver;  // versions of the driver's and the program's CUDA
  std::vector<DeviceTreeRow> rows;
};

// Trees, node data, rotated trees and neighbours of one uniform cloud of each size, and trees of 16 clouds of 5000.
// Raises Error{Device}.
DeviceTreeTable bench_trees_on_device(const std::vector<std::int64_t>& points, int unit);

}  // namespace erwin::app
