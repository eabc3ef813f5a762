#pragma once
// What the kernels of block pooling share: a tile of pairs (of a block and a KV head) in front of a part of the MLP,
// and what the backward pass keeps between its kernels.

#include "kernels/block_pool/block_pool.h"
#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/common/types.cuh"

namespace erwin::kernels::pool {

constexpr int threads = 256, warps = threads / 32, tile_pairs = 16;

// The hidden layer of the MLP goes through shared memory in parts, all of it but for D = 64.
__host__ __device__ constexpr int hidden_parts(int width) {
  return width == 64 ? 4 : 1;
}
template <int D>
constexpr int units = 4 * D / hidden_parts(D);

// Rows in shared memory are 4 floats longer than they need be: no bank conflicts, and still 16-byte pieces.
__host__ __device__ constexpr int row_floats(int width) {
  return width + 4;
}

// W1 and W2 of one part of the hidden layer: [units, D] and [D, units].
template <int D>
struct MlpPart {
  float first[units<D> * row_floats(D)];
  float second[D * row_floats(units<D>)];
};

// `rows` rows of `columns` values, `stride` apart, as floats in shared memory.
template <int Rows, int Columns, typename T>
__device__ inline void stage(const T* from, int stride, float* to) {
  for (int i = static_cast<int>(threadIdx.x) * 4; i < Rows * Columns; i += threads * 4) {
    float piece[4];
    load_floats<4>(from + i / Columns * stride + i % Columns, piece);
    store_floats<4>(to + i / Columns * row_floats(Columns) + i % Columns, piece);
  }
}

template <int D, typename T>
__device__ inline void stage_mlp(const BlockPoolWeights<T>& weights, int part, MlpPart<D>& mlp) {
  constexpr int U = units<D>;
  stage<U, D>(on_device(weights.first) + part * U * D, D, mlp.first);
  stage<D, U>(on_device(weights.second) + part * U, 4 * D, mlp.second);
}

// How a tile's outputs are shared out: a thread has one of Out columns and every sets-th pair.
template <int Out>
struct Share {
  static constexpr int sets = threads / Out < tile_pairs ? threads / Out : tile_pairs;
  static constexpr int pairs = tile_pairs / sets;
  __device__ static int column() { return static_cast<int>(threadIdx.x) % Out; }
  __device__ static int set() { return static_cast<int>(threadIdx.x) / Out; }
  __device__ static bool takes_part() { return set() < sets; }
  __device__ static int pair(int n) { return set() + n * sets; }
};

// sums[n] += sum_i matrix[column][i] x[pair n][i].
template <int In, int Out>
__device__ inline void add_rows_product(const float* matrix, const float* x, float (&sums)[Share<Out>::pairs]) {
  const float* const row = matrix + Share<Out>::column() * row_floats(In);
#pragma unroll 4
  for (int i = 0; i < In; i += 4) {
    float weight[4];
    load_floats<4>(row + i, weight);
#pragma unroll
    for (int n = 0; n < Share<Out>::pairs; ++n) {
      float value[4];
      load_floats<4>(x + Share<Out>::pair(n) * row_floats(In) + i, value);
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[n] = fmaf(weight[c], value[c], sums[n]);
    }
  }
}

// sums[n] += sum_i matrix[i][column] x[pair n][i].
template <int In, int Out>
__device__ inline void add_columns_product(const float* matrix, const float* x, float (&sums)[Share<Out>::pairs]) {
  const float* const at = matrix + Share<Out>::column();
#pragma unroll 4
  for (int i = 0; i < In; i += 4) {
    float weight[4];
#pragma unroll
    for (int c = 0; c < 4; ++c) weight[c] = at[(i + c) * row_floats(Out)];
#pragma unroll
    for (int n = 0; n < Share<Out>::pairs; ++n) {
      float value[4];
      load_floats<4>(x + Share<Out>::pair(n) * row_floats(In) + i, value);
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[n] = fmaf(weight[c], value[c], sums[n]);
    }
  }
}

// The distribution function of N(0, 1): gelu(x) = x normal(x).
__device__ inline float normal_distribution(float x) {
  return 0.5f * (1.0f + erff(x * 0.7071067811865476f));
}

// ---- How a warp goes through the slots of a pair: D / 4 lanes share a row, four columns each. ----
template <int D, int Slots>
struct Lanes {
  static constexpr int lanes = D / 4, rows = 32 / lanes, passes = Slots / rows;
  static_assert(passes >= 1 && passes * rows == Slots);
  __device__ static int lane() { return static_cast<int>(threadIdx.x) % 32; }
  __device__ static int column() { return lane() % lanes * 4; }
  __device__ static int slot(int pass) { return pass * rows + lane() / lanes; }
};

// sum_c r[c] place[c].
template <typename T>
__device__ inline float place_logit(const float* relative, const T* place, int dimension) {
  float sum = 0;
  for (int c = 0; c < dimension; ++c) sum = fmaf(relative[c], to_float(place[c]), sum);
  return sum;
}

// ---- What the backward pass keeps between its kernels. ----

struct BackwardPlan {
  std::int64_t pairs, mlp_tiles, mlp_chunks;  // chunks of tiles, each a thread block of the MLP's backward pass
  std::int64_t row_blocks, row_chunks;        // blocks of a chunk of the rows' backward pass, and such chunks
  int parts;                                  // of the hidden layer

