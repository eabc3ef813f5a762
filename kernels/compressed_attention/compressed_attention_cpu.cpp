// The compressed branch on the CPU. The keys that exist, the memory slot among them, are packed once per sample and KV
// head; tiles of 16 rows then meet them in chunks that stay in the first cache.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/common/cpu_rows.h"
#include "kernels/compressed_attention/compressed_attention.h"
#include "kernels/parallel/parallel.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

// The keys and values of one sample and KV head: rows [count][D] and columns [D][padded], padded to a multiple of 16.
struct PackedKeys {
  std::vector<std::int64_t> entry;  // of [B, G]; -1: the memory slot
  std::vector<float> k, v, k_columns, v_columns;
  std::int64_t count = 0, padded = 0;
};

struct Problem {
  const CompressedAttentionParams<float>& params;
  std::int64_t sample;
  int group;
  int per_query() const { return params.shape.rows_per_query(); }
  std::int64_t first_row() const { return params.row_offsets[sample]; }
  std::int64_t rows() const { return (params.row_offsets[sample + 1] - first_row()) * per_query(); }
  std::int64_t slot(std::int64_t row) const { return first_row() + row / per_query(); }
  std::int64_t entry(std::int64_t row) const {
    return slot(row) * params.shape.heads + group * per_query() + row % per_query();
  }
  bool real(std::int64_t row) const { return params.mask[slot(row)]; }
};

PackedKeys pack_keys(const Problem& problem) {
  const CompressedAttentionParams<float>& params = problem.params;
  const std::int64_t width = params.shape.width, groups = params.shape.groups;
  PackedKeys keys;
  if (params.memory_k) keys.entry.push_back(-1);
  for (std::int64_t b = params.block_offsets[problem.sample]; b < params.block_offsets[problem.sample + 1]; ++b)
    if (params.real[b]) keys.entry.push_back(b * groups + problem.group);
  keys.count = static_cast<std::int64_t>(keys.entry.size());
  keys.padded = (keys.count + 15) / 16 * 16;
  const auto pack = [&](const float* blocks, const float* memory, std::vector<float>& rows,
                        std::vector<float>& columns) {
    rows.assign(static_cast<std::size_t>(keys.padded * width), 0.0f);
    columns.assign(rows.size(), 0.0f);
    for (std::int64_t j = 0; j < keys.count; ++j) {
      const std::int64_t entry = keys.entry[static_cast<std::size_t>(j)];
      const float* const from = entry < 0 ? memory + problem.group * width : blocks + entry * width;
      for (std::int64_t d = 0; d < width; ++d)
        rows[static_cast<std::size_t>(j * width + d)] = columns[static_cast<std::size_t>(d * keys.padded + j)] =
            from[d];
    }
  };
  pack(params.k, params.memory_k, keys.k, keys.k_columns);
  pack(params.v, params.memory_v, keys.v, keys.v_columns);
  return keys;
}

// Logits of the tile's rows with the keys [first, first + count), count a multiple of 16; -infinity beyond the keys.
template <int D>
ERWIN_INLINE void chunk_logits(const float* q, const PackedKeys& keys, std::int64_t first, std::int64_t count,
                               float* s) {
  chunk_products<D>(q, keys.k_columns.data() + first, keys.padded, count, s);
  for (std::int64_t j = std::max<std::int64_t>(0, keys.count - first); j < count; ++j)
    for (int r = 0; r < tile_rows; ++r) s[r * chunk_keys + j] = -cpu_infinity;
}

template <int D>
ERWIN_INLINE void forward_tile(const float* q, const PackedKeys& keys, float* out, SoftmaxRows& state) {
  alignas(32) float s[tile_rows * chunk_keys];
  begin_rows(state);
  for (std::int64_t first = 0; first < keys.padded; first += chunk_keys) {
    const std::int64_t count = std::min<std::int64_t>(chunk_keys, keys.padded - first);
    chunk_logits<D>(q, keys, first, count, s);
    add_chunk<D>(s, count, keys.v.data() + first * D, out, state);
  }
}

