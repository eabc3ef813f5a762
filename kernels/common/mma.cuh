#pragma once
// Tensor-core products of bf16 with float32 sums (sm_80 and later): D = A B + D for A [16, 16], B [16, 8], D [16, 8],
// by one warp. With lane l, g = l / 4 ("group", 0 to 7) and t = l % 4:
//
//   A  a[0] = A[g][2t, 2t+1]    a[1] = A[g+8][2t, 2t+1]    a[2] = A[g][2t+8, 2t+9]    a[3] = A[g+8][2t+8, 2t+9]
//   B  b[0] = B[2t, 2t+1][g]    b[1] = B[2t+8, 2t+9][g]
//   D  d[0], d[1] = D[g][2t, 2t+1]    d[2], d[3] = D[g+8][2t, 2t+1]
//
// Each a and b is two bf16, the lower index in the lower half. So two neighbouring D tiles (columns 0 to 7 and 8 to 15)
// are, packed, an A tile: probabilities go from the first product into the second without leaving the registers
// (accumulators_as_a).
//
// Shared-memory tiles of rows [n][D] are read by ldmatrix: rows must start at multiples of 16 bytes; a stride of D + 8
// elements has no bank conflicts for D = 16, 32, 64.

#include "kernels/common/numbers.cuh"

namespace erwin::kernels {

struct MmaA {
  std::uint32_t a[4];
};
struct MmaB {
  std::uint32_t b[2];
};
struct MmaD {
  float d[4];
};

// Elements between the rows of a tile in shared memory.
constexpr int tile_stride(int width) {
  return width + 8;
}

__device__ inline int lane_group() {
  return static_cast<int>(threadIdx.x % 32) / 4;
}
__device__ inline int lane_pair() {  // t; the pair of columns begins at 2t
  return static_cast<int>(threadIdx.x % 4);
}

__device__ inline MmaD mma_zero() {
  return {{0.0f, 0.0f, 0.0f, 0.0f}};
}

__device__ inline void mma(MmaD& d, const MmaA& a, const MmaB& b) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d.d[0]), "+f"(d.d[1]), "+f"(d.d[2]), "+f"(d.d[3])
      : "r"(a.a[0]), "r"(a.a[1]), "r"(a.a[2]), "r"(a.a[3]), "r"(b.b[0]), "r"(b.b[1]));
}

// [16, 16] of bf16 from two neighbouring accumulators [16, 8].
__device__ inline MmaA accumulators_as_a(const MmaD& left, const MmaD& right) {
  return {{pack_bf16(left.d[0], left.d[1]), pack_bf16(left.d[2], left.d[3]), pack_bf16(right.d[0], right.d[1]),
           pack_bf16(right.d[2], right.d[3])}};
}

// Four 8 x 8 matrices of bf16 from shared memory: lane l names row l % 8 of matrix l / 8, and gets of matrix i the two
// elements [g][2t, 2t+1] in result[i]; transposed, [2t, 2t+1][g].
__device__ inline void load_matrices(std::uint32_t (&result)[4], const __nv_bfloat16* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(result[0]), "=r"(result[1]), "=r"(result[2]), "=r"(result[3])
               : "r"(address)
               : "memory");
}
__device__ inline void load_matrices_transposed(std::uint32_t (&result)[4], const __nv_bfloat16* row) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(result[0]), "=r"(result[1]), "=r"(result[2]), "=r"(result[3])
               : "r"(address)
               : "memory");
}

// A = the [16, 16] piece at `tile` (its first row and column) of rows with `stride` elements.
__device__ inline MmaA load_a(const __nv_bfloat16* tile, int stride) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  MmaA a;
  load_matrices(a.a, tile + (lane % 16) * stride + lane / 16 * 8);
  return a;
}

// B = X^T for 16 rows of X [16, 16] at `tile`: B[c][n] = X[n][c], two tiles, n from 0 and from 8. What Q K^T needs of
// K.
__device__ inline void load_b_of_rows(MmaB (&b)[2], const __nv_bfloat16* tile, int stride) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  std::uint32_t m[4];
  load_matrices(m, tile + (lane / 16 * 8 + lane % 8) * stride + lane / 8 % 2 * 8);
  b[0] = {{m[0], m[1]}};
  b[1] = {{m[2], m[3]}};
}

// B = X for X [16, 16] at `tile`: B[r][n] = X[r][n], two tiles, n from 0 and from 8. What P V needs of V.
__device__ inline void load_b(MmaB (&b)[2], const __nv_bfloat16* tile, int stride) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  std::uint32_t m[4];
  load_matrices_transposed(m, tile + (lane % 16) * stride + lane / 16 * 8);
  b[0] = {{m[0], m[1]}};
  b[1] = {{m[2], m[3]}};
}

// A from rows in global (or any) memory: row g and row g + 8 of the piece begin at `upper` and `lower` (at the piece's
// first column); a null pointer counts as a row of zeros. 4-byte aligned.
__device__ inline MmaA gather_a(const __nv_bfloat16* upper, const __nv_bfloat16* lower) {
  const int column = 2 * lane_pair();
  const auto pair = [&](const __nv_bfloat16* row, int at) {
    return row ? *reinterpret_cast<const std::uint32_t*>(row + at) : 0U;
  };
  return {{pair(upper, column), pair(lower, column), pair(upper, column + 8), pair(lower, column + 8)}};
}

}  // namespace erwin::kernels
