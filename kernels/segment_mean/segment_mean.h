#pragma once
// Mean or sum of rows over segments, in segment order: what message passing gathers per receiver. Scatter with float
// atomics gives another result on every run; segments that are known beforehand need no atomics.

#include <cstdint>

namespace erwin::kernels {

// Rows of segment s are order[begin[s]] to order[begin[s + 1] - 1], or begin[s] to begin[s + 1] - 1 without an order.
// A segment's rows are added from the first to the last, in Real, by one thread per channel: the CPU and the GPU give
// the same bits, however many threads they use. An empty segment gives 0.
template <typename Real>
struct SegmentMeanParams {
  const Real* rows = nullptr;           // [E, channels]
  const std::int64_t* begin = nullptr;  // [segments + 1], ascending, begin[0] = 0
  const std::int64_t* order = nullptr;  // [begin[segments]] row ids, or null
  Real* out = nullptr;                  // [segments, channels]
  std::int64_t segments = 0;
  std::int64_t channels = 0;
  bool mean = true;  // false: sum
};

void segment_mean_cpu(const SegmentMeanParams<float>& params);
void segment_mean_cpu(const SegmentMeanParams<double>& params);

// Pointers are device memory; `stream` is a cudaStream_t. Returns after the launch; the value is a cudaError_t (0:
// fine). Present only in builds with CUDA (ERWINSCOPE_CUDA).
int segment_mean_cuda(const SegmentMeanParams<float>& params, void* stream);
int segment_mean_cuda(const SegmentMeanParams<double>& params, void* stream);

}  // namespace erwin::kernels
