// The MLP of block pooling backward: from the gradients of the outputs those of z, and the sums for W1, b1, W2 and b2,
// which every thread block keeps in registers over all its tiles.

#include "kernels/block_pool/pool.cuh"

namespace erwin::kernels::pool {

namespace {

template <int D>
struct BackwardTile {
  MlpPart<D> mlp;
  float z[tile_pairs * row_floats(D)];
  float grad_out[tile_pairs * row_floats(D)];
  float active[tile_pairs * row_floats(units<D>)];  // gelu(W1 z + b1)
  float slopes[tile_pairs * row_floats(units<D>)];  // gradients of W1 z + b1
};

// z and the gradient of the output, rows of zeros where there is no pair or no real slot.
template <int D, typename T>
__device__ inline void load_tile(const BlockPoolParams<T>& params, const float* pooled, const T* grad_out,
                                 std::int64_t first, BackwardTile<D>& tile) {
  const std::int64_t pairs = params.shape.blocks * params.shape.groups;
  for (int i = static_cast<int>(threadIdx.x) * 4; i < tile_pairs * D; i += threads * 4) {
    const std::int64_t pair = first + i / D;
    float z[4] = {}, grad[4] = {};
    if (pair < pairs && params.real[pair / params.shape.groups]) {
      load_floats<4>(pooled + pair * D + i % D, z);
      load_floats<4>(on_device(grad_out) + pair * D + i % D, grad);
    }
    const int to = i / D * row_floats(D) + i % D;
    store_floats<4>(tile.z + to, z);
    store_floats<4>(tile.grad_out + to, grad);
  }
}

template <int D>
__device__ inline void activate(float first_bias, BackwardTile<D>& tile) {
  constexpr int U = units<D>;
  using Hidden = Share<U>;
  float hidden[Hidden::pairs], slopes[Hidden::pairs] = {};
#pragma unroll
  for (int n = 0; n < Hidden::pairs; ++n) hidden[n] = first_bias;
  add_rows_product<D, U>(tile.mlp.first, tile.z, hidden);
  add_columns_product<D, U>(tile.mlp.second, tile.grad_out, slopes);
#pragma unroll
  for (int n = 0; n < Hidden::pairs; ++n) {
    const float x = hidden[n], below = normal_distribution(x);
    const float density = 0.3989422804014327f * exp2_fast(-0.5f * log2_e * x * x);
    const int at = Hidden::pair(n) * row_floats(U) + Hidden::column();
    tile.active[at] = x * below;
    tile.slopes[at] = slopes[n] * fmaf(x, density, below);
  }
}

// What this part of the hidden layer gives to the gradient of z; the first part brings z's own.
template <int D>
__device__ inline void put_grad_pooled(const BackwardTile<D>& tile, bool with_own, std::int64_t first,
                                       std::int64_t pairs, float* grad_pooled) {
  using Output = Share<D>;
  if (!Output::takes_part()) return;
  float sums[Output::pairs];
#pragma unroll
  for (int n = 0; n < Output::pairs; ++n)
    sums[n] = with_own ? tile.grad_out[Output::pair(n) * row_floats(D) + Output::column()] : 0.0f;
  add_columns_product<units<D>, D>(tile.mlp.first, tile.slopes, sums);
#pragma unroll
  for (int n = 0; n < Output::pairs; ++n)
    if (first + Output::pair(n) < pairs) grad_pooled[(first + Output::pair(n)) * D + Output::column()] = sums[n];
}

// The gradients of W1 and W2 (this part's) that one thread sums: hidden unit `unit`, columns of D from `column` on.
template <int D>
struct WeightSums {
  static constexpr int columns = units<D> * D / threads;
  float first[columns] = {}, second[columns] = {}, first_bias = 0, second_bias = 0;

  __device__ static int unit() { return static_cast<int>(threadIdx.x) % units<D>; }
  __device__ static int column() { return static_cast<int>(threadIdx.x) / units<D> * columns; }

  __device__ void add(const BackwardTile<D>& tile) {
    for (int row = 0; row < tile_pairs; ++row) {
      const float slope = tile.slopes[row * row_floats(units<D>) + unit()],
                  active = tile.active[row * row_floats(units<D>) + unit()];
      float z[columns], grad[columns];
      read(tile.z + row * row_floats(D) + column(), z);
      read(tile.grad_out + row * row_floats(D) + column(), grad);
#pragma unroll
      for (int c = 0; c < columns; ++c) {
        first[c] = fmaf(slope, z[c], first[c]);
        second[c] = fmaf(active, grad[c], second[c]);
      }
      first_bias += slope;
      if (threadIdx.x < D) second_bias += tile.grad_out[row * row_floats(D) + static_cast<int>(threadIdx.x)];
    }
  }

