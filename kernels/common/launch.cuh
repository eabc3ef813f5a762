#pragma once
// What launching needs: grid sizes, large shared memory, workspaces cut into pieces.

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace erwin::kernels {

__host__ __device__ constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// Blocks for `items` where a grid-stride loop does what is left over.
inline unsigned grid_for(std::int64_t items, std::int64_t per_block) {
  constexpr std::int64_t most = std::int64_t{1} << 20;
  const std::int64_t blocks = divide_up(items, per_block);
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

// Lets a kernel use `bytes` of dynamic shared memory, also above 48 KiB. Once per launch is cheap and right on every
// device.
template <typename Kernel>
cudaError_t allow_shared_memory(Kernel kernel, std::size_t bytes) {
  if (bytes <= 48 * 1024) return cudaSuccess;
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(bytes));
}

// Cuts a workspace into aligned arrays. With a null workspace it only counts: size() is then what must be allocated, so
// the size and the layout come from the same lines.
class Workspace {
public:
  explicit Workspace(void* memory) : memory_(static_cast<char*>(memory)) {}
  template <typename T>
  T* take(std::int64_t count) {
    T* const piece = memory_ ? reinterpret_cast<T*>(memory_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + alignment - 1) / alignment * alignment;
    return piece;
  }
  std::size_t size() const { return used_; }

private:
  static constexpr std::size_t alignment = 256;
  char* memory_;
  std::size_t used_ = 0;
};

}  // namespace erwin::kernels
