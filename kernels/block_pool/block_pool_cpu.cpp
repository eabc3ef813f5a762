// Block pooling on the CPU: tiles of 16 pairs of a block and a KV head, whose summaries go through the MLP together.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/block_pool/block_pool.h"
#include "kernels/common/cpu_vectors.h"
#include "kernels/parallel/parallel.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float log2_e = 1.4426950408889634f, ln_2 = 0.6931471805599453f;
constexpr int tile_pairs = 16, most_slots = 32;

using Params = BlockPoolParams<float>;
using Gradients = BlockPoolGradients<float>;
using Weights = BlockPoolWeights<float>;

// The MLP's matrices the other way round: W1^T [D, 4D] and W2^T [4D, D].
struct PackedMlp {
  std::vector<float> first_columns, second_rows;
  PackedMlp(const Weights& weights, int width)
      : first_columns(static_cast<std::size_t>(4 * width * width)), second_rows(first_columns.size()) {
    for (int u = 0; u < 4 * width; ++u)
      for (int d = 0; d < width; ++d) {
        first_columns[static_cast<std::size_t>(d * 4 * width + u)] = weights.first[u * width + d];
        second_rows[static_cast<std::size_t>(u * width + d)] = weights.second[d * 4 * width + u];
      }
  }
};

// A block and a KV head.
struct Pair {
  std::int64_t index, block, stride;  // of [B, G]; stride: from one slot's row to the next
  int group;
  std::int64_t first;  // where the rows of its slots begin in k and v
  const bool* mask;
  const float* relative;
  bool real;

  Pair(const Params& params, std::int64_t pair)
      : index(pair),
        block(pair / params.shape.groups),
        stride(std::int64_t{params.shape.groups} * params.shape.width),
        group(static_cast<int>(pair % params.shape.groups)),
        first(block * params.shape.block_size * stride + std::int64_t{group} * params.shape.width),
        mask(params.mask + block * params.shape.block_size),
        relative(params.relative + block * params.shape.block_size * params.shape.dimension),
        real(params.real[block]) {}
};

template <int D>
ERWIN_INLINE float dot(const float* a, const float* b) {
  Floats sum = load_vector(a) * load_vector(b);
  for (int d = vector_width; d < D; d += vector_width) sum += load_vector(a + d) * load_vector(b + d);
  return sum_of(sum);
}

template <int D>
ERWIN_INLINE void add_scaled(float* to, float factor, const float* x) {
  for (int d = 0; d < D; d += vector_width)
    store_vector(to + d, load_vector(to + d) + all_of(factor) * load_vector(x + d));
}

// Logits of the pair's slots in powers of two; -infinity on padding.
template <int D>
ERWIN_INLINE void pair_logits(const Params& params, const Weights& weights, const Pair& pair, float* logits) {
  const int dimension = params.shape.dimension;
  const float *const content = weights.logit + std::int64_t{pair.group} * D, *const place =
                                                                                 weights.place +
                                                                                 std::int64_t{pair.group} * dimension;
  for (int i = 0; i < params.shape.block_size; ++i) {
    logits[i] = -infinity;
    if (!pair.mask[i]) continue;
    float logit = dot<D>(params.k + pair.first + i * pair.stride, content);
    for (int c = 0; c < dimension; ++c) logit += pair.relative[i * dimension + c] * place[c];
    logits[i] = logit * log2_e;
  }
}

// z of a pair, and its lse.
template <int D>
ERWIN_INLINE void pool_pair(const Params& params, int which, const Pair& pair, float* z) {
  alignas(32) float weights[most_slots];
  const int size = params.shape.block_size;
  const float* const rows = (which == 0 ? params.k : params.v) + pair.first;
  std::fill_n(z, D, 0.0f);
  params.lse[which][pair.index] = -infinity;
  if (!pair.real) return;
  pair_logits<D>(params, params.weights[which], pair, weights);
  Floats most = all_of(-infinity);
  for (int i = 0; i < size; i += vector_width) most = larger_of(load_vector(weights + i), most);
  const float shift = largest_of(most);
  Floats sums = all_of(0.0f);
  for (int i = 0; i < size; i += vector_width) {
    const Floats weight = exp2_of(load_vector(weights + i) - all_of(shift));
    store_vector(weights + i, weight);
    sums += weight;
  }
  const float sum = sum_of(sums), inverse = 1.0f / sum;
  for (int i = 0; i < size; ++i)
    if (pair.mask[i]) add_scaled<D>(z, weights[i] * inverse, rows + i * pair.stride);
  params.lse[which][pair.index] = shift * ln_2 + std::log(sum);
}

