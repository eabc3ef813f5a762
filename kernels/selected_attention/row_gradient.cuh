#pragma once
// The first backward kernel of the selected branch, for each number type in a file of its own.

#include "kernels/selected_attention/problem.cuh"

namespace erwin::kernels {

// Writes grad_q and the statistics of all rows, [blocks * G, b * H/G].
int launch_row_gradients(const SelectedAttentionParams<float>& params,
                         const SelectedAttentionGradients<float>& gradients, RowStatistics* statistics,
                         cudaStream_t stream);
int launch_row_gradients(const SelectedAttentionParams<Bf16>& params, const SelectedAttentionGradients<Bf16>& gradients,
                         RowStatistics* statistics, cudaStream_t stream);

}  // namespace erwin::kernels
