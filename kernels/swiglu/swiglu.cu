#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/types.cuh"
#include "kernels/swiglu/swiglu.h"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

// Calls body(i) for every fourth value's number.
template <typename Body>
__device__ inline void for_each_four(std::int64_t count, const Body& body) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads * 4;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * 4; i < count; i += step) body(i);
}

template <typename T>
__global__ void __launch_bounds__(threads) forward_kernel(SwigluParams<T> params) {
  for_each_four(params.count, [&](std::int64_t i) {
    float a[4], b[4];
    load_floats<4>(on_device(params.a) + i, a);
    load_floats<4>(on_device(params.b) + i, b);
#pragma unroll
    for (int c = 0; c < 4; ++c) b[c] *= a[c] * sigmoid(a[c]);
    store_floats<4>(on_device(params.out) + i, b);
  });
}

template <typename T>
__global__ void __launch_bounds__(threads) backward_kernel(SwigluParams<T> params, SwigluGradients<T> gradients) {
  for_each_four(params.count, [&](std::int64_t i) {
    float a[4], b[4], grad[4];
    load_floats<4>(on_device(params.a) + i, a);
    load_floats<4>(on_device(params.b) + i, b);
    load_floats<4>(on_device(gradients.grad_out) + i, grad);
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const float gate = sigmoid(a[c]), silu = a[c] * gate;
      a[c] = grad[c] * b[c] * fmaf(silu, 1.0f - gate, gate);
      b[c] = grad[c] * silu;
    }
    store_floats<4>(on_device(gradients.grad_a) + i, a);
    store_floats<4>(on_device(gradients.grad_b) + i, b);
  });
}

template <typename T>
int launch_forward(const SwigluParams<T>& params, void* stream) {
  if (params.count % 4 != 0) return cudaErrorInvalidValue;
  if (params.count == 0) return cudaSuccess;
  forward_kernel<<<grid_for(params.count / 4, threads), threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  return cudaGetLastError();
}

template <typename T>
int launch_backward(const SwigluParams<T>& params, const SwigluGradients<T>& gradients, void* stream) {
  if (params.count % 4 != 0) return cudaErrorInvalidValue;
  if (params.count == 0) return cudaSuccess;
  backward_kernel<<<grid_for(params.count / 4, threads), threads, 0, static_cast<cudaStream_t>(stream)>>>(params,
                                                                                                          gradients);
  return cudaGetLastError();
}

}  // namespace

int swiglu_cuda(const SwigluParams<float>& params, void* stream) {
  return launch_forward(params, stream);
}
int swiglu_cuda(const SwigluParams<Bf16>& params, void* stream) {
  return launch_forward(params, stream);
}
int swiglu_backward_cuda(const SwigluParams<float>& params, const SwigluGradients<float>& gradients, void* stream) {
  return launch_backward(params, gradients, stream);
}
int swiglu_backward_cuda(const SwigluParams<Bf16>& params, const SwigluGradients<Bf16>& gradients, void* stream) {
  return launch_backward(params, gradients, stream);
}

}  // namespace erwin::kernels