constexpr float half_sqrt_2 = 0.7071067811865476f, inverse_sqrt_2_pi = 0.3989422804014327f;

inline float normal_distribution(float x) {
  return 0.5f * (1.0f + std::erf(x * half_sqrt_2));
}

// W1 z + b1 of a tile [16, 4D].
template <int D>
ERWIN_INLINE void hidden_rows(const Weights& weights, const PackedMlp& mlp, const float* z, float* hidden) {
  constexpr int wide = 4 * D;
  for (int u = 0; u < wide; u += 16)
    for (int r = 0; r < tile_pairs; r += 4)
      products_4x16<D>(z + r * D, mlp.first_columns.data() + u, wide, hidden + r * wide + u, wide);
  for (int r = 0; r < tile_pairs; ++r)
    for (int u = 0; u < wide; u += vector_width)
      store_vector(hidden + r * wide + u, load_vector(hidden + r * wide + u) + load_vector(weights.first_bias + u));
}

template <int D>
ERWIN_INLINE void forward_tile(const Params& params, int which, const PackedMlp& mlp, std::int64_t first, int count) {
  constexpr int wide = 4 * D;
  const Weights& weights = params.weights[which];
  alignas(32) float z[tile_pairs * D] = {}, hidden[tile_pairs * wide];
  for (int r = 0; r < count; ++r) pool_pair<D>(params, which, Pair(params, first + r), z + r * D);
  std::copy_n(z, count * D, params.pooled[which] + first * D);
  hidden_rows<D>(weights, mlp, z, hidden);
  for (float& x : hidden) x *= normal_distribution(x);
  for (int r = 0; r < tile_pairs; r += 4)
    add_weighted_4<D>(z + r * D, hidden + r * wide, wide, 1, mlp.second_rows.data(), wide);
  for (int r = 0; r < count; ++r) {
    const bool real = params.real[(first + r) / params.shape.groups];
    float* const out = params.out[which] + (first + r) * D;
    for (int d = 0; d < D; ++d) out[d] = real ? z[r * D + d] + weights.second_bias[d] : 0.0f;
  }
}

// Sums for the gradients of one half's weights; second_rows: of W2^T.
struct WeightSums {
  std::vector<float> logit, place, first, first_bias, second_rows, second_bias;
  explicit WeightSums(const BlockPoolShape& shape) {
    const auto width = static_cast<std::size_t>(shape.width), groups = static_cast<std::size_t>(shape.groups);
    logit.resize(groups * width);
    place.resize(groups * static_cast<std::size_t>(shape.dimension));
    first.resize(4 * width * width);
    first_bias.resize(4 * width);
    second_rows.resize(first.size());
    second_bias.resize(width);
  }
};

// The MLP of a tile backward: grad_z [16, D] from the gradient of the output, and what it adds to the sums. Rows of
// pairs that are not there or not real are 0.
template <int D>
ERWIN_INLINE void mlp_backward(const Weights& weights, const PackedMlp& mlp, const float* z, const float* grad_out,
                               float* grad_z, WeightSums& sums) {
  constexpr int wide = 4 * D;
  alignas(32) float hidden[tile_pairs * wide], slopes[tile_pairs * wide];
  hidden_rows<D>(weights, mlp, z, hidden);
  for (int u = 0; u < wide; u += 16)
    for (int r = 0; r < tile_pairs; r += 4)
      products_4x16<D>(grad_out + r * D, weights.second + u, wide, slopes + r * wide + u, wide);
  for (int i = 0; i < tile_pairs * wide; ++i) {
    const float x = hidden[i], below = normal_distribution(x);
    slopes[i] *= below + x * inverse_sqrt_2_pi * std::exp(-0.5f * x * x);
    hidden[i] = x * below;
  }
  std::copy_n(grad_out, tile_pairs * D, grad_z);
  for (int r = 0; r < tile_pairs; r += 4)
    add_weighted_4<D>(grad_z + r * D, slopes + r * wide, wide, 1, weights.first, wide);
  for (int u = 0; u < wide; u += 4) {
    add_weighted_4<D>(sums.first.data() + u * D, slopes + u, 1, wide, z, tile_pairs);
    add_weighted_4<D>(sums.second_rows.data() + u * D, hidden + u, 1, wide, grad_out, tile_pairs);
  }
  for (int r = 0; r < tile_pairs; ++r) {
    for (int u = 0; u < wide; ++u) sums.first_bias[static_cast<std::size_t>(u)] += slopes[r * wide + u];
    for (int d = 0; d < D; ++d) sums.second_bias[static_cast<std::size_t>(d)] += grad_out[r * D + d];
  }
}

