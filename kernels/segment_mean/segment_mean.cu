#include <cuda_runtime.h>

#include "kernels/segment_mean/segment_mean.h"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

// One thread per (segment, channel); neighbouring threads read neighbouring channels.
template <typename Real>
__global__ void segment_mean_kernel(SegmentMeanParams<Real> params) {
  const std::int64_t total = params.segments * params.channels;
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < total; i += step) {
    const std::int64_t segment = i / params.channels, channel = i % params.channels;
    const std::int64_t begin = params.begin[segment], end = params.begin[segment + 1];
    Real sum = 0;
    for (std::int64_t r = begin; r < end; ++r)
      sum += params.rows[(params.order ? params.order[r] : r) * params.channels + channel];
    params.out[i] = params.mean && end - begin > 1 ? sum / static_cast<Real>(end - begin) : sum;
  }
}

template <typename Real>
int launch(const SegmentMeanParams<Real>& params, void* stream) {
  const std::int64_t total = params.segments * params.channels;
  if (total == 0) return cudaSuccess;
  constexpr std::int64_t most_blocks = 1 << 20;  // the kernel strides over what is left
  const std::int64_t blocks = (total + threads - 1) / threads;
  segment_mean_kernel<<<static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), threads, 0,
                        static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}

}  // namespace

int segment_mean_cuda(const SegmentMeanParams<float>& params, void* stream) {
  return launch(params, stream);
}
int segment_mean_cuda(const SegmentMeanParams<double>& params, void* stream) {
  return launch(params, stream);
}

}  // namespace erwin::kernels