template <int D>
ERWIN_INLINE void forward_rows(const Problem& problem, const PackedKeys& keys, std::int64_t first, std::int64_t last) {
  const float scale = cpu_log2_e / std::sqrt(static_cast<float>(D));
  alignas(32) float q[tile_rows * D], out[tile_rows * D];
  SoftmaxRows state;
  for (std::int64_t tile = first; tile < last; ++tile) {
    const std::int64_t row = tile * tile_rows, count = std::min<std::int64_t>(tile_rows, problem.rows() - row);
    gather_rows<D>(problem, row, count, problem.params.q, scale, q);
    std::fill_n(out, tile_rows * D, 0.0f);
    forward_tile<D>(q, keys, out, state);
    put_rows<D>(problem, row, count, state, out, problem.params.out, problem.params.lse);
  }
}

// Sums for the gradients of the packed keys and values.
struct KeySums {
  std::vector<float> k, v;
};

// One tile of rows backward: grad_q (of q times `scale`), and what it adds to the keys' sums.
template <int D>
ERWIN_INLINE void backward_tile(const BackwardRows& rows, const PackedKeys& keys, float* grad_q, KeySums& sums) {
  alignas(32) float logits[tile_rows * chunk_keys], slopes[tile_rows * chunk_keys];
  for (std::int64_t first = 0; first < keys.padded; first += chunk_keys) {
    const std::int64_t count = std::min<std::int64_t>(chunk_keys, keys.padded - first);
    chunk_logits<D>(rows.q, keys, first, count, logits);
    chunk_products<D>(rows.grad, keys.v_columns.data() + first, keys.padded, count, slopes);
    chunk_gradients<D>(rows, logits, slopes, count, keys.k.data() + first * D, grad_q, sums.k.data() + first * D,
                       sums.v.data() + first * D);
  }
}

template <int D>
ERWIN_INLINE void backward_rows(const Problem& problem, const CompressedAttentionGradients<float>& gradients,
                                const PackedKeys& keys, std::int64_t first, std::int64_t last, KeySums& sums) {
  const CompressedAttentionParams<float>& params = problem.params;
  GradientTile<D> rows;
  for (std::int64_t tile = first; tile < last; ++tile) {
    const std::int64_t row = tile * tile_rows, count = std::min<std::int64_t>(tile_rows, problem.rows() - row);
    gather_gradients<D>(problem, row, count, params.q, params.out, params.lse, gradients.grad_out, rows);
    backward_tile<D>(rows.rows(), keys, rows.grad_q, sums);
    put_gradients<D>(problem, row, count, rows, gradients.grad_q);
  }
}

#define ERWIN_VERSIONS_OF(D)                                                                                  \
  ERWIN_CPU_VERSIONS(forward_##D,                                                                             \
                     (const Problem& problem, const PackedKeys& keys, std::int64_t first, std::int64_t last), \
                     forward_rows<D>(problem, keys, first, last))                                             \
  ERWIN_CPU_VERSIONS(backward_##D,                                                                            \
                     (const Problem& problem, const CompressedAttentionGradients<float>& gradients,           \
                      const PackedKeys& keys, std::int64_t first, std::int64_t last, KeySums& sums),          \
                     backward_rows<D>(problem, gradients, keys, first, last, sums))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)
#undef ERWIN_VERSIONS_OF

void forward_tiles(const Problem& problem, const PackedKeys& keys, std::int64_t first, std::int64_t last) {
  switch (problem.params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(forward_8, (problem, keys, first, last));
    case 16:
      return ERWIN_CPU_CALL(forward_16, (problem, keys, first, last));
    case 32:
      return ERWIN_CPU_CALL(forward_32, (problem, keys, first, last));
    default:
      return ERWIN_CPU_CALL(forward_64, (problem, keys, first, last));
  }
}

