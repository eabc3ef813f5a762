// D / 4 lanes have four columns each of one query head, of all the slots that share a row of the compressed branch.

#include "kernels/common/launch.cuh"
#include "kernels/common/numbers.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/common/types.cuh"
#include "kernels/gate_merge/gate_merge.h"

namespace erwin::kernels {

namespace {

constexpr int threads = 256;

// Where a thread works. Threads behind the end have inside = false and go along, because sums are over whole warps.
template <int D>
struct Place {
  static constexpr int lanes = D / 4;
  std::int64_t unit;  // row of the compressed branch
  int head, column;
  bool inside;

  __device__ explicit Place(const GateMergeShape& shape) {
    const std::int64_t item = std::int64_t{blockIdx.x} * (threads / lanes) + threadIdx.x / lanes;
    unit = item / shape.heads;
    head = static_cast<int>(item % shape.heads);
    column = static_cast<int>(threadIdx.x) % lanes * 4;
    inside = unit * shape.slots_per_coarse < shape.rows;
  }
  // Of [.., H, D].
  __device__ std::int64_t entry(std::int64_t row, int heads) const { return (row * heads + head) * D + column; }
};

struct Gates {
  float coarse, selected, local;
  template <typename Real>
  __device__ Gates(const Real* logits, std::int64_t row, int heads, int head)
      : coarse(sigmoid(to_float(logits[row * 3 * heads + head]))),
        selected(sigmoid(to_float(logits[(row * 3 + 1) * heads + head]))),
        local(sigmoid(to_float(logits[(row * 3 + 2) * heads + head]))) {}
};

template <typename T, int D>
__global__ void __launch_bounds__(threads) forward_kernel(GateMergeParams<T> params) {
  const int heads = params.shape.heads, slots = params.shape.slots_per_coarse;
  const Place<D> place(params.shape);
  if (!place.inside) return;
  float coarse[4];
  bool have_coarse = false;  // what a block of padding alone holds is not read
  for (int i = 0; i < slots; ++i) {
    const std::int64_t row = place.unit * slots + i, at = place.entry(row, heads);
    float merged[4] = {};
    if (params.mask[row]) {
      if (!have_coarse) load_floats<4>(on_device(params.coarse) + place.entry(place.unit, heads), coarse);
      have_coarse = true;
      const Gates gates(on_device(params.logits), row, heads, place.head);
      float selected[4], local[4];
      load_floats<4>(on_device(params.selected) + at, selected);
      load_floats<4>(on_device(params.local) + at, local);
#pragma unroll
      for (int c = 0; c < 4; ++c)
        merged[c] = fmaf(gates.coarse, coarse[c], fmaf(gates.selected, selected[c], gates.local * local[c]));
    }
    store_floats<4>(on_device(params.out) + at, merged);
  }
}

template <typename Real>
__device__ inline void store_scaled(Real* to, float factor, const float (&x)[4], bool real) {
  float scaled[4];
#pragma unroll
  for (int c = 0; c < 4; ++c) scaled[c] = real ? factor * x[c] : 0.0f;
  store_floats<4>(to, scaled);
}

template <typename T, int D>
__global__ void __launch_bounds__(threads) backward_kernel(GateMergeParams<T> params, GateMergeGradients<T> gradients) {
  using Real = typename OnDevice<T>::type;
  constexpr int lanes = Place<D>::lanes;
  const int heads = params.shape.heads, slots = params.shape.slots_per_coarse;
  const Place<D> place(params.shape);
  float coarse[4] = {}, grad_coarse[4] = {};
  bool have_coarse = false;
  for (int i = 0; i < slots; ++i) {
    const std::int64_t row = place.unit * slots + i, at = place.entry(row, heads);
    const bool real = place.inside && params.mask[row];
    float grad[4] = {}, selected[4] = {}, local[4] = {};
    if (real) {
      if (!have_coarse) load_floats<4>(on_device(params.coarse) + place.entry(place.unit, heads), coarse);
      have_coarse = true;
      load_floats<4>(on_device(gradients.grad_out) + at, grad);
      load_floats<4>(on_device(params.selected) + at, selected);
      load_floats<4>(on_device(params.local) + at, local);
    }
    const float for_coarse = sum_over<lanes>(dot4(grad, coarse)), for_selected = sum_over<lanes>(dot4(grad, selected)),
                for_local = sum_over<lanes>(dot4(grad, local));
    if (!place.inside) continue;
    const Gates gates(on_device(params.logits), row, heads, place.head);
    store_scaled(on_device(gradients.grad_selected) + at, gates.selected, grad, real);
    store_scaled(on_device(gradients.grad_local) + at, gates.local, grad, real);
#pragma unroll
    for (int c = 0; c < 4; ++c)
      if (real) grad_coarse[c] = fmaf(gates.coarse, grad[c], grad_coarse[c]);
    if (place.column != 0) continue;
    Real* const to = on_device(gradients.grad_logits) + row * 3 * heads + place.head;
    to[0] = from_float<Real>(real ? for_coarse * gates.coarse * (1.0f - gates.coarse) : 0.0f);
    to[heads] = from_float<Real>(real ? for_selected * gates.selected * (1.0f - gates.selected) : 0.0f);
    to[2 * heads] = from_float<Real>(real ? for_local * gates.local * (1.0f - gates.local) : 0.0f);
  }
  if (place.inside) store_floats<4>(on_device(gradients.grad_coarse) + place.entry(place.unit, heads), grad_coarse);
}

template <typename Launch>
int for_each_width(const GateMergeShape& shape, const Launch& launch) {
  if (!gate_merge_supports(shape)) return cudaErrorInvalidValue;
  if (shape.rows == 0) return cudaSuccess;
  return for_width(shape.width, [&](auto width) {
    constexpr int per_block = threads / Place<width()>::lanes;
    launch(width, static_cast<unsigned>(divide_up(shape.rows / shape.slots_per_coarse * shape.heads, per_block)));
    return static_cast<int>(cudaGetLastError());
  });
}

template <typename T>
int launch_forward(const GateMergeParams<T>& params, void* stream) {
  return for_each_width(params.shape, [&](auto width, unsigned blocks) {
    forward_kernel<T, width()><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
  });
}

template <typename T>
int launch_backward(const GateMergeParams<T>& params, const GateMergeGradients<T>& gradients, void* stream) {
  return for_each_width(params.shape, [&](auto width, unsigned blocks) {
    backward_kernel<T, width()><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(params, gradients);
  });
}

}  // namespace

int gate_merge_cuda(const GateMergeParams<float>& params, void* stream) {
  return launch_forward(params, stream);
}
int gate_merge_cuda(const GateMergeParams<Bf16>& params, void* stream) {
  return launch_forward(params, stream);
}
int gate_merge_backward_cuda(const GateMergeParams<float>& params, const GateMergeGradients<float>& gradients,
                             void* stream) {
  return launch_backward(params, gradients, stream);
}
int gate_merge_backward_cuda(const GateMergeParams<Bf16>& params, const GateMergeGradients<Bf16>& gradients,
                             void* stream) {
  return launch_backward(params, gradients, stream);
}

}  // namespace erwin::kernels
