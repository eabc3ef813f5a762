// The selected branch on the CPU, backward: one pass over the query blocks gives all three gradients. The query blocks
// are dealt to a fixed number of parts, each with sums of its own for the keys, so the number of threads changes no
// bit.

#include "kernels/parallel/parallel.h"
#include "kernels/selected_attention/packed_blocks.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

struct Backward {
  const SelectedAttentionParams<float>& params;
  const SelectedAttentionGradients<float>& gradients;
  const PackedBlocks& packed;
  std::int64_t parts;
  // [parts][pieces][2][b][D] of the keys (times 1 / ln 2, as the rows come times log2(e) / sqrt(D)) and the values
  std::vector<float> sums;

  std::int64_t pieces() const { return params.shape.blocks() * params.shape.groups; }
  float* sum(std::int64_t part, std::int64_t piece) {
    return sums.data() + (part * pieces() + piece) * 2 * packed.size;
  }
};

template <int D>
ERWIN_INLINE void backward_problem(Backward& pass, const SelectedProblem& problem, std::int64_t part) {
  const PackedBlocks& packed = pass.packed;
  const SelectedAttentionParams<float>& params = problem.params;
  GradientTile<D> rows;
  alignas(32) float weights[tile_rows * chunk_keys], slopes[tile_rows * chunk_keys];
  for (std::int64_t row = 0; row < problem.rows(); row += tile_rows) {
    const std::int64_t number = std::min<std::int64_t>(tile_rows, problem.rows() - row);
    gather_gradients<D>(problem, row, number, params.q, params.out, params.lse, pass.gradients.grad_out, rows);
    for (SelectedChunk chunk(problem, packed.padded); chunk.next();) {
      selected_logits<D>(rows.q, packed, chunk, weights);
      selected_products<D>(rows.grad, packed, packed.v_columns, chunk, slopes);
      chunk_slopes(rows.rows(), weights, slopes, chunk.count * packed.padded);
      for (std::int64_t c = 0; c < chunk.count; ++c) {
        const std::int64_t piece = chunk.piece(c), column = c * packed.padded;
        float* const sum = pass.sum(part, piece);
        add_gradients<D>(rows.rows(), weights + column, slopes + column, packed.padded, packed.piece(packed.k, piece),
                         rows.grad_q, sum, sum + packed.size);
      }
    }
    put_gradients<D>(problem, row, number, rows, pass.gradients.grad_q);
  }
}

// The tasks [first, last) of a stretch of query blocks: task part * G + g has every parts-th block.
template <int D>
ERWIN_INLINE void backward_tasks(Backward& pass, std::int64_t block, std::int64_t end, std::int64_t first,
                                 std::int64_t last) {
  const int groups = pass.params.shape.groups;
  for (std::int64_t task = first; task < last; ++task)
    for (std::int64_t b = block + task / groups; b < end; b += pass.parts)
      backward_problem<D>(pass, {pass.params, b, static_cast<int>(task % groups)}, task / groups);
}

#define ERWIN_VERSIONS_OF(D)                                                                                         \
  ERWIN_CPU_VERSIONS(backward_##D,                                                                                   \
                     (Backward & pass, std::int64_t block, std::int64_t end, std::int64_t first, std::int64_t last), \
                     backward_tasks<D>(pass, block, end, first, last))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)
#undef ERWIN_VERSIONS_OF

void backward(Backward& pass, std::int64_t block, std::int64_t end, std::int64_t first, std::int64_t last) {
  switch (pass.params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(backward_8, (pass, block, end, first, last));
    case 16:
      return ERWIN_CPU_CALL(backward_16, (pass, block, end, first, last));
    case 32:
      return ERWIN_CPU_CALL(backward_32, (pass, block, end, first, last));
    default:
      return ERWIN_CPU_CALL(backward_64, (pass, block, end, first, last));
  }
}

// The parts' sums in their order.
void put_key_gradients(Backward& pass, std::int64_t first, std::int64_t last) {
  const SelectedShape& shape = pass.params.shape;
  const std::int64_t width = shape.width, b = shape.block_size;
  for (std::int64_t piece = first; piece < last; ++piece) {
    float* const sum = pass.sum(0, piece);
    for (std::int64_t part = 1; part < pass.parts; ++part) {
      const float* const other = pass.sum(part, piece);
      for (std::int64_t i = 0; i < 2 * pass.packed.size; ++i) sum[i] += other[i];
    }
    for (std::int64_t i = 0; i < b; ++i) {
      const std::int64_t slot = piece / shape.groups * b + i, to = (slot * shape.groups + piece % shape.groups) * width;
      for (std::int64_t d = 0; d < width; ++d) {
        const bool real = pass.params.mask[slot];
        pass.gradients.grad_k[to + d] = real ? sum[i * width + d] * cpu_ln_2 : 0.0f;
        pass.gradients.grad_v[to + d] = real ? sum[pass.packed.size + i * width + d] : 0.0f;
      }
    }
  }
}

// Enough for the threads, and their sums no more than four times q.
std::int64_t part_count(const SelectedShape& shape) {
  const std::int64_t most = std::max<std::int64_t>(1, shape.blocks() / 4);
  return std::min(most, std::max<std::int64_t>(shape.rows_per_slot(), 8 / shape.groups));
}

}  // namespace

void selected_attention_backward_cpu(const SelectedAttentionParams<float>& params,
                                     const SelectedAttentionGradients<float>& gradients,
                                     const std::function<void()>& between) {
  const PackedBlocks packed(params, true);
  Backward pass{params, gradients, packed, part_count(params.shape), {}};
  const std::int64_t blocks = params.shape.blocks();
  pass.sums.assign(static_cast<std::size_t>(pass.parts * pass.pieces() * 2 * packed.size), 0.0f);
  const std::int64_t stretch = blocks_per_stretch(params.shape, pass.parts);
  for (std::int64_t block = 0; block < blocks; block += stretch) {
    if (between) between();
    const std::int64_t end = std::min(blocks, block + stretch);
    parallel_for(0, pass.parts * params.shape.groups, 1,
                 [&](std::int64_t first, std::int64_t last) { backward(pass, block, end, first, last); });
  }
  parallel_for(0, pass.pieces(), 16,
               [&](std::int64_t first, std::int64_t last) { put_key_gradients(pass, first, last); });
}

}  // namespace erwin::kernels
