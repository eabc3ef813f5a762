#pragma once
// A problem as the kernels take it. The arrays' holder says where they lie: in vectors or on a device.

#include "tests/kernels/block_pool/cases.h"

namespace erwin::test {

inline std::vector<float> narrow(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

// Pointers of one half's weights (or of their gradients): get(i) is the i-th of PoolWeights.
template <typename Pointers, typename Get>
Pointers pool_weight_pointers(const Get& get) {
  return {get(0), get(1), get(2), get(3), get(4), get(5)};
}

}  // namespace erwin::test
