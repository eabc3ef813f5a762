// Block pooling forward: every warp pools pairs of a block and a KV head into z, then the thread block takes its tile
// of z through the MLP, the keys' and the values' in turn.

#include "kernels/block_pool/pool.cuh"

namespace erwin::kernels {

namespace pool {

namespace {

template <int D>
struct ForwardTile {
  MlpPart<D> mlp;
  float z[2][tile_pairs * row_floats(D)];
  float hidden[tile_pairs * row_floats(units<D>)];
};

// The rows of one pair in registers; zeros on padding.
template <int D, int Slots>
struct PairRows {
  using Way = Lanes<D, Slots>;
  float k[Way::passes][4], v[Way::passes][4];
  bool real[Way::passes];

  template <typename T>
  __device__ PairRows(const BlockPoolParams<T>& params, std::int64_t block, int group) {
#pragma unroll
    for (int pass = 0; pass < Way::passes; ++pass) {
      const std::int64_t slot = block * Slots + Way::slot(pass);
      const std::int64_t at = (slot * params.shape.groups + group) * D + Way::column();
      real[pass] = params.mask[slot];
#pragma unroll
      for (int c = 0; c < 4; ++c) k[pass][c] = v[pass][c] = 0;
      if (!real[pass]) continue;
      load_floats<4>(on_device(params.k) + at, k[pass]);
      load_floats<4>(on_device(params.v) + at, v[pass]);
    }
  }
};

// z of a pair by one warp, into shared and global memory, and lse.
template <int D, int Slots, typename T>
__device__ inline void pool_half(const BlockPoolParams<T>& params, const BlockPoolWeights<T>& weights,
                                 const PairRows<D, Slots>& rows, const float (&values)[Lanes<D, Slots>::passes][4],
                                 std::int64_t block, int group, float* shared_z, float* pooled, float* lse) {
  using Way = Lanes<D, Slots>;
  const int dimension = params.shape.dimension;
  float content[4], logits[Way::passes], most = -infinity();
  load_floats<4>(on_device(weights.logit) + group * D + Way::column(), content);
#pragma unroll
  for (int pass = 0; pass < Way::passes; ++pass) {
    const float logit = sum_over<Way::lanes>(dot4(rows.k[pass], content));
    logits[pass] = -infinity();
    if (rows.real[pass])
      logits[pass] = log2_e * (logit + place_logit(params.relative + (block * Slots + Way::slot(pass)) * dimension,
                                                   on_device(weights.place) + group * dimension, dimension));
    most = fmaxf(most, logits[pass]);
  }
  most = max_over<32>(most);
  float sum = 0, z[4] = {};
#pragma unroll
  for (int pass = 0; pass < Way::passes; ++pass) {
    const float weight = exp2_fast(logits[pass] - most);
    sum += weight;
#pragma unroll
    for (int c = 0; c < 4; ++c) z[c] = fmaf(weight, values[pass][c], z[c]);
  }
  sum = sum_across<Way::lanes>(sum);
#pragma unroll
  for (int c = 0; c < 4; ++c) z[c] = sum_across<Way::lanes>(z[c]) / sum;
  if (Way::lane() < Way::lanes) {
    store_floats<4>(shared_z + Way::column(), z);
    store_floats<4>(pooled + Way::column(), z);
  }
  if (Way::lane() == 0) *lse = most * ln_2 + logf(sum);
}

template <int D, int Slots, typename T>
__device__ inline void pool_pair(const BlockPoolParams<T>& params, std::int64_t pair, int row, ForwardTile<D>& tile) {
  const std::int64_t block = pair / params.shape.groups, pairs = params.shape.blocks * params.shape.groups;
  const int group = static_cast<int>(pair % params.shape.groups), lane = static_cast<int>(threadIdx.x) % 32;
  float *const keys = tile.z[0] + row * row_floats(D), *const values = tile.z[1] + row * row_floats(D);
  if (pair < pairs && params.real[block]) {
    const PairRows<D, Slots> rows(params, block, group);
    pool_half<D, Slots>(params, params.weights[0], rows, rows.k, block, group, keys, params.pooled[0] + pair * D,
                        params.lse[0] + pair);
    pool_half<D, Slots>(params, params.weights[1], rows, rows.v, block, group, values, params.pooled[1] + pair * D,
                        params.lse[1] + pair);
    return;
  }
  for (int d = lane; d < D; d += 32) {
    keys[d] = values[d] = 0;
    if (pair < pairs) params.pooled[0][pair * D + d] = params.pooled[1][pair * D + d] = 0;
  }
  if (lane == 0 && pair < pairs) params.lse[0][pair] = params.lse[1][pair] = -infinity();
}

// z + MLP(z) of a tile. Begins and ends with everybody at the same place.
template <int D, typename T>
__device__ inline void mlp_of_tile(const BlockPoolParams<T>& params, const BlockPoolWeights<T>& weights, T* out,
                                   const float* z, std::int64_t first, ForwardTile<D>& tile) {
  constexpr int U = units<D>;
  using Hidden = Share<U>;
  using Output = Share<D>;
  float sums[Output::pairs] = {};
  for (int part = 0; part < hidden_parts(D); ++part) {
    stage_mlp<D>(weights, part, tile.mlp);
    __syncthreads();
    if (Hidden::takes_part()) {
      float hidden[Hidden::pairs];
      const float bias = to_float(on_device(weights.first_bias)[part * U + Hidden::column()]);
#pragma unroll
      for (int n = 0; n < Hidden::pairs; ++n) hidden[n] = bias;
      add_rows_product<D, U>(tile.mlp.first, z, hidden);
#pragma unroll
      for (int n = 0; n < Hidden::pairs; ++n)
        tile.hidden[Hidden::pair(n) * row_floats(U) + Hidden::column()] = hidden[n] * normal_distribution(hidden[n]);
    }
    __syncthreads();
    if (Output::takes_part()) add_rows_product<U, D>(tile.mlp.second, tile.hidden, sums);
    __syncthreads();
  }
  if (!Output::takes_part()) return;
  const float bias = to_float(on_device(weights.second_bias)[Output::column()]);
#pragma unroll
  for (int n = 0; n < Output::pairs; ++n) {
    const int row = Output::pair(n);
    const std::int64_t pair = first + row;
    if (pair >= params.shape.blocks * params.shape.groups) continue;
    const float value = z[row * row_floats(D) + Output::column()] + sums[n] + bias;
    using Real = typename OnDevice<T>::type;
    on_device(out)[pair * D + Output::column()] =
        from_float<Real>(params.real[pair / params.shape.groups] ? value : 0.0f);
  }
}

template <typename T, int D, int Slots>
__global__ void __launch_bounds__(threads) forward_kernel(BlockPoolParams<T> params) {
  extern __shared__ float4 memory[];
  ForwardTile<D>& tile = *reinterpret_cast<ForwardTile<D>*>(memory);
  const std::int64_t first = std::int64_t{blockIdx.x} * tile_pairs;
  for (int row = static_cast<int>(threadIdx.x) / 32; row < tile_pairs; row += warps)
    pool_pair<D, Slots>(params, first + row, row, tile);
  mlp_of_tile<D>(params, params.weights[0], params.out[0], tile.z[0], first, tile);
  mlp_of_tile<D>(params, params.weights[1], params.out[1], tile.z[1], first, tile);
}

template <typename T>
int launch(const BlockPoolParams<T>& params, void* stream) {
  const std::int64_t pairs = params.shape.blocks * params.shape.groups;
  if (!block_pool_supports(params.shape)) return cudaErrorInvalidValue;
  if (pairs == 0) return cudaSuccess;
  return for_shape(params.shape, [&](auto width, auto slots) {
    constexpr int D = decltype(width)::value, Slots = decltype(slots)::value;
    const auto kernel = forward_kernel<T, D, Slots>;
    constexpr std::size_t bytes = sizeof(ForwardTile<D>);
    const cudaError_t allowed = allow_shared_memory(kernel, bytes);
    if (allowed != cudaSuccess) return static_cast<int>(allowed);
    kernel<<<static_cast<unsigned>(divide_up(pairs, tile_pairs)), threads, bytes, static_cast<cudaStream_t>(stream)>>>(
        params);
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace

}  // namespace pool

int block_pool_cuda(const BlockPoolParams<float>& params, void* stream) {
  return pool::launch(params, stream);
}
int block_pool_cuda(const BlockPoolParams<Bf16>& params, void* stream) {
  return pool::launch(params, stream);
}

}  // namespace erwin::kernels
