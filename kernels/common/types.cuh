#pragma once
// From the types and widths that host code names to those that kernels are compiled for.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <type_traits>

#include "kernels/common/bf16.h"

namespace erwin::kernels {

// Device code reads bf16 as its own type.
template <typename T>
struct OnDevice {
  using type = T;
};
template <>
struct OnDevice<Bf16> {
  using type = __nv_bfloat16;
};
template <typename T>
__host__ __device__ const typename OnDevice<T>::type* on_device(const T* pointer) {
  return reinterpret_cast<const typename OnDevice<T>::type*>(pointer);
}
template <typename T>
__host__ __device__ typename OnDevice<T>::type* on_device(T* pointer) {
  return reinterpret_cast<typename OnDevice<T>::type*>(pointer);
}

// Calls body(std::integral_constant<int, D>) for the width.
template <typename Body>
int for_width(int width, const Body& body) {
  switch (width) {
    case 8:
      return body(std::integral_constant<int, 8>());
    case 16:
      return body(std::integral_constant<int, 16>());
    case 32:
      return body(std::integral_constant<int, 32>());
    case 64:
      return body(std::integral_constant<int, 64>());
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace erwin::kernels
