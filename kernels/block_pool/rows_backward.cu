// The softmax of block pooling backward: k and v are read once and their gradients written once. With lse and z known a
// slot needs nothing of the other slots, so every D / 4 lanes go through rows of their own.

#include "kernels/block_pool/pool.cuh"

namespace erwin::kernels::pool {

namespace {

// What the rows of a pair need of its keys' or its values' half, four columns of each lane.
template <int D>
struct Half {
  float grad_z[4] = {}, delta, shift;

  template <int Slots, typename T>
  __device__ void read(const BlockPoolParams<T>& params, int which, const float* grad_pooled, std::int64_t pair) {
    const std::int64_t pairs = params.shape.blocks * params.shape.groups;
    const std::int64_t at = pair * D + Lanes<D, Slots>::column();
    float z[4];
    for (int part = 0; part < hidden_parts(D); ++part) {
      float piece[4];
      load_floats<4>(grad_pooled + (part * 2 + which) * pairs * D + at, piece);
#pragma unroll
      for (int c = 0; c < 4; ++c) grad_z[c] += piece[c];
    }
    load_floats<4>(params.pooled[which] + at, z);
    delta = sum_over<Lanes<D, Slots>::lanes>(dot4(grad_z, z));
    shift = params.lse[which][pair] * log2_e;
  }
};

// Weights of a head, and the sums of their gradients over the rows that a lane has seen.
template <int D>
struct HeadWeights {
  float content[4], grad_content[4] = {}, grad_place[3] = {};
};

// One pair by one warp.
template <int D, int Slots, typename T>
__device__ inline void pair_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients,
                                     const float* grad_pooled, std::int64_t block, int group,
                                     HeadWeights<D> (&weights)[2]) {
  using Way = Lanes<D, Slots>;
  using Real = typename OnDevice<T>::type;
  const int dimension = params.shape.dimension;
  const bool real_block = params.real[block];
  Half<D> halves[2];
  if (real_block) {
    halves[0].template read<Slots>(params, 0, grad_pooled, block * params.shape.groups + group);
    halves[1].template read<Slots>(params, 1, grad_pooled, block * params.shape.groups + group);
  }
#pragma unroll
  for (int pass = 0; pass < Way::passes; ++pass) {
    const std::int64_t slot = block * Slots + Way::slot(pass);
    const std::int64_t at = (slot * params.shape.groups + group) * D + Way::column();
    float k[4] = {}, v[4] = {}, grad_k[4] = {}, grad_v[4] = {};
    const bool real = real_block && params.mask[slot];
    if (real) {
      load_floats<4>(on_device(params.k) + at, k);
      load_floats<4>(on_device(params.v) + at, v);
    }
    if (real_block) {
#pragma unroll
      for (int which = 0; which < 2; ++which) {
        const float(&rows)[4] = which == 0 ? k : v;
        float(&grad_rows)[4] = which == 0 ? grad_k : grad_v;
        const Half<D>& half = halves[which];
        HeadWeights<D>& head = weights[which];
        const float content = sum_over<Way::lanes>(dot4(k, head.content)),
                    grad_weight = sum_over<Way::lanes>(dot4(rows, half.grad_z));
        if (!real) continue;
        const float* const relative = params.relative + slot * dimension;
        const float logit =
            content + place_logit(relative, on_device(params.weights[which].place) + group * dimension, dimension);
        const float weight = exp2_fast(fmaf(logit, log2_e, -half.shift)), slope = weight * (grad_weight - half.delta);
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          grad_rows[c] = fmaf(weight, half.grad_z[c], grad_rows[c]);
          grad_k[c] = fmaf(slope, head.content[c], grad_k[c]);
          head.grad_content[c] = fmaf(slope, k[c], head.grad_content[c]);
        }
#pragma unroll
        for (int c = 0; c < 3; ++c)
          if (c < dimension) head.grad_place[c] = fmaf(slope, relative[c], head.grad_place[c]);
      }
    }
    store_floats<4>(reinterpret_cast<Real*>(gradients.grad_k) + at, grad_k);
    store_floats<4>(reinterpret_cast<Real*>(gradients.grad_v) + at, grad_v);
  }
}

// Thread blocks: (chunk of blocks, KV head).
template <typename T, int D, int Slots>
__global__ void __launch_bounds__(threads)
    rows_backward_kernel(BlockPoolParams<T> params, BlockPoolGradients<T> gradients, std::int64_t chunk_blocks,
                         BackwardMemory memory) {
  using Way = Lanes<D, Slots>;
  constexpr int values = D + 3;
  __shared__ float shared[warps][2][values];
  const int warp = static_cast<int>(threadIdx.x) / 32, group = static_cast<int>(blockIdx.y),
            groups = params.shape.groups;
  HeadWeights<D> weights[2];
  load_floats<4>(on_device(params.weights[0].logit) + group * D + Way::column(), weights[0].content);
  load_floats<4>(on_device(params.weights[1].logit) + group * D + Way::column(), weights[1].content);
  const std::int64_t begin = std::int64_t{blockIdx.x} * chunk_blocks;
  const std::int64_t end = begin + chunk_blocks < params.shape.blocks ? begin + chunk_blocks : params.shape.blocks;
  for (std::int64_t block = begin + warp; block < end; block += warps)
    pair_backward<D, Slots>(params, gradients, memory.grad_pooled, block, group, weights);
#pragma unroll
  for (int which = 0; which < 2; ++which) {
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const float sum = sum_across<Way::lanes>(weights[which].grad_content[c]);
      if (Way::lane() < Way::lanes) shared[warp][which][Way::column() + c] = sum;
    }
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const float sum = sum_across<Way::lanes>(weights[which].grad_place[c]);
      if (Way::lane() == 0) shared[warp][which][D + c] = sum;
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < 2 * values; i += threads) {
    const int which = i / values, value = i % values, dimension = params.shape.dimension;
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += shared[w][which][value];
    const std::int64_t head = (std::int64_t{blockIdx.x} * 2 + which) * groups + group;
    if (value < D)
      memory.logit_partial[head * D + value] = sum;
    else if (value - D < dimension)
      memory.place_partial[head * dimension + value - D] = sum;
  }
}

}  // namespace

template <typename T>
int launch_rows_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients,
                         const BackwardPlan& plan, const BackwardMemory& memory, cudaStream_t stream) {
  return for_shape(params.shape, [&](auto width, auto slots) {
    constexpr int D = decltype(width)::value, Slots = decltype(slots)::value;
    const dim3 grid(static_cast<unsigned>(plan.row_chunks), static_cast<unsigned>(params.shape.groups));
    rows_backward_kernel<T, D, Slots><<<grid, threads, 0, stream>>>(params, gradients, plan.row_blocks, memory);
    return static_cast<int>(cudaGetLastError());
  });
}

template int launch_rows_backward(const BlockPoolParams<float>&, const BlockPoolGradients<float>&, const BackwardPlan&,
                                  const BackwardMemory&, cudaStream_t);
template int launch_rows_backward(const BlockPoolParams<Bf16>&, const BlockPoolGradients<Bf16>&, const BackwardPlan&,
                                  const BackwardMemory&, cudaStream_t);

}  // namespace erwin::kernels::pool
