#pragma once
// Copies from global to shared memory that go on while the threads compute (cp.async, sm_80 and later).
//
//   for each stage: copy_async_16(...) as often as needed; commit_copies();
//   wait_for_copies<n>(): of the stages committed by this thread all but the latest n have arrived; __syncthreads()
//   afterwards makes them visible to the other threads.

#include <cstdint>

namespace erwin::kernels {

// 16 bytes, both addresses multiples of 16; zeros where `real` is false (then `from` is not read, but must be a valid
// pointer).
__device__ inline void copy_async_16(void* shared, const void* from, bool real = true) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = real ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
}

// 4 or 8 bytes in the same way, both addresses multiples of that.
template <int Bytes>
__device__ inline void copy_async_few(void* shared, const void* from, bool real) {
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = real ? Bytes : 0;
  asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(address), "l"(from), "n"(Bytes), "r"(bytes)
               : "memory");
}
__device__ inline void copy_async_4(void* shared, const void* from, bool real = true) {
  copy_async_few<4>(shared, from, real);
}
__device__ inline void copy_async_8(void* shared, const void* from, bool real = true) {
  copy_async_few<8>(shared, from, real);
}

__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int Pending>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

}  // namespace erwin::kernels
