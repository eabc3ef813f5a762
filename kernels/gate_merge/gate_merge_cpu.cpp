#include <algorithm>
#include <vector>

#include "kernels/common/cpu_vectors.h"
#include "kernels/gate_merge/gate_merge.h"
#include "kernels/parallel/parallel.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

using Params = GateMergeParams<float>;
using Gradients = GateMergeGradients<float>;

constexpr float log2_e = 1.4426950408889634f;

// sigmoid of `count` logits; both arrays have room for a multiple of eight.
ERWIN_INLINE void sigmoids(const float* logits, std::int64_t count, float* gates) {
  std::copy_n(logits, count, gates);
  for (std::int64_t i = 0; i < count; i += vector_width) {
    const Floats x = load_vector(gates + i) * all_of(-log2_e), limit = all_of(126.0f);
    store_vector(gates + i, all_of(1.0f) / (all_of(1.0f) + exp2_of(x > limit ? limit : x)));
  }
}

// Room for the gates of one row.
std::vector<float> gate_room(const Params& params) {
  const std::int64_t count = 3 * std::int64_t{params.shape.heads};
  return std::vector<float>(static_cast<std::size_t>((count + vector_width - 1) / vector_width * vector_width));
}

template <int D>
ERWIN_INLINE void forward_units(const Params& params, std::int64_t first, std::int64_t last) {
  const std::int64_t heads = params.shape.heads, slots = params.shape.slots_per_coarse;
  std::vector<float> gates = gate_room(params);
  for (std::int64_t row = first * slots; row < last * slots; ++row) {
    if (!params.mask[row]) {
      std::fill_n(params.out + row * heads * D, heads * D, 0.0f);
      continue;
    }
    sigmoids(params.logits + row * 3 * heads, 3 * heads, gates.data());
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t at = (row * heads + h) * D, coarse_at = (row / slots * heads + h) * D;
      const float* const gate = gates.data() + h;
      const Floats coarse = all_of(gate[0]), selected = all_of(gate[heads]), local = all_of(gate[2 * heads]);
      for (int d = 0; d < D; d += vector_width)
        store_vector(params.out + at + d, coarse * load_vector(params.coarse + coarse_at + d) +
                                              selected * load_vector(params.selected + at + d) +
                                              local * load_vector(params.local + at + d));
    }
  }
}

// One head of a row backward.
template <int D>
ERWIN_INLINE void head_backward(const Params& params, const Gradients& gradients, std::int64_t at,
                                std::int64_t coarse_at, const float* gates, float* grad_logits) {
  const std::int64_t heads = params.shape.heads;
  Floats dots[3] = {};
  for (int d = 0; d < D; d += vector_width) {
    const Floats grad = load_vector(gradients.grad_out + at + d);
    dots[0] += grad * load_vector(params.coarse + coarse_at + d);
    dots[1] += grad * load_vector(params.selected + at + d);
    dots[2] += grad * load_vector(params.local + at + d);
    float* const coarse = gradients.grad_coarse + coarse_at + d;
    store_vector(coarse, load_vector(coarse) + all_of(gates[0]) * grad);
    store_vector(gradients.grad_selected + at + d, all_of(gates[heads]) * grad);
    store_vector(gradients.grad_local + at + d, all_of(gates[2 * heads]) * grad);
  }
  for (int branch = 0; branch < 3; ++branch) {
    const float gate = gates[branch * heads];
    grad_logits[branch * heads] = sum_of(dots[branch]) * gate * (1.0f - gate);
  }
}

template <int D>
ERWIN_INLINE void backward_units(const Params& params, const Gradients& gradients, std::int64_t first,
                                 std::int64_t last) {
  const std::int64_t heads = params.shape.heads, slots = params.shape.slots_per_coarse;
  std::vector<float> gates = gate_room(params);
  std::fill_n(gradients.grad_coarse + first * heads * D, (last - first) * heads * D, 0.0f);
  for (std::int64_t row = first * slots; row < last * slots; ++row) {
    float* const grad_logits = gradients.grad_logits + row * 3 * heads;
    if (!params.mask[row]) {
      std::fill_n(gradients.grad_selected + row * heads * D, heads * D, 0.0f);
      std::fill_n(gradients.grad_local + row * heads * D, heads * D, 0.0f);
      std::fill_n(grad_logits, 3 * heads, 0.0f);
      continue;
    }
    sigmoids(params.logits + row * 3 * heads, 3 * heads, gates.data());
    for (std::int64_t h = 0; h < heads; ++h)
      head_backward<D>(params, gradients, (row * heads + h) * D, (row / slots * heads + h) * D, gates.data() + h,
                       grad_logits + h);
  }
}

#define ERWIN_VERSIONS_OF(D)                                                                                    \
  ERWIN_CPU_VERSIONS(forward_##D, (const Params& params, std::int64_t first, std::int64_t last),                \
                     forward_units<D>(params, first, last))                                                     \
  ERWIN_CPU_VERSIONS(backward_##D,                                                                              \
                     (const Params& params, const Gradients& gradients, std::int64_t first, std::int64_t last), \
                     backward_units<D>(params, gradients, first, last))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)

void forward_any(const Params& params, std::int64_t first, std::int64_t last) {
  switch (params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(forward_8, (params, first, last));
    case 16:
      return ERWIN_CPU_CALL(forward_16, (params, first, last));
    case 32:
      return ERWIN_CPU_CALL(forward_32, (params, first, last));
    default:
      return ERWIN_CPU_CALL(forward_64, (params, first, last));
  }
}

void backward_any(const Params& params, const Gradients& gradients, std::int64_t first, std::int64_t last) {
  switch (params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(backward_8, (params, gradients, first, last));
    case 16:
      return ERWIN_CPU_CALL(backward_16, (params, gradients, first, last));
    case 32:
      return ERWIN_CPU_CALL(backward_32, (params, gradients, first, last));
    default:
      return ERWIN_CPU_CALL(backward_64, (params, gradients, first, last));
  }
}

template <typename Body>
void for_each_unit(const GateMergeShape& shape, const Body& body) {
  constexpr std::int64_t least_rows = 256;
  parallel_for(0, shape.rows / shape.slots_per_coarse, std::max<std::int64_t>(1, least_rows / shape.slots_per_coarse),
               body);
}

}  // namespace

bool gate_merge_supports(const GateMergeShape& shape) {
  const int width = shape.width;
  return (width == 8 || width == 16 || width == 32 || width == 64) && shape.heads >= 1 && shape.slots_per_coarse >= 1 &&
         shape.rows % shape.slots_per_coarse == 0;
}

void gate_merge_cpu(const GateMergeParams<float>& params) {
  for_each_unit(params.shape, [&](std::int64_t first, std::int64_t last) { forward_any(params, first, last); });
}

void gate_merge_backward_cpu(const GateMergeParams<float>& params, const GateMergeGradients<float>& gradients) {
  for_each_unit(params.shape,
                [&](std::int64_t first, std::int64_t last) { backward_any(params, gradients, first, last); });
}

}  // namespace erwin::kernels