void backward_tiles(const Problem& problem, const CompressedAttentionGradients<float>& gradients,
                    const PackedKeys& keys, std::int64_t first, std::int64_t last, KeySums& sums) {
  switch (problem.params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(backward_8, (problem, gradients, keys, first, last, sums));
    case 16:
      return ERWIN_CPU_CALL(backward_16, (problem, gradients, keys, first, last, sums));
    case 32:
      return ERWIN_CPU_CALL(backward_32, (problem, gradients, keys, first, last, sums));
    default:
      return ERWIN_CPU_CALL(backward_64, (problem, gradients, keys, first, last, sums));
  }
}

template <typename Body>
void for_each_problem(const CompressedAttentionParams<float>& params, const Body& body) {
  for (std::int64_t sample = 0; sample < params.shape.samples; ++sample)
    for (int group = 0; group < params.shape.groups; ++group) {
      const Problem problem{params, sample, group};
      if (problem.rows() > 0) body(problem, pack_keys(problem), (problem.rows() + tile_rows - 1) / tile_rows);
    }
}

// The parts' sums in their order, to where the packed keys came from.
void put_key_gradients(const Problem& problem, const CompressedAttentionGradients<float>& gradients,
                       const PackedKeys& keys, const std::vector<KeySums>& parts) {
  const std::int64_t width = problem.params.shape.width;
  for (std::int64_t j = 0; j < keys.count; ++j) {
    const std::int64_t entry = keys.entry[static_cast<std::size_t>(j)];
    float* const k = entry < 0 ? gradients.grad_memory_k + problem.group * width : gradients.grad_k + entry * width;
    float* const v = entry < 0 ? gradients.grad_memory_v + problem.group * width : gradients.grad_v + entry * width;
    for (std::int64_t d = 0; d < width; ++d)
      for (const KeySums& part : parts) {
        k[d] += part.k[static_cast<std::size_t>(j * width + d)] * cpu_ln_2;  // the rows came times scale * log2(e)
        v[d] += part.v[static_cast<std::size_t>(j * width + d)];
      }
  }
}

}  // namespace

bool compressed_attention_cpu_supports(const CompressedShape& shape) {
  const int width = shape.width;
  return width == 8 || width == 16 || width == 32 || width == 64;
}

void compressed_attention_cpu(const CompressedAttentionParams<float>& params) {
  for_each_problem(params, [](const Problem& problem, const PackedKeys& keys, std::int64_t tiles) {
    parallel_for(0, tiles, 16,
                 [&](std::int64_t first, std::int64_t last) { forward_tiles(problem, keys, first, last); });
  });
}

void compressed_attention_backward_cpu(const CompressedAttentionParams<float>& params,
                                       const CompressedAttentionGradients<float>& gradients) {
  const std::int64_t key_values = params.shape.blocks * params.shape.groups * params.shape.width;
  std::fill_n(gradients.grad_k, key_values, 0.0f);
  std::fill_n(gradients.grad_v, key_values, 0.0f);
  if (params.memory_k) {
    std::fill_n(gradients.grad_memory_k, params.shape.groups * params.shape.width, 0.0f);
    std::fill_n(gradients.grad_memory_v, params.shape.groups * params.shape.width, 0.0f);
  }
  for_each_problem(params, [&](const Problem& problem, const PackedKeys& keys, std::int64_t tiles) {
    // The cut into parts follows from the sizes alone, so the number of threads changes no bit.
    const std::int64_t count = std::clamp<std::int64_t>(tiles / 32, 1, 32);
    std::vector<KeySums> parts(static_cast<std::size_t>(count));
    parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t part = first; part < last; ++part) {
        KeySums& sums = parts[static_cast<std::size_t>(part)];
        sums.k.assign(keys.k.size(), 0.0f);
        sums.v.assign(keys.v.size(), 0.0f);
        backward_tiles(problem, gradients, keys, part * tiles / count, (part + 1) * tiles / count, sums);
      }
    });
    put_key_gradients(problem, gradients, keys, parts);
  });
}

}  // namespace erwin::kernels
