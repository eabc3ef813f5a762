// The part of the program that must link LibTorch's CUDA half, which the program itself loads only where there is a
// driver (cuda_backend.cpp): a library of its own, opened after it.

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "core/model/internal/device_graph.h"

namespace erwin::model {

namespace {

class CudaGraph : public DeviceGraph {
public:
  explicit CudaGraph(c10::DeviceIndex device) : device_(device) {}

  void record(const std::function<void()>& work) override {
    c10::cuda::device_synchronize();
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device_));
    // Relaxed: the loader's threads go on allocating and copying on their own stream.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeRelaxed);
    try {
      work();
    } catch (...) {
      end_after_failure();
      throw;
    }
    graph_.capture_end();
  }

  void replay() override { graph_.replay(); }

private:
  // Torch's allocator must leave the graph's pool even where the recording itself is void.
  void end_after_failure() noexcept {
    try {
      graph_.capture_end();
    } catch (const std::exception&) {
    }
  }

  c10::DeviceIndex device_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace

}  // namespace erwin::model

extern "C" erwin::model::DeviceGraph* erwin_make_cuda_graph(int device) {
  return new erwin::model::CudaGraph(static_cast<c10::DeviceIndex>(device));
}
