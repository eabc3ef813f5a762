#pragma once
// What the attention kernels share whatever their number type. A row is one query head of one slot; "keys" of a problem
// are the keys that its rows attend to, in an order of the kernel's own.
//
// Two kinds of object describe a problem; the tile loops are templates over them:
//   Rows: int rows; std::int64_t slot(int row) [of M]; std::int64_t entry(int row) [of M * H];
//         bool real_row(int row, const bool* mask)
//   Keys: int count; std::int64_t place(int key): where key and value lie, in rows of D values, or -1: no such key

#include <cmath>
#include <cstdint>

#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/types.cuh"

namespace erwin::kernels {

constexpr int key_tile = 64;  // keys in shared memory at a time

// The maximum of a row is only raised when a logit exceeds it by so many powers of two: weights stay below 2^8.
constexpr float slack = 8.0f;

// Logits in powers of two: exp(q.k / sqrt(D)) = 2^(q.k * scale).
inline float log2_scale(int width) {
  return log2_e / std::sqrt(static_cast<float>(width));
}

// What the backward pass needs of a row beside q and dO.
struct RowStatistics {
  float shift;  // lse in powers of two; +infinity where the row takes no part
  float delta;  // dO . O
};

__device__ inline RowStatistics row_statistics(float lse, float delta) {
  return {lse == -infinity() ? infinity() : lse * log2_e, delta};
}

}  // namespace erwin::kernels
