#pragma once
// Device memory for tests: copies there and back.

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace erwin::test {

inline void require_cuda(int error, const char* what) {
  if (error != cudaSuccess)
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(static_cast<cudaError_t>(error)));
}

inline bool has_device() {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess && devices > 0;
}

template <typename T>
class OnDevice {
public:
  // Unset memory, so that initcheck sees what a kernel forgets to write.
  explicit OnDevice(std::size_t size) : size_(size) { require_cuda(cudaMalloc(&data_, bytes() + 1), "cudaMalloc"); }
  explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) {
    require_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "copy to the device");
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> back() const {
    std::vector<T> values(size_);
    require_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "copy from the device");
    return values;
  }

private:
  std::size_t bytes() const { return size_ * sizeof(T); }
  std::size_t size_;
  void* data_ = nullptr;
};

class Stream {
public:
  Stream() { require_cuda(cudaStreamCreate(&stream_), "cudaStreamCreate"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }
  void wait() const { require_cuda(cudaStreamSynchronize(stream_), "the stream"); }

private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace erwin::test
