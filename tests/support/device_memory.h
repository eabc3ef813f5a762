#pragma once
// Arrays on a CUDA device for tests of the kernels, and numbers as the kernels store them.

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "kernels/common/bf16.h"
#include "tests/support/kernel_values.h"

namespace erwin::test {

class DeviceMemory {
public:
  explicit DeviceMemory(std::size_t bytes) : bytes_(bytes) {
    if (cudaMalloc(&data_, bytes + 1) != cudaSuccess) throw std::bad_alloc();
    cudaMemset(data_, 0xff, bytes);  // NaN: whatever is read before it is written shows
  }
  DeviceMemory(const void* from, std::size_t bytes) : DeviceMemory(bytes) {
    cudaMemcpy(data_, from, bytes, cudaMemcpyHostToDevice);
  }
  ~DeviceMemory() { cudaFree(data_); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  template <typename T>
  std::vector<T> back() const {
    std::vector<T> values(bytes_ / sizeof(T));
    cudaMemcpy(values.data(), data_, bytes_, cudaMemcpyDeviceToHost);
    return values;
  }

private:
  std::size_t bytes_;
  void* data_ = nullptr;
};

inline std::vector<float> stored(const std::vector<float>& values, float) {
  return values;
}
inline std::vector<kernels::Bf16> stored(const std::vector<float>& values, kernels::Bf16) {
  std::vector<kernels::Bf16> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, &values[i], sizeof bits);
    result[i].bits = static_cast<std::uint16_t>(bits >> 16);
  }
  return result;
}
inline std::vector<double> wide(const std::vector<kernels::Bf16>& values) {
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t bits = std::uint32_t{values[i].bits} << 16;
    float x;
    std::memcpy(&x, &bits, sizeof x);
    result[i] = static_cast<double>(x);
  }
  return result;
}

template <typename T>
std::unique_ptr<DeviceMemory> upload(const std::vector<T>& values) {
  return std::make_unique<DeviceMemory>(values.data(), values.size() * sizeof(T));
}

inline bool no_device() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0;
}

// Tests of kernels for T = float and Bf16; they skip where there is no device.
template <typename T>
class KernelOnDevice : public testing::Test {
protected:
  static constexpr bool bf16 = std::is_same_v<T, kernels::Bf16>;
  void SetUp() override {
    if (no_device()) GTEST_SKIP() << "no CUDA device here";
  }
  // Values within `tolerance` of the largest; in bf16 in norm, where P and dS are rounded to 8 bits before they are
  // multiplied, and results after.
  static void agree(const char* name, const std::vector<double>& value, const std::vector<double>& expected,
                    double tolerance, bool gradient) {
    EXPECT_TRUE(bf16 ? close_in_norm(name, value, expected, gradient ? 2e-2 : 8e-3)
                     : close(name, value, expected, tolerance));
  }
};
using KernelTypes = testing::Types<float, kernels::Bf16>;

}  // namespace erwin::test
