// The ordered sums of the backward pass, and what the kernels support.

#include "kernels/ball_attention/ball_problem.cuh"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

template <typename T>
struct Reduction {
  const float *sigma_partial, *key_partial;
  std::int64_t tiles, size;  // parts of sigma's gradient; values of dK, and of dV
  int sigma_blocks, splits;  // a thread block per head, or none
  float scale;
  float* grad_sigma;
  T *grad_k, *grad_v;
};

__device__ void add_sigma(const float* partial, std::int64_t tiles, float* out) {
  __shared__ float shared[threads / 32];
  float sum = 0;
#pragma unroll 4
  for (std::int64_t tile = threadIdx.x; tile < tiles; tile += threads) sum += partial[tile];
  sum = sum_over<32>(sum);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (const float x : shared) total += x;
  *out = total;
}

// One launch for all sums: the first thread blocks add up sigma's, the others dK and dV.
template <typename T>
__global__ void __launch_bounds__(threads) reduction_kernel(Reduction<T> sums) {
  const int block = static_cast<int>(blockIdx.x);
  if (block < sums.sigma_blocks) {
    add_sigma(sums.sigma_partial + block * sums.tiles, sums.tiles, sums.grad_sigma + block);
    return;
  }
  const std::int64_t step = std::int64_t{gridDim.x - sums.sigma_blocks} * threads;
  for (std::int64_t i = std::int64_t{block - sums.sigma_blocks} * threads + threadIdx.x; i < 2 * sums.size; i += step) {
    float sum = 0;
#pragma unroll 8
    for (int part = 0; part < sums.splits; ++part) sum += sums.key_partial[part * 2 * sums.size + i];
    if (i < sums.size)
      sums.grad_k[i] = from_float<T>(sums.scale * sum);
    else
      sums.grad_v[i - sums.size] = from_float<T>(sum);
  }
}

}  // namespace

template <typename T>
int launch_ball_reduction(const BallShape& shape, const BallAttentionGradients<T>& gradients, const BallPlan& plan,
                          const BallMemory& memory, void* stream) {
  using Real = typename OnDevice<T>::type;
  const std::int64_t size = shape.slots * shape.groups * shape.width;
  const int sigma_blocks = gradients.grad_sigma ? shape.heads : 0;
  const Reduction<Real> sums{memory.sigma_partial,
                             memory.key_partial,
                             plan.row_tiles,
                             size,
                             sigma_blocks,
                             plan.splits,
                             1.0f / std::sqrt(static_cast<float>(shape.width)),
                             gradients.grad_sigma,
                             on_device(gradients.grad_k),
                             on_device(gradients.grad_v)};
  const unsigned blocks = static_cast<unsigned>(sigma_blocks) + (plan.splits > 1 ? grid_for(2 * size, threads) : 0U);
  if (blocks == 0) return cudaSuccess;
  reduction_kernel<Real><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(sums);
  return cudaGetLastError();
}

template int launch_ball_reduction(const BallShape&, const BallAttentionGradients<float>&, const BallPlan&,
                                   const BallMemory&, void*);
template int launch_ball_reduction(const BallShape&, const BallAttentionGradients<Bf16>&, const BallPlan&,
                                   const BallMemory&, void*);

std::size_t ball_attention_backward_workspace(const BallShape& shape) {
  const std::size_t a = BallMemory(shape, ball_plan_bf16(shape), nullptr).bytes,
                    b = BallMemory(shape, ball_plan_float(shape), nullptr).bytes;
  return a > b ? a : b;
}

bool ball_attention_cuda_supports(const BallShape& shape) {
  constexpr std::int64_t most = std::int64_t{1} << 30;
  return shape.groups > 0 && shape.heads % shape.groups == 0 && shape.heads_per_group() <= 16 && shape.slots > 0 &&
         shape.slots * shape.heads < most && ball_attention_cpu_supports(shape);
}

}  // namespace erwin::kernels