// Softmax weights a_i of a pair's slots and the slopes of their logits.
template <int D>
ERWIN_INLINE void pair_slopes(const Params& params, int which, const Pair& pair, const float* grad_z, float* weights,
                              float* slopes) {
  const float* const rows = (which == 0 ? params.k : params.v) + pair.first;
  const int size = params.shape.block_size;
  pair_logits<D>(params, params.weights[which], pair, weights);
  const Floats shift = all_of(params.lse[which][pair.index] * log2_e);
  const float delta = dot<D>(grad_z, params.pooled[which] + pair.index * D);
  for (int i = 0; i < size; ++i) slopes[i] = pair.mask[i] ? dot<D>(grad_z, rows + i * pair.stride) - delta : 0.0f;
  for (int i = 0; i < size; i += vector_width) {
    const Floats weight = exp2_of(load_vector(weights + i) - shift);
    store_vector(weights + i, weight);
    store_vector(slopes + i, weight * load_vector(slopes + i));
  }
}

// Rows of k and v of a pair backward. grad_z: of the keys and of the values.
template <int D>
ERWIN_INLINE void pair_backward(const Params& params, const Gradients& gradients, const Pair& pair,
                                const float* const (&grad_z)[2], WeightSums* sums) {
  alignas(32) float weights[2][most_slots], slopes[2][most_slots];
  if (pair.real)
    for (int which = 0; which < 2; ++which)
      pair_slopes<D>(params, which, pair, grad_z[which], weights[which], slopes[which]);
  const int dimension = params.shape.dimension;
  for (int i = 0; i < params.shape.block_size; ++i) {
    const std::int64_t row = pair.first + i * pair.stride;
    std::fill_n(gradients.grad_k + row, D, 0.0f);
    std::fill_n(gradients.grad_v + row, D, 0.0f);
    if (!pair.real || !pair.mask[i]) continue;
    add_scaled<D>(gradients.grad_k + row, weights[0][i], grad_z[0]);
    add_scaled<D>(gradients.grad_v + row, weights[1][i], grad_z[1]);
    for (int which = 0; which < 2; ++which) {
      const float slope = slopes[which][i];
      add_scaled<D>(gradients.grad_k + row, slope, params.weights[which].logit + std::int64_t{pair.group} * D);
      add_scaled<D>(sums[which].logit.data() + std::int64_t{pair.group} * D, slope, params.k + row);
      float* const place = sums[which].place.data() + std::int64_t{pair.group} * dimension;
      for (int c = 0; c < dimension; ++c) place[c] += slope * pair.relative[i * dimension + c];
    }
  }
}

template <int D>
ERWIN_INLINE void backward_tile(const Params& params, const Gradients& gradients, const PackedMlp* mlp,
                                std::int64_t first, int count, WeightSums* sums) {
  alignas(32) float grad_z[2][tile_pairs * D];
  for (int which = 0; which < 2; ++which) {
    alignas(32) float z[tile_pairs * D] = {}, grad_out[tile_pairs * D] = {};
    for (int r = 0; r < count; ++r) {
      if (!params.real[(first + r) / params.shape.groups]) continue;
      std::copy_n(params.pooled[which] + (first + r) * D, D, z + r * D);
      std::copy_n(gradients.grad_out[which] + (first + r) * D, D, grad_out + r * D);
    }
    mlp_backward<D>(params.weights[which], mlp[which], z, grad_out, grad_z[which], sums[which]);
  }
  for (int r = 0; r < count; ++r)
    pair_backward<D>(params, gradients, Pair(params, first + r), {grad_z[0] + r * D, grad_z[1] + r * D}, sums);
}

#define ERWIN_VERSIONS_OF(D)                                                                                      \
  ERWIN_CPU_VERSIONS(forward_##D,                                                                                 \
                     (const Params& params, int which, const PackedMlp& mlp, std::int64_t first, int count),      \
                     forward_tile<D>(params, which, mlp, first, count))                                           \
  ERWIN_CPU_VERSIONS(backward_##D,                                                                                \
                     (const Params& params, const Gradients& gradients, const PackedMlp* mlp, std::int64_t first, \
                      int count, WeightSums* sums),                                                               \
                     backward_tile<D>(params, gradients, mlp, first, count, sums))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)

