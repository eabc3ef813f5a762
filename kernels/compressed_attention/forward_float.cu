// The compressed branch forward in float32.

#include "kernels/compressed_attention/tiles_float.cuh"

namespace erwin::kernels {

namespace {

// A row's maximum is only raised when a logit exceeds it by so many powers of two: weights stay below 2^8.
constexpr float slack = 8.0f;

template <int Columns>
struct FloatRow {
  float q[Columns], out[Columns];
  float highest = -infinity(), shift = 0, sum = 0;

  __device__ void raise(float logit, float scale) {
    if (!((logit - highest) * scale > slack)) return;
    const float next_shift = logit * scale, factor = exp2_fast(fmaf(highest, scale, -next_shift));
    highest = logit;
    shift = next_shift;
    sum *= factor;
#pragma unroll
    for (int i = 0; i < Columns; ++i) out[i] *= factor;
  }

  __device__ void add(float logit, const float* value, float scale) {
    const float weight = exp2_fast(fmaf(logit, scale, -shift));
    sum += weight;
    add_scaled(out, weight, value);
  }
};

template <int D>
__global__ void __launch_bounds__(FloatTile<D>::threads)
    forward_kernel(CompressedAttentionParams<float> params, float scale) {
  using Tile = FloatTile<D>;
  constexpr int C = Tile::columns;
  alignas(16) __shared__ FloatKeyTile<D> shared;
  const Problem problem(params.shape, params.row_offsets, params.block_offsets);
  const int tile_row = static_cast<int>(blockIdx.x) * Tile::rows;
  if (tile_row >= problem.rows) return;
  const int row = tile_row + static_cast<int>(threadIdx.x) / Tile::lanes;
  const int column = static_cast<int>(threadIdx.x) % Tile::lanes * C;
  const bool real = problem.real_row(row, params.mask);
  FloatRow<C> state;
#pragma unroll
  for (int i = 0; i < C; ++i) state.q[i] = state.out[i] = 0;
  if (real) load_floats<C>(params.q + problem.entry(row) * D + column, state.q);
  if (params.memory_k) {
    const int place = problem.group * D + column;
    const float logit = sum_of_row<Tile::lanes>(dot<C>(state.q, params.memory_k + place));
    state.raise(logit, scale);
    state.add(logit, params.memory_v + place, scale);
  }
  for_each_key_tile<D>(shared, problem, params.k, params.v, params.real, [&](const FloatKeyTile<D>& tile) {
    constexpr int together = 4;
#pragma unroll 1
    for (int first = 0; first < key_tile; first += together) {
      float logits[together];
#pragma unroll
      for (int j = 0; j < together; ++j)
        logits[j] = sum_of_row<Tile::lanes>(dot<C>(state.q, tile.k + (first + j) * D + column)) + tile.bias[first + j];
      state.raise(fmaxf(fmaxf(logits[0], logits[1]), fmaxf(logits[2], logits[3])), scale);
#pragma unroll
      for (int j = 0; j < together; ++j) state.add(logits[j], tile.v + (first + j) * D + column, scale);
    }
  });
  if (row >= problem.rows) return;
  const std::int64_t entry = problem.entry(row);
  const float inverse = state.sum != 0 ? 1.0f / state.sum : 0.0f;
#pragma unroll
  for (int i = 0; i < C; ++i) state.out[i] = real ? state.out[i] * inverse : 0.0f;
  store_floats<C>(params.out + entry * D + column, state.out);
  if (column == 0) params.lse[entry] = real ? state.shift * ln_2 + logf(state.sum) : -infinity();
}

}  // namespace

int compressed_attention_cuda(const CompressedAttentionParams<float>& params, void* stream) {
  const CompressedShape& shape = params.shape;
  return for_width(shape.width, [&](auto width) {
    constexpr int D = width();
    const std::int64_t tiles = divide_up(shape.most_rows * shape.rows_per_query(), FloatTile<D>::rows);
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(shape.groups),
                    static_cast<unsigned>(shape.samples));
    forward_kernel<D>
        <<<grid, FloatTile<D>::threads, 0, static_cast<cudaStream_t>(stream)>>>(params, log2_scale(shape.width));
    return static_cast<int>(cudaGetLastError());
  });
}

}  // namespace erwin::kernels
