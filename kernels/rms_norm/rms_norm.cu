// A row belongs to 16 lanes of a warp (to 64 channels) or to all of them; a lane has every lanes-th four channels.

#include "kernels/common/ordered_sums.cuh"
#include "kernels/common/reduce.cuh"
#include "kernels/common/types.cuh"
#include "kernels/rms_norm/rms_norm.h"

namespace erwin::kernels {

namespace {

constexpr int threads = 256, warps = threads / 32;

// Rows of a thread block; all its threads take part in every step, `inside` says whether theirs has a row.
template <int Lanes, int Pieces>
struct Way {
  static constexpr int rows_per_block = threads / Lanes;
  std::int64_t row, step;
  int lane, width;
  __device__ Way(std::int64_t first, int row_width)
      : row(first + static_cast<int>(threadIdx.x) / Lanes),
        step(rows_per_block),
        lane(static_cast<int>(threadIdx.x) % Lanes),
        width(row_width) {}
  __device__ int channel(int piece) const { return (piece * Lanes + lane) * 4; }
  __device__ bool has(int piece) const { return channel(piece) < width; }
  template <typename Real>
  __device__ void load(const Real* from, bool inside, float (&to)[Pieces][4]) const {
#pragma unroll
    for (int piece = 0; piece < Pieces; ++piece) {
#pragma unroll
      for (int c = 0; c < 4; ++c) to[piece][c] = 0;
      if (inside && has(piece)) load_floats<4>(from + channel(piece), to[piece]);
    }
  }
};

template <typename T, int Lanes, int Pieces>
__global__ void __launch_bounds__(threads) forward_kernel(RmsNormParams<T> params) {
  const Way<Lanes, Pieces> way(std::int64_t{blockIdx.x} * Way<Lanes, Pieces>::rows_per_block, params.width);
  const bool inside = way.row < params.rows;
  float x[Pieces][4], weight[Pieces][4], sum = 0;
  way.load(params.x + way.row * params.width, inside, x);
  way.load(on_device(params.weight), true, weight);
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece)
#pragma unroll
    for (int c = 0; c < 4; ++c) sum = fmaf(x[piece][c], x[piece][c], sum);
  sum = sum_over<Lanes>(sum);
  if (!inside) return;
  const float inverse = rsqrtf(sum / static_cast<float>(params.width) + params.epsilon);
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece) {
    if (!way.has(piece)) continue;
#pragma unroll
    for (int c = 0; c < 4; ++c) x[piece][c] *= inverse * weight[piece][c];
    store_floats<4>(on_device(params.out) + way.row * params.width + way.channel(piece), x[piece]);
  }
  if (way.lane == 0) params.inverse[way.row] = inverse;
}

// With n = x / rms and g = grad_out weight: grad_x = (g - n mean(g n)) / rms, grad_weight = sum over rows of grad_out
// n.
template <typename T, int Lanes, int Pieces>
__global__ void __launch_bounds__(threads)
    backward_kernel(RmsNormParams<T> params, RmsNormGradients<T> gradients, std::int64_t chunk_rows, float* partial) {
  __shared__ float shared[warps][Pieces * Lanes * 4];
  Way<Lanes, Pieces> way(std::int64_t{blockIdx.x} * chunk_rows, params.width);
  const std::int64_t begin = std::int64_t{blockIdx.x} * chunk_rows;
  const std::int64_t end = begin + chunk_rows < params.rows ? begin + chunk_rows : params.rows;
  float weight[Pieces][4], grad_weight[Pieces][4] = {};
  way.load(on_device(params.weight), true, weight);
  for (std::int64_t base = begin; base < end; base += way.step, way.row += way.step) {
    const bool inside = way.row < end;
    const std::int64_t at = way.row * params.width;
    const float inverse = inside ? params.inverse[way.row] : 0.0f;
    float x[Pieces][4], grad[Pieces][4], sum = 0;
    way.load(params.x + at, inside, x);
    way.load(on_device(gradients.grad_out) + at, inside, grad);
#pragma unroll
    for (int piece = 0; piece < Pieces; ++piece)
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        x[piece][c] *= inverse;
        grad_weight[piece][c] = fmaf(grad[piece][c], x[piece][c], grad_weight[piece][c]);
        grad[piece][c] *= weight[piece][c];
        sum = fmaf(grad[piece][c], x[piece][c], sum);
      }
    const float mean = sum_over<Lanes>(sum) / static_cast<float>(params.width);
#pragma unroll
    for (int piece = 0; piece < Pieces; ++piece) {
      if (!inside || !way.has(piece)) continue;
#pragma unroll
      for (int c = 0; c < 4; ++c) grad[piece][c] = inverse * fmaf(-mean, x[piece][c], grad[piece][c]);
      store_floats<4>(gradients.grad_x + at + way.channel(piece), grad[piece]);
    }
  }
  const int warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int piece = 0; piece < Pieces; ++piece)
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      float sum = grad_weight[piece][c];
      if constexpr (Lanes < 32) sum = sum_across<Lanes>(sum);
      if (threadIdx.x % 32 < Lanes) shared[warp][way.channel(piece) + c] = sum;
    }
  __syncthreads();
  for (int channel = static_cast<int>(threadIdx.x); channel < params.width; channel += threads) {
    float sum = 0;
    for (int w = 0; w < warps; ++w) sum += shared[w][channel];
    partial[std::int64_t{blockIdx.x} * params.width + channel] = sum;
  }
}

