// What the backward pass of the compressed branch needs of every row before the keys come: dO . O, and all that
// concerns the memory slot, which every row of every sample attends to. And the ordered sums of partial results.

#include "kernels/common/ordered_sums.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256, warps = threads / 32;

template <typename T>
struct RowPass {
  const T *q, *out, *grad_out, *memory_k, *memory_v;
  const float* lse;
  const bool* mask;
  BackwardMemory memory;
  std::int64_t rows;  // M * H/G, of one KV head
  std::int64_t chunk_rows;
  int per_query, heads, groups;
  float scale;
};

// D / 4 lanes share a row, so a warp takes 128 / D rows at a time; a thread block takes chunk_rows rows of a KV head.
template <typename T, int D>
__global__ void __launch_bounds__(threads) row_pass_kernel(RowPass<T> pass) {
  constexpr int lanes = D / 4, rows_per_warp = 32 / lanes, at_once = warps * rows_per_warp;
  constexpr int together = 4;  // rows of a thread whose loads are under way at once, those of padding slots too
  __shared__ float shared[warps][2][D];
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int column = lane % lanes * 4, group = static_cast<int>(blockIdx.y);
  const bool has_memory = pass.memory_k != nullptr;
  float memory_k[4] = {}, memory_v[4] = {}, sum_k[4] = {}, sum_v[4] = {};
  if (has_memory) {
    load_floats<4>(pass.memory_k + group * D + column, memory_k);
    load_floats<4>(pass.memory_v + group * D + column, memory_v);
  }
  const std::int64_t first = std::int64_t{blockIdx.x} * pass.chunk_rows, first_slot = first / pass.per_query;
  const int first_head = static_cast<int>(first - first_slot * pass.per_query);
  const int rows = static_cast<int>(first + pass.chunk_rows < pass.rows ? pass.chunk_rows : pass.rows - first);
  for (int base = warp * rows_per_warp; base < rows; base += together * at_once) {
    float q[together][4], out[together][4], grad[together][4], lse[together];
    bool real[together];
#pragma unroll
    for (int n = 0; n < together; ++n) {
      const int row = base + n * at_once + lane / lanes, from = first_head + min(row, rows - 1);
      const std::int64_t slot = first_slot + from / pass.per_query;
      const std::int64_t entry = slot * pass.heads + group * pass.per_query + from % pass.per_query;
      real[n] = pass.mask[slot];
      load_floats<4>(pass.q + entry * D + column, q[n]);
      load_floats<4>(pass.out + entry * D + column, out[n]);
      load_floats<4>(pass.grad_out + entry * D + column, grad[n]);
      lse[n] = pass.lse[entry];
    }
#pragma unroll
    for (int n = 0; n < together; ++n) {
      const int row = base + n * at_once + lane / lanes;
      const bool inside = row < rows, takes_part = inside && real[n];
      float delta = 0, logit = 0, slope = 0;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if (!takes_part) q[n][i] = out[n][i] = grad[n][i] = 0;  // whatever padding slots hold
        delta = fmaf(grad[n][i], out[n][i], delta);
        logit = fmaf(q[n][i], memory_k[i], logit);
        slope = fmaf(grad[n][i], memory_v[i], slope);
      }
      delta = sum_over<lanes>(delta);
      logit = sum_over<lanes>(logit);
      slope = sum_over<lanes>(slope);
      const RowStatistics statistics = row_statistics(takes_part ? lse[n] : -infinity(), delta);
      const std::int64_t place = group * pass.rows + first + row;
      if (inside && column == 0) pass.memory.statistics[place] = statistics;
      if (!has_memory) continue;
      const float weight = exp2_fast(fmaf(logit, pass.scale, -statistics.shift));
      slope = weight * (slope - delta);
      if (inside && column == 0) pass.memory.memory_slope[place] = slope;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        sum_k[i] = fmaf(slope, q[n][i], sum_k[i]);
        sum_v[i] = fmaf(weight, grad[n][i], sum_v[i]);
      }
    }
  }
  if (!has_memory) return;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    sum_k[i] = sum_across<lanes>(sum_k[i]);
    sum_v[i] = sum_across<lanes>(sum_v[i]);
    if (lane < lanes) {
      shared[warp][0][column + i] = sum_k[i];
      shared[warp][1][column + i] = sum_v[i];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 2 * D; i += threads) {
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += shared[w][i / D][i % D];
    pass.memory.memory_partial[((std::int64_t{blockIdx.x} * 2 + i / D) * pass.groups + group) * D + i % D] = sum;
  }
}

}  // namespace

template <typename T>
int launch_row_pass(const CompressedAttentionParams<T>& params, const CompressedAttentionGradients<T>& gradients,
                    const BackwardPlan& plan, const BackwardMemory& memory, void* stream) {
  using Real = typename OnDevice<T>::type;
  const CompressedShape& shape = params.shape;
  const RowPass<Real> pass{on_device(params.q),
                           on_device(static_cast<const T*>(params.out)),
                           on_device(gradients.grad_out),
                           shape.memory ? on_device(params.memory_k) : nullptr,
                           shape.memory ? on_device(params.memory_v) : nullptr,
                           params.lse,
                           params.mask,
                           memory,
                           shape.rows * shape.rows_per_query(),
                           plan.chunk_rows,
                           shape.rows_per_query(),
                           shape.heads,
                           shape.groups,
                           log2_scale(shape.width)};
  const dim3 grid(static_cast<unsigned>(plan.chunks), static_cast<unsigned>(shape.groups));
  return for_width(shape.width, [&](auto width) {
    row_pass_kernel<Real, width()><<<grid, threads, 0, static_cast<cudaStream_t>(stream)>>>(pass);
    return static_cast<int>(cudaGetLastError());
  });
}

template <typename T>
int launch_reduction(const CompressedAttentionParams<T>& params, const CompressedAttentionGradients<T>& gradients,
                     const BackwardPlan& plan, const BackwardMemory& memory, void* stream) {
  using Real = typename OnDevice<T>::type;
  const CompressedShape& shape = params.shape;
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.width));
  const std::int64_t size = shape.blocks * shape.groups * shape.width, memory_size = shape.groups * shape.width;
  OrderedSums<Real, 4> sums;
  sums.all[0] = {memory.key_partial, plan.splits, 2 * size, size, on_device(gradients.grad_k), scale};
  sums.all[1] = {memory.key_partial + size, plan.splits, 2 * size, size, on_device(gradients.grad_v)};
  if (shape.memory) {
    const float* const partial = memory.memory_partial;
    sums.all[2] = {partial, plan.chunks, 2 * memory_size, memory_size, on_device(gradients.grad_memory_k), scale};
    sums.all[3] = {partial + memory_size, plan.chunks, 2 * memory_size, memory_size,
                   on_device(gradients.grad_memory_v)};
  }
  return launch_ordered_sums(sums, static_cast<cudaStream_t>(stream));
}

template int launch_row_pass(const CompressedAttentionParams<float>&, const CompressedAttentionGradients<float>&,
                             const BackwardPlan&, const BackwardMemory&, void*);
template int launch_row_pass(const CompressedAttentionParams<Bf16>&, const CompressedAttentionGradients<Bf16>&,
                             const BackwardPlan&, const BackwardMemory&, void*);
template int launch_reduction(const CompressedAttentionParams<float>&, const CompressedAttentionGradients<float>&,
                              const BackwardPlan&, const BackwardMemory&, void*);
template int launch_reduction(const CompressedAttentionParams<Bf16>&, const CompressedAttentionGradients<Bf16>&,
                              const BackwardPlan&, const BackwardMemory&, void*);

}  // namespace erwin::kernels