  // `to`: W1 [4D, D], b1, W2 [D, 4D], b2, one after the other.
  __device__ void put(int part, float* to) const {
    const int hidden = part * units<D> + unit();
#pragma unroll
    for (int c = 0; c < columns; ++c) {
      to[hidden * D + column() + c] = first[c];
      to[4 * D * D + 4 * D + (column() + c) * 4 * D + hidden] = second[c];
    }
    if (column() == 0) to[4 * D * D + hidden] = first_bias;
    if (part == 0 && threadIdx.x < D) to[8 * D * D + 4 * D + static_cast<int>(threadIdx.x)] = second_bias;
  }

private:
  __device__ static void read(const float* from, float (&to)[columns]) {
    if constexpr (columns % 4 == 0) {
      load_floats<columns>(from, to);
    } else {
#pragma unroll
      for (int c = 0; c < columns; ++c) to[c] = from[c];
    }
  }
};

// Thread blocks: (chunk of tiles, keys or values, part of the hidden layer).
template <typename T, int D>
__global__ void __launch_bounds__(threads)
    mlp_backward_kernel(BlockPoolParams<T> params, BlockPoolGradients<T> gradients, std::int64_t chunk_tiles,
                        float* grad_pooled, float* partial) {
  extern __shared__ float4 memory[];
  BackwardTile<D>& tile = *reinterpret_cast<BackwardTile<D>*>(memory);
  const bool values = blockIdx.y == 1;
  const int part = static_cast<int>(blockIdx.z);
  const BlockPoolWeights<T> weights = values ? params.weights[1] : params.weights[0];
  const float* const pooled = values ? params.pooled[1] : params.pooled[0];
  const T* const grad_out = values ? gradients.grad_out[1] : gradients.grad_out[0];
  const std::int64_t pairs = params.shape.blocks * params.shape.groups;
  const std::int64_t tiles = divide_up(pairs, tile_pairs), begin = std::int64_t{blockIdx.x} * chunk_tiles;
  const std::int64_t end = begin + chunk_tiles < tiles ? begin + chunk_tiles : tiles;
  grad_pooled += (std::int64_t{part} * 2 + blockIdx.y) * pairs * D;
  stage_mlp<D>(weights, part, tile.mlp);
  const float bias = to_float(on_device(weights.first_bias)[part * units<D> + Share<units<D>>::column()]);
  WeightSums<D> sums;
  for (std::int64_t t = begin; t < end; ++t) {
    load_tile<D>(params, pooled, grad_out, t * tile_pairs, tile);
    __syncthreads();
    if (Share<units<D>>::takes_part()) activate<D>(bias, tile);
    __syncthreads();
    put_grad_pooled<D>(tile, part == 0, t * tile_pairs, pairs, grad_pooled);
    sums.add(tile);
    __syncthreads();
  }
  sums.put(part, partial + (std::int64_t{blockIdx.x} * 2 + blockIdx.y) * BackwardMemory::mlp_values(D));
}

}  // namespace

template <typename T>
int launch_mlp_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients,
                        const BackwardPlan& plan, const BackwardMemory& memory, cudaStream_t stream) {
  return for_width(params.shape.width, [&](auto width) {
    constexpr int D = decltype(width)::value;
    const auto kernel = mlp_backward_kernel<T, D>;
    constexpr std::size_t bytes = sizeof(BackwardTile<D>);
    const cudaError_t allowed = allow_shared_memory(kernel, bytes);
    if (allowed != cudaSuccess) return static_cast<int>(allowed);
    const dim3 grid(static_cast<unsigned>(plan.mlp_chunks), 2, static_cast<unsigned>(plan.parts));
    kernel<<<grid, threads, bytes, stream>>>(params, gradients, plan.mlp_tiles, memory.grad_pooled, memory.mlp_partial);
    return static_cast<int>(cudaGetLastError());
  });
}

template int launch_mlp_backward(const BlockPoolParams<float>&, const BlockPoolGradients<float>&, const BackwardPlan&,
                                 const BackwardMemory&, cudaStream_t);
template int launch_mlp_backward(const BlockPoolParams<Bf16>&, const BlockPoolGradients<Bf16>&, const BackwardPlan&,
                                 const BackwardMemory&, cudaStream_t);

}  // namespace erwin::kernels::pool
