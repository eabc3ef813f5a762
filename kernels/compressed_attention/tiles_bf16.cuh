#pragma once
// Tiles of the bf16 kernels: rows of D values in shared memory (D = 8 padded with zeros to 16) and fragments from
// global memory.

#include "kernels/common/async_copy.cuh"
#include "kernels/common/mma.cuh"
#include "kernels/compressed_attention/problem.cuh"

namespace erwin::kernels {

using Bf = __nv_bfloat16;

template <int D>
struct Bf16Tile {
  static constexpr int width = D < 16 ? 16 : D;
  static constexpr int steps = width / 16;         // products of depth 16 over the width
  static constexpr int columns = D / 8;            // accumulator tiles over the width
  static constexpr int m_tiles = D == 64 ? 1 : 2;  // tiles of 16 rows of a warp
  static constexpr int warps = 8, threads = 32 * warps;
  static constexpr int rows = 16 * m_tiles * warps;  // of a thread block
  static constexpr int stride = tile_stride(width);
};

// `count` rows to shared memory; row(i) is where row i begins, or null: zeros. `any` is some readable address.
template <int D, typename Row>
__device__ void copy_rows(Bf* tile, int count, const Bf* any, const Row& row) {
  using Tile = Bf16Tile<D>;
  constexpr int pieces = Tile::width / 8;
  for (int i = static_cast<int>(threadIdx.x); i < count * pieces; i += static_cast<int>(blockDim.x)) {
    const int at = i / pieces, piece = i % pieces;
    const Bf* from = row(at);
    const bool real = from != nullptr && piece < D / 8;
    copy_async_16(tile + at * Tile::stride + piece * 8, real ? from + piece * 8 : any, real);
  }
}

// A = columns 16 step to 16 step + 15 of two rows of D values (null: zeros).
template <int D>
__device__ MmaA load_row_fragment(const Bf* upper, const Bf* lower, int step) {
  if (D >= 16) return gather_a(upper ? upper + 16 * step : nullptr, lower ? lower + 16 * step : nullptr);
  const int column = 2 * lane_pair();
  return {{upper ? *reinterpret_cast<const std::uint32_t*>(upper + column) : 0U,
           lower ? *reinterpret_cast<const std::uint32_t*>(lower + column) : 0U, 0U, 0U}};
}

// Keys and values of a tile of a problem, with which of them exist.
template <int D>
struct KeyTile {
  Bf k[key_tile * Bf16Tile<D>::stride];
  Bf v[key_tile * Bf16Tile<D>::stride];
  float bias[key_tile];  // 0, or -infinity where there is no key
};

// Starts copying keys [first, first + key_tile); true where all the keys that this thread looked at exist.
template <int D>
__device__ bool copy_keys(KeyTile<D>& tile, const Problem& problem, const Bf* k, const Bf* v, const bool* real,
                          int first) {
  copy_rows<D>(tile.k, key_tile, k,
               [&](int i) { return problem.real_block(first + i, real) ? k + problem.key(first + i) * D : nullptr; });
  copy_rows<D>(tile.v, key_tile, v,
               [&](int i) { return problem.real_block(first + i, real) ? v + problem.key(first + i) * D : nullptr; });
  commit_copies();
  bool all = true;
  for (int i = static_cast<int>(threadIdx.x); i < key_tile; i += static_cast<int>(blockDim.x)) {
    all = problem.real_block(first + i, real);
    tile.bias[i] = all ? 0.0f : -infinity();
  }
  return all;
}

// Runs body(tile, all keys exist) over the problem's keys, the next tile under way meanwhile.
template <int D, typename Body>
__device__ void for_each_key_tile(KeyTile<D> (&tiles)[2], const Problem& problem, const Bf* k, const Bf* v,
                                  const bool* real, const Body& body) {
  bool all = copy_keys<D>(tiles[0], problem, k, v, real, 0);
  for (int first = 0, turn = 0; first < problem.blocks; first += key_tile, turn ^= 1) {
    wait_for_copies<0>();
    const bool full = __syncthreads_and(all) != 0;  // also: nobody reads the other tile any more
    if (first + key_tile < problem.blocks) all = copy_keys<D>(tiles[turn ^ 1], problem, k, v, real, first + key_tile);
    body(tiles[turn], full);
  }
}

// S += rows K^T for the 16 keys from `first`: s[m][0] keys 0 to 7, s[m][1] keys 8 to 15.
template <int D, int M>
__device__ void add_products(MmaD (&s)[M][2], const MmaA (&rows)[M][Bf16Tile<D>::steps], const Bf* tile, int first) {
  using Tile = Bf16Tile<D>;
#pragma unroll
  for (int step = 0; step < Tile::steps; ++step) {
    MmaB b[2];
    load_b_of_rows(b, tile + first * Tile::stride + 16 * step, Tile::stride);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      mma(s[m][0], rows[m][step], b[0]);
      mma(s[m][1], rows[m][step], b[1]);
    }
  }
}

// out += weights X for 16 rows of X [.., D] from `first` in shared memory.
template <int D, int M>
__device__ void add_weighted(MmaD (&out)[M][Bf16Tile<D>::columns], const MmaA (&weights)[M], const Bf* tile,
                             int first) {
  using Tile = Bf16Tile<D>;
#pragma unroll
  for (int step = 0; step < Tile::steps; ++step) {
    MmaB b[2];
    load_b(b, tile + first * Tile::stride + 16 * step, Tile::stride);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      mma(out[m][2 * step], weights[m], b[0]);
      if constexpr (Tile::columns > 1) mma(out[m][2 * step + 1], weights[m], b[1]);
    }
  }
}

template <typename Array>
__device__ void clear(Array& tiles) {
  for (auto& row : tiles)
    for (auto& tile : row) tile = mma_zero();
}

}  // namespace erwin::kernels
