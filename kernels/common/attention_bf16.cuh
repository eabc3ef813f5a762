#pragma once
// Tiles of the bf16 attention kernels: rows of D values in shared memory (D = 8 padded with zeros to 16), fragments
// from global memory, and the loop over a problem's keys.

#include "kernels/common/async_copy.cuh"
#include "kernels/common/attention.cuh"
#include "kernels/common/mma.cuh"

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

// q (or dO) of the warp's rows from `warp_row` on, zeros where a row is masked or does not exist. Row 16 m + 8 half +
// lane_group() belongs to this lane.
template <int D, int M, typename Rows>
__device__ void load_row_fragments(MmaA (&fragments)[M][Bf16Tile<D>::steps], const Rows& rows, const bool* mask,
                                   const Bf* from, int warp_row) {
  const Bf* pointer[M][2];
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + 16 * m + 8 * half + lane_group();
      pointer[m][half] = rows.real_row(row, mask) ? from + rows.entry(row) * D : nullptr;
    }
#pragma unroll
  for (int m = 0; m < M; ++m)
#pragma unroll
    for (int step = 0; step < Bf16Tile<D>::steps; ++step)
      fragments[m][step] = load_row_fragment<D>(pointer[m][0], pointer[m][1], step);
}

// Keys (or values) of the warp as rows, in the same way.
template <int D, int M, typename Keys>
__device__ void load_key_fragments(MmaA (&fragments)[M][Bf16Tile<D>::steps], const Keys& keys, const Bf* from,
                                   int warp_key) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
    const auto pointer = [&](int half) {
      const std::int64_t place = keys.place(warp_key + 16 * m + 8 * half + lane_group());
      return place < 0 ? nullptr : from + place * D;
    };
    const Bf *const upper = pointer(0), *const lower = pointer(1);
#pragma unroll
    for (int step = 0; step < Bf16Tile<D>::steps; ++step) fragments[m][step] = load_row_fragment<D>(upper, lower, step);
  }
}

// Keys and values of a tile of a problem, with which of them exist.
template <int D>
struct KeyTile {
  Bf k[key_tile * Bf16Tile<D>::stride];
  Bf v[key_tile * Bf16Tile<D>::stride];
  float bias[key_tile];  // 0, or -infinity where there is no key
};

// Starts copying keys [first, first + key_tile); true where all the keys that this thread looked at exist. Keys and
// values are one loop, so that all warps take part and nobody asks twice for the place of a key.
template <int D, typename Keys>
__device__ bool copy_keys(KeyTile<D>& tile, const Keys& keys, const Bf* k, const Bf* v, int first) {
  using Tile = Bf16Tile<D>;
  constexpr int pieces = Tile::width / 8, half = key_tile * pieces;
  bool all = true;
  for (int i = static_cast<int>(threadIdx.x); i < 2 * half; i += static_cast<int>(blockDim.x)) {
    const bool is_key = i < half;
    const int at = i % half / pieces, piece = i % pieces;
    const std::int64_t place = keys.place(first + at);
    const bool real = place >= 0, copied = real && piece < D / 8;
    const Bf* const from = is_key ? k : v;
    copy_async_16((is_key ? tile.k : tile.v) + at * Tile::stride + piece * 8,
                  copied ? from + place * D + piece * 8 : from, copied);
    if (is_key && piece == 0) tile.bias[at] = real ? 0.0f : -infinity();
    all = all && real;
  }
  commit_copies();
  return all;
}

// Runs body(tile, all keys exist) over the problem's keys, the next tile under way meanwhile.
template <int D, typename Keys, typename Body>
__device__ void for_each_key_tile(KeyTile<D> (&tiles)[2], const Keys& keys, const Bf* k, const Bf* v,
                                  const Body& body) {
  if (keys.count == 0) return;
  bool all = copy_keys<D>(tiles[0], keys, k, v, 0);
  for (int first = 0, turn = 0; first < keys.count; first += key_tile, turn ^= 1) {
    wait_for_copies<0>();
    const bool full = __syncthreads_and(all) != 0;  // also: nobody reads the other tile any more
    if (first + key_tile < keys.count) all = copy_keys<D>(tiles[turn ^ 1], keys, k, v, first + key_tile);
    body(tiles[turn], full);
  }
}

// S += rows K^T for the 16 keys from `first`: s[m][0] keys 0 to 7, s[m][1] keys 8 to 15. The keys of rows m are `Next`
// m elements behind `tile` (0: all meet the same).
template <int D, int M, int Next = 0>
__device__ void add_products(MmaD (&s)[M][2], const MmaA (&rows)[M][Bf16Tile<D>::steps], const Bf* tile, int first) {
  using Tile = Bf16Tile<D>;
#pragma unroll
  for (int step = 0; step < Tile::steps; ++step) {
    MmaB b[2];
#pragma unroll
    for (int m = 0; m < M; ++m) {
      if (m == 0 || Next > 0) load_b_of_rows(b, tile + m * Next + first * Tile::stride + 16 * step, Tile::stride);
      mma(s[m][0], rows[m][step], b[0]);
      mma(s[m][1], rows[m][step], b[1]);
    }
  }
}

// out += weights X for 16 rows of X [.., D] from `first` in shared memory; `Next` as above.
template <int D, int M, int Next = 0>
__device__ void add_weighted(MmaD (&out)[M][Bf16Tile<D>::columns], const MmaA (&weights)[M], const Bf* tile,
                             int first) {
  using Tile = Bf16Tile<D>;
#pragma unroll
  for (int step = 0; step < Tile::steps; ++step) {
    MmaB b[2];
#pragma unroll
    for (int m = 0; m < M; ++m) {
      if (m == 0 || Next > 0) load_b(b, tile + m * Next + first * Tile::stride + 16 * step, Tile::stride);
      mma(out[m][2 * step], weights[m], b[0]);
      if constexpr (Tile::columns > 1) mma(out[m][2 * step + 1], weights[m], b[1]);
    }
  }
}

// S += bias of the tile's keys from `first`.
template <int D, int M>
__device__ void add_bias(MmaD (&s)[M][2], const KeyTile<D>& tile, int first) {
#pragma unroll
  for (int n = 0; n < 2; ++n) {
    const float2 bias = *reinterpret_cast<const float2*>(tile.bias + first + 8 * n + 2 * lane_pair());
#pragma unroll
    for (int m = 0; m < M; ++m) {
      s[m][n].d[0] += bias.x;
      s[m][n].d[1] += bias.y;
      s[m][n].d[2] += bias.x;
      s[m][n].d[3] += bias.y;
    }
  }
}

template <typename Array>
__device__ void clear(Array& tiles) {
  for (auto& row : tiles)
    for (auto& tile : row) tile = mma_zero();
}

}  // namespace erwin::kernels
