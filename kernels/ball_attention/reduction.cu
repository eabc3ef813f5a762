// The ordered sums of the backward pass, and what the kernels support.

#include "kernels/ball_attention/ball_problem.cuh"
#include "kernels/common/add_parts.cuh"
#include "kernels/common/reduce.cuh"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

// One thread block per head.
__global__ void __launch_bounds__(threads) add_sigma_kernel(const float* partial, std::int64_t tiles, float* out) {
  __shared__ float shared[threads / 32];
  float sum = 0;
  for (std::int64_t tile = threadIdx.x; tile < tiles; tile += threads) sum += partial[blockIdx.x * tiles + tile];
  sum = sum_over<32>(sum);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  float total = 0;
  for (const float x : shared) total += x;
  out[blockIdx.x] = total;
}

}  // namespace

template <typename T>
int launch_ball_reduction(const BallShape& shape, const BallAttentionGradients<T>& gradients, const BallPlan& plan,
                          const BallMemory& memory, void* stream) {
  using Real = typename OnDevice<T>::type;
  const auto queue = static_cast<cudaStream_t>(stream);
  if (gradients.grad_sigma)
    add_sigma_kernel<<<static_cast<unsigned>(shape.heads), threads, 0, queue>>>(memory.sigma_partial, plan.row_tiles,
                                                                                gradients.grad_sigma);
  if (plan.splits > 1) {
    const std::int64_t size = shape.slots * shape.groups * shape.width;
    const float scale = 1.0f / std::sqrt(static_cast<float>(shape.width));
    add_parts_kernel<Real><<<grid_for(size, threads), threads, 0, queue>>>(memory.key_partial, plan.splits, 2 * size,
                                                                           size, scale, on_device(gradients.grad_k));
    add_parts_kernel<Real><<<grid_for(size, threads), threads, 0, queue>>>(
        memory.key_partial + size, plan.splits, 2 * size, size, 1.0f, on_device(gradients.grad_v));
  }
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
