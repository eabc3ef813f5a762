#pragma once
// Numbers on the device: exp2, infinities, float32 and bf16, 16-byte pieces. Kernels compute in float32 whatever they
// read and write.

#include <cuda_bf16.h>

#include <cstdint>

namespace erwin::kernels {

constexpr float log2_e = 1.4426950408889634f;
constexpr float ln_2 = 0.6931471805599453f;

__device__ inline float infinity() {
  return __int_as_float(0x7f800000);
}

// 2^x to 2 units in the last place by the special-function unit (16 results a clock and multiprocessor). 2^-infinity =
// 0, NaN stays NaN, results below 2^-126 are 0.
__device__ inline float exp2_fast(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// 2^x on the multiply-add units, for a share of the exponentials where exp2_fast is what a kernel waits for: relative
// error below 5e-7. x <= 127; what lies
// below -126 counts as -126 (2^-126 instead of 0), so do not use it on masked logits. NaN does not survive.
__device__ inline float exp2_polynomial(float x) {
  const float clamped = fmaxf(x, -126.0f);
  // The sum's low bits hold round(x), because the constant is 1.5 * 2^23.
  const float shifted = clamped + 12582912.0f;
  const float rest = clamped - (shifted - 12582912.0f);  // in [-1/2, 1/2]
  float p = 1.32646987e-3f;                              // fitted to the relative error, 1e-7 but for rounding
  p = fmaf(p, rest, 9.67150881e-3f);
  p = fmaf(p, rest, 5.55073378e-2f);
  p = fmaf(p, rest, 2.40222421e-1f);
  p = fmaf(p, rest, 6.93146978e-1f);
  p = fmaf(p, rest, 1.0f);
  return __int_as_float(__float_as_int(p) + (__float_as_int(shifted) << 23));
}

__device__ inline float log2_fast(float x) {
  float result;
  asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// The square root of x >= 0 to one unit in the last place, by the special-function unit; 0 for denormal x.
__device__ inline float sqrt_fast(float x) {
  float result;
  asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

__device__ inline float sigmoid(float x) {
  return 1.0f / (1.0f + exp2_fast(-log2_e * x));
}

// The larger one; NaN where one of them is NaN (fmaxf drops NaN). Not needed for a softmax's shift: a NaN logit makes
// its own weight NaN, and so the sum.
__device__ inline float max_nan(float a, float b) {
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
}

// Two floats as a register of two bf16 (round to nearest even), `low` in the lower half: the order of memory.
__device__ inline std::uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}
__device__ inline float2 unpack_bf16(std::uint32_t pair) {
  return make_float2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xffff0000U));
}

__device__ inline float to_float(float x) {
  return x;
}
__device__ inline float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}
template <typename T>
__device__ inline T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

__device__ inline float dot4(const float (&a)[4], const float (&b)[4]) {
  return fmaf(a[0], b[0], fmaf(a[1], b[1], fmaf(a[2], b[2], a[3] * b[3])));
}

// Count consecutive values as floats, 16 bytes (or 8, for four bf16) at a time: `from` must be aligned to that. Count
// is a multiple of 4.
template <int Count>
__device__ inline void load_floats(const float* from, float* to) {
  static_assert(Count % 4 == 0);
#pragma unroll
  for (int i = 0; i < Count; i += 4) {
    const float4 piece = *reinterpret_cast<const float4*>(from + i);
    to[i] = piece.x;
    to[i + 1] = piece.y;
    to[i + 2] = piece.z;
    to[i + 3] = piece.w;
  }
}
template <int Count>
__device__ inline void load_floats(const __nv_bfloat16* from, float* to) {
  static_assert(Count % 4 == 0);
#pragma unroll
  for (int i = 0; i < Count; i += 4) {
    const uint2 piece = *reinterpret_cast<const uint2*>(from + i);
    const float2 a = unpack_bf16(piece.x), b = unpack_bf16(piece.y);
    to[i] = a.x;
    to[i + 1] = a.y;
    to[i + 2] = b.x;
    to[i + 3] = b.y;
  }
}
template <int Count>
__device__ inline void store_floats(float* to, const float* from) {
  static_assert(Count % 4 == 0);
#pragma unroll
  for (int i = 0; i < Count; i += 4)
    *reinterpret_cast<float4*>(to + i) = make_float4(from[i], from[i + 1], from[i + 2], from[i + 3]);
}
template <int Count>
__device__ inline void store_floats(__nv_bfloat16* to, const float* from) {
  static_assert(Count % 4 == 0);
#pragma unroll
  for (int i = 0; i < Count; i += 4)
    *reinterpret_cast<uint2*>(to + i) =
        make_uint2(pack_bf16(from[i], from[i + 1]), pack_bf16(from[i + 2], from[i + 3]));
}

}  // namespace erwin::kernels