  explicit BackwardPlan(const BlockPoolShape& shape) {
    pairs = shape.blocks * shape.groups;
    parts = hidden_parts(shape.width);
    const std::int64_t tiles = divide_up(pairs, tile_pairs);
    constexpr std::int64_t most_chunks = 128;
    mlp_tiles = divide_up(tiles, most_chunks);
    mlp_tiles = mlp_tiles > 1 ? mlp_tiles : 1;
    mlp_chunks = divide_up(tiles, mlp_tiles);
    const std::int64_t wanted = divide_up(1024, shape.groups), share = divide_up(shape.blocks, wanted);
    row_blocks = share > warps ? share : warps;
    row_chunks = divide_up(shape.blocks, row_blocks);
  }
};

struct BackwardMemory {
  float* grad_pooled;    // [parts, 2, pairs, D]; to be added up
  float* mlp_partial;    // [mlp_chunks, 2, mlp_values(D)]
  float* logit_partial;  // [row_chunks, 2, G, D]
  float* place_partial;  // [row_chunks, 2, G, d]
  std::size_t bytes;

  // W1, b1, W2, b2.
  __host__ __device__ static constexpr int mlp_values(int width) { return 8 * width * width + 5 * width; }

  BackwardMemory(const BlockPoolShape& shape, const BackwardPlan& plan, void* workspace) {
    Workspace pieces(workspace);
    grad_pooled = pieces.take<float>(plan.parts * 2 * plan.pairs * shape.width);
    mlp_partial = pieces.take<float>(plan.mlp_chunks * 2 * mlp_values(shape.width));
    logit_partial = pieces.take<float>(plan.row_chunks * 2 * shape.groups * shape.width);
    place_partial = pieces.take<float>(plan.row_chunks * 2 * shape.groups * shape.dimension);
    bytes = pieces.size();
  }
};

template <typename T>
int launch_mlp_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients,
                        const BackwardPlan& plan, const BackwardMemory& memory, cudaStream_t stream);
template <typename T>
int launch_rows_backward(const BlockPoolParams<T>& params, const BlockPoolGradients<T>& gradients,
                         const BackwardPlan& plan, const BackwardMemory& memory, cudaStream_t stream);

// Calls body(D, b), both std::integral_constant<int, ...>.
template <typename Body>
int for_shape(const BlockPoolShape& shape, const Body& body) {
  return for_width(shape.width, [&](auto width) {
    return shape.block_size == 16 ? body(width, std::integral_constant<int, 16>())
                                  : body(width, std::integral_constant<int, 32>());
  });
}

}  // namespace erwin::kernels::pool