void forward_any(const Params& params, int which, const PackedMlp& mlp, std::int64_t first, int count) {
  switch (params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(forward_8, (params, which, mlp, first, count));
    case 16:
      return ERWIN_CPU_CALL(forward_16, (params, which, mlp, first, count));
    case 32:
      return ERWIN_CPU_CALL(forward_32, (params, which, mlp, first, count));
    default:
      return ERWIN_CPU_CALL(forward_64, (params, which, mlp, first, count));
  }
}

void backward_any(const Params& params, const Gradients& gradients, const PackedMlp* mlp, std::int64_t first, int count,
                  WeightSums* sums) {
  switch (params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(backward_8, (params, gradients, mlp, first, count, sums));
    case 16:
      return ERWIN_CPU_CALL(backward_16, (params, gradients, mlp, first, count, sums));
    case 32:
      return ERWIN_CPU_CALL(backward_32, (params, gradients, mlp, first, count, sums));
    default:
      return ERWIN_CPU_CALL(backward_64, (params, gradients, mlp, first, count, sums));
  }
}

// The parts' sums in their order.
void add_parts(const std::vector<WeightSums>& parts, const std::vector<float> WeightSums::*which, float* to) {
  std::fill_n(to, (parts.front().*which).size(), 0.0f);
  for (const WeightSums& part : parts)
    for (std::size_t i = 0; i < (part.*which).size(); ++i) to[i] += (part.*which)[i];
}

void put_weight_gradients(const std::vector<WeightSums>& parts, int width, const BlockPoolWeightGradients<float>& to) {
  add_parts(parts, &WeightSums::logit, to.logit);
  add_parts(parts, &WeightSums::place, to.place);
  add_parts(parts, &WeightSums::first, to.first);
  add_parts(parts, &WeightSums::first_bias, to.first_bias);
  add_parts(parts, &WeightSums::second_bias, to.second_bias);
  std::vector<float> rows(parts.front().second_rows.size());
  add_parts(parts, &WeightSums::second_rows, rows.data());
  for (int u = 0; u < 4 * width; ++u)
    for (int d = 0; d < width; ++d) to.second[d * 4 * width + u] = rows[static_cast<std::size_t>(u * width + d)];
}

struct Tiles {
  std::int64_t pairs, count;
  explicit Tiles(const BlockPoolShape& shape)
      : pairs(shape.blocks * shape.groups), count((pairs + tile_pairs - 1) / tile_pairs) {}
  int size(std::int64_t tile) const {
    return static_cast<int>(std::min<std::int64_t>(tile_pairs, pairs - tile * tile_pairs));
  }
};

}  // namespace

bool block_pool_supports(const BlockPoolShape& shape) {
  const int width = shape.width;
  return (width == 8 || width == 16 || width == 32 || width == 64) &&
         (shape.block_size == 16 || shape.block_size == 32) && shape.dimension >= 1 && shape.dimension <= 3 &&
         shape.groups >= 1 && shape.groups <= 65535;
}

void block_pool_cpu(const BlockPoolParams<float>& params) {
  const PackedMlp mlp[2] = {{params.weights[0], params.shape.width}, {params.weights[1], params.shape.width}};
  const Tiles tiles(params.shape);
  parallel_for(0, tiles.count, 2, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t tile = first; tile < last; ++tile)
      for (int which = 0; which < 2; ++which)
        forward_any(params, which, mlp[which], tile * tile_pairs, tiles.size(tile));
  });
}

void block_pool_backward_cpu(const BlockPoolParams<float>& params, const BlockPoolGradients<float>& gradients) {
  const PackedMlp mlp[2] = {{params.weights[0], params.shape.width}, {params.weights[1], params.shape.width}};
  const Tiles tiles(params.shape);
  // The cut into parts follows from the sizes alone, so the number of threads changes no bit.
  const std::int64_t count = std::clamp<std::int64_t>(tiles.count / 2, 1, 32);
  std::vector<WeightSums> parts[2] = {{static_cast<std::size_t>(count), WeightSums(params.shape)},
                                      {static_cast<std::size_t>(count), WeightSums(params.shape)}};
  parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t part = first; part < last; ++part) {
      WeightSums sums[2] = {WeightSums(params.shape), WeightSums(params.shape)};
      for (std::int64_t tile = part * tiles.count / count; tile < (part + 1) * tiles.count / count; ++tile)
        backward_any(params, gradients, mlp, tile * tile_pairs, tiles.size(tile), sums);
      for (int which = 0; which < 2; ++which) parts[which][static_cast<std::size_t>(part)] = std::move(sums[which]);
    }
  });
  for (int which = 0; which < 2; ++which)
    put_weight_gradients(parts[which], params.shape.width, gradients.weights[which]);
}

}  // namespace erwin::kernels
