#pragma once
// Tensors as our kernels take them. Internal: this header names Torch.

#include <ATen/ATen.h>

#include <cstdint>

namespace erwin::model {

// Null where the tensor is not defined.
template <typename T>
const T* values(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.const_data_ptr()) : nullptr;
}
template <typename T>
T* mutable_values(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

inline bool aligned_for_kernels(const at::Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.const_data_ptr()) % 16 == 0;
}

// Contiguous, and aligned for pieces of 16 bytes.
inline at::Tensor dense(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.contiguous();
  return aligned_for_kernels(rows) ? rows : rows.clone();
}

}  // namespace erwin::model