struct BackwardPlan {
  std::int64_t chunk_rows, chunks;
  explicit BackwardPlan(std::int64_t rows) {
    constexpr std::int64_t least = 64, most_chunks = 528;  // 4 thread blocks on each of 132 multiprocessors
    const std::int64_t share = divide_up(rows, most_chunks);
    chunk_rows = share > least ? share : least;
    chunks = divide_up(rows, chunk_rows);
  }
};

// Calls body(lanes, pieces), both std::integral_constant<int, ...>.
template <typename Body>
int for_way(int width, const Body& body) {
  using std::integral_constant;
  if (width <= 64) return body(integral_constant<int, 16>(), integral_constant<int, 1>());
  if (width <= 128) return body(integral_constant<int, 32>(), integral_constant<int, 1>());
  if (width <= 256) return body(integral_constant<int, 32>(), integral_constant<int, 2>());
  if (width <= 512) return body(integral_constant<int, 32>(), integral_constant<int, 4>());
  return body(integral_constant<int, 32>(), integral_constant<int, 8>());
}

template <typename T>
int launch_forward(const RmsNormParams<T>& params, void* stream) {
  if (!rms_norm_cuda_supports(params.width)) return cudaErrorInvalidValue;
  if (params.rows == 0) return cudaSuccess;
  return for_way(params.width, [&](auto lanes, auto pieces) {
    constexpr int L = decltype(lanes)::value, P = decltype(pieces)::value;
    const auto blocks = static_cast<unsigned>(divide_up(params.rows, Way<L, P>::rows_per_block));
    forward_kernel<T, L, P><<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(params);
    return static_cast<int>(cudaGetLastError());
  });
}

template <typename T>
int launch_backward(const RmsNormParams<T>& params, const RmsNormGradients<T>& gradients, void* workspace,
                    void* stream) {
  if (!rms_norm_cuda_supports(params.width)) return cudaErrorInvalidValue;
  const BackwardPlan plan(params.rows);
  const auto queue = static_cast<cudaStream_t>(stream);
  auto* const partial = static_cast<float*>(workspace);
  if (params.rows > 0) {
    const int status = for_way(params.width, [&](auto lanes, auto pieces) {
      backward_kernel<T, decltype(lanes)::value, decltype(pieces)::value>
          <<<static_cast<unsigned>(plan.chunks), threads, 0, queue>>>(params, gradients, plan.chunk_rows, partial);
      return static_cast<int>(cudaGetLastError());
    });
    if (status != cudaSuccess) return status;
  }
  using Real = typename OnDevice<T>::type;
  OrderedSums<Real, 1> sums;
  sums.all[0] = {partial, plan.chunks, params.width, params.width, on_device(gradients.grad_weight)};
  return launch_ordered_sums(sums, queue);
}

}  // namespace

bool rms_norm_cuda_supports(std::int64_t width) {
  return width >= 4 && width % 4 == 0 && width <= 1024;
}
int rms_norm_cuda(const RmsNormParams<float>& params, void* stream) {
  return launch_forward(params, stream);
}
int rms_norm_cuda(const RmsNormParams<Bf16>& params, void* stream) {
  return launch_forward(params, stream);
}
std::size_t rms_norm_backward_workspace(std::int64_t rows, int width) {
  Workspace pieces(nullptr);
  pieces.take<float>(BackwardPlan(rows).chunks * width);
  return pieces.size();
}
int rms_norm_backward_cuda(const RmsNormParams<float>& params, const RmsNormGradients<float>& gradients,
                           void* workspace, void* stream) {
  return launch_backward(params, gradients, workspace, stream);
}
int rms_norm_backward_cuda(const RmsNormParams<Bf16>& params, const RmsNormGradients<Bf16>& gradients, void* workspace,
                           void* stream) {
  return launch_backward(params, gradients, workspace, stream);
}

}  // namespace erwin::kernels
