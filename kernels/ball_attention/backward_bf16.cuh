#pragma once
// The two kernels of the backward pass in bf16.

#include "kernels/ball_attention/ball_tiles_bf16.cuh"

namespace erwin::kernels {

constexpr int key_warps = 4, key_threads = 32 * key_warps, key_slots = 16 * key_warps;

// factor * sum of the lane's row as bf16, zeros where it is not real.
template <typename Set>
__device__ void store_gradient(Bf* to, const MmaD (&sum)[Set::columns], int half, bool real, float factor) {
  std::uint32_t* const words = reinterpret_cast<std::uint32_t*>(to);
#pragma unroll
  for (int n = 0; n < Set::columns; ++n)
    words[4 * n + lane_pair()] = real ? pack_bf16(sum[n].d[2 * half] * factor, sum[n].d[2 * half + 1] * factor) : 0U;
}

int launch_row_gradients(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                         const BallPlan& plan, const BallMemory& memory, void* stream);
int launch_key_gradients(const BallAttentionParams<Bf16>& params, const BallAttentionGradients<Bf16>& gradients,
                         const BallPlan& plan, const BallMemory& memory, void* stream);

}  // namespace erwin::kernels
