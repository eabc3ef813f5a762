#pragma once
// Eight floats at a time on the CPU, in the vector types of GCC and Clang, and small matrix pieces made of them. The
// compiler turns them into AVX2 where the calling function is compiled for it and into SSE2 elsewhere; a function that
// has both versions is called through ERWIN_CPU_VERSIONS. Everything here is inlined into its caller, or it would be
// compiled for the wrong processor.

#include <cstdint>
#include <cstring>
#include <limits>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // nothing of this is passed to a function that is not inlined

#define ERWIN_INLINE inline __attribute__((always_inline))

// Defines `void name(arguments)` that runs body<...>(values) compiled for AVX2 and FMA where the processor has them.
#if defined(__x86_64__)
#define ERWIN_CPU_VERSIONS(name, declaration, call)                         \
  __attribute__((target("avx2,fma"))) inline void name##_avx2 declaration { \
    call;                                                                   \
  }                                                                         \
  inline void name##_plain declaration {                                    \
    call;                                                                   \
  }
#define ERWIN_CPU_CALL(name, arguments) \
  (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? name##_avx2 arguments : name##_plain arguments)
#else
#define ERWIN_CPU_VERSIONS(name, declaration, call) \
  inline void name##_plain declaration {            \
    call;                                           \
  }
#define ERWIN_CPU_CALL(name, arguments) name##_plain arguments
#endif

namespace erwin::kernels {

constexpr int vector_width = 8;
typedef float Floats __attribute__((vector_size(32)));
typedef std::int32_t Integers __attribute__((vector_size(32)));

ERWIN_INLINE Floats load_vector(const float* from) {
  Floats x;
  std::memcpy(&x, from, sizeof x);
  return x;
}
ERWIN_INLINE void store_vector(float* to, Floats x) {
  std::memcpy(to, &x, sizeof x);
}
ERWIN_INLINE Floats all_of(float x) {
  const Floats first{x};
  return __builtin_shuffle(first, Integers{});
}
ERWIN_INLINE Floats larger_of(Floats a, Floats b) {  // b where one is NaN
  return a > b ? a : b;
}
ERWIN_INLINE float sum_of(Floats x) {
  return ((x[0] + x[4]) + (x[1] + x[5])) + ((x[2] + x[6]) + (x[3] + x[7]));
}
ERWIN_INLINE float largest_of(Floats x) {
  float most = x[0];
#pragma GCC unroll 8
  for (int i = 1; i < vector_width; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// 2^x to 3e-7, for x <= 127; 0 below -126, NaN stays NaN.
ERWIN_INLINE Floats exp2_of(Floats x) {
  const Floats lowest = all_of(-126.0f), clamped = x < lowest ? lowest : x;
  const Floats magic = all_of(12582912.0f);  // 1.5 * 2^23: the low bits of the sum are round(x)
  const Floats shifted = clamped + magic, rest = clamped - (shifted - magic);
  Floats p = all_of(1.535336188319500e-4f);  // Taylor, of 2^rest for |rest| <= 1/2
  p = p * rest + all_of(1.339887440266574e-3f);
  p = p * rest + all_of(9.618437357674640e-3f);
  p = p * rest + all_of(5.550332471162809e-2f);
  p = p * rest + all_of(2.402264791363012e-1f);
  p = p * rest + all_of(6.931472028550421e-1f);
  p = p * rest + all_of(1.0f);
  Integers bits, exponent;
  std::memcpy(&bits, &p, sizeof bits);
  std::memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << 23;
  Floats result;
  std::memcpy(&result, &bits, sizeof result);
  result = x < lowest ? all_of(0.0f) : result;
  return x == x ? result : x;
}

// The square root of x >= 0 to one unit in the last place (of numbers that are not denormal), on the multiply-add
// units; infinity and NaN as they are.
ERWIN_INLINE Floats sqrt_of(Floats x) {
  Integers bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits = 0x5f3759df - (bits >> 1);
  Floats y;  // 1 / sqrt(x) to 4 %, then three Newton steps
  std::memcpy(&y, &bits, sizeof y);
  const Floats half = all_of(0.5f) * x;
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) y = y * (all_of(1.5f) - half * y * y);
  const Floats root = x * y, better = root + all_of(0.5f) * y * (x - root * root);
  return x < all_of(std::numeric_limits<float>::infinity()) ? better : x;
}

// ---- Pieces of matrix products. Counts are multiples of 16 (columns) and 4 (rows). ----

// s[r][j] = sum_d rows[r][d] columns[d][j]: 4 rows, 16 columns; `columns` has `stride` floats from one d to the next.
template <int D>
ERWIN_INLINE void products_4x16(const float* rows, const float* columns, std::int64_t stride, float* s,
                                std::int64_t s_stride) {
  Floats sum[4][2] = {};
  for (int d = 0; d < D; ++d) {
    const Floats left = load_vector(columns + d * stride), right = load_vector(columns + d * stride + vector_width);
#pragma GCC unroll 16
    for (int r = 0; r < 4; ++r) {
      const Floats row = all_of(rows[r * D + d]);
      sum[r][0] += row * left;
      sum[r][1] += row * right;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < 4; ++r) {
    store_vector(s + r * s_stride, sum[r][0]);
    store_vector(s + r * s_stride + vector_width, sum[r][1]);
  }
}

// Widths go in pieces of 16 columns (8 for D = 8), so that 4 rows of sums stay in registers.
template <int D>
constexpr int piece_vectors = D < 16 ? 1 : 2;

// out[r][d] += sum_j weights[r * row_stride + j * step] x[j][d] for 4 rows r and `count` rows j of x.
template <int D>
ERWIN_INLINE void add_weighted_4(float* out, const float* weights, std::int64_t row_stride, std::int64_t step,
                                 const float* x, std::int64_t count) {
  constexpr int V = piece_vectors<D>;
  for (int column = 0; column < D; column += V * vector_width) {
    Floats sum[4][V] = {};
    for (std::int64_t j = 0; j < count; ++j) {
      Floats value[V];
#pragma GCC unroll 4
      for (int n = 0; n < V; ++n) value[n] = load_vector(x + j * D + column + n * vector_width);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) {
        const Floats weight = all_of(weights[r * row_stride + j * step]);
#pragma GCC unroll 4
        for (int n = 0; n < V; ++n) sum[r][n] += weight * value[n];
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r)
#pragma GCC unroll 4
      for (int n = 0; n < V; ++n) {
        float* const at = out + r * D + column + n * vector_width;
        store_vector(at, load_vector(at) + sum[r][n]);
      }
  }
}

}  // namespace erwin::kernels

#pragma GCC diagnostic pop
