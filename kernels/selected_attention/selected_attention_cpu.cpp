// The selected branch on the CPU, forward: tiles of 16 rows meet the blocks that they selected.

#include "kernels/parallel/parallel.h"
#include "kernels/selected_attention/packed_blocks.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

template <int D>
ERWIN_INLINE void forward_problem(const SelectedProblem& problem, const PackedBlocks& packed) {
  alignas(32) float q[tile_rows * D], out[tile_rows * D], s[tile_rows * chunk_keys];
  for (std::int64_t row = 0; row < problem.rows(); row += tile_rows) {
    const std::int64_t rows = std::min<std::int64_t>(tile_rows, problem.rows() - row);
    gather_rows<D>(problem, row, rows, problem.params.q, cpu_log2_e / std::sqrt(static_cast<float>(D)), q);
    std::fill_n(out, tile_rows * D, 0.0f);
    SoftmaxRows state;
    begin_rows(state);
    for (SelectedChunk chunk(problem, packed.padded); chunk.next();) {
      selected_logits<D>(q, packed, chunk, s);
      weigh_chunk<D>(s, chunk.count * packed.padded, out, state);
      for (std::int64_t c = 0; c < chunk.count; ++c)
        for (int r = 0; r < tile_rows; r += 4)
          add_weighted_4<D>(out + r * D, s + r * chunk_keys + c * packed.padded, chunk_keys, 1,
                            packed.piece(packed.v, chunk.piece(c)), packed.padded);
    }
    put_rows<D>(problem, row, rows, state, out, problem.params.out, problem.params.lse);
  }
}

template <int D>
ERWIN_INLINE void forward_problems(const SelectedAttentionParams<float>& params, const PackedBlocks& packed,
                                   std::int64_t first, std::int64_t last) {
  for (std::int64_t index = first; index < last; ++index)
    forward_problem<D>({params, index / params.shape.groups, static_cast<int>(index % params.shape.groups)}, packed);
}

#define ERWIN_VERSIONS_OF(D)                                                                                        \
  ERWIN_CPU_VERSIONS(forward_##D,                                                                                   \
                     (const SelectedAttentionParams<float>& params, const PackedBlocks& packed, std::int64_t first, \
                      std::int64_t last),                                                                           \
                     forward_problems<D>(params, packed, first, last))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)
#undef ERWIN_VERSIONS_OF

void forward(const SelectedAttentionParams<float>& params, const PackedBlocks& packed, std::int64_t first,
             std::int64_t last) {
  switch (params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(forward_8, (params, packed, first, last));
    case 16:
      return ERWIN_CPU_CALL(forward_16, (params, packed, first, last));
    case 32:
      return ERWIN_CPU_CALL(forward_32, (params, packed, first, last));
    default:
      return ERWIN_CPU_CALL(forward_64, (params, packed, first, last));
  }
}

}  // namespace

PackedBlocks::PackedBlocks(const SelectedAttentionParams<float>& params, bool for_backward)
    : padded((params.shape.block_size + 15) / 16 * 16), size(padded * params.shape.width) {
  const SelectedShape& shape = params.shape;
  const std::int64_t blocks = shape.blocks(), groups = shape.groups, width = shape.width, b = shape.block_size;
  const auto all = static_cast<std::size_t>(blocks * groups * size);
  for (std::vector<float>* values : {&k_columns, &v}) values->resize(all);
  if (for_backward)
    for (std::vector<float>* values : {&k, &v_columns}) values->resize(all);
  bias.assign(static_cast<std::size_t>(blocks * padded), -cpu_infinity);
  full.resize(static_cast<std::size_t>(blocks));
  parallel_for(0, blocks, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t block = first; block < last; ++block) {
      std::int64_t real = 0;
      for (std::int64_t i = 0; i < b; ++i) {
        const std::int64_t slot = block * b + i;
        if (!params.mask[slot]) continue;
        ++real;
        bias[static_cast<std::size_t>(block * padded + i)] = 0;
        for (std::int64_t g = 0; g < groups; ++g) {
          const float *const key = params.k + (slot * groups + g) * width, *const value =
                                                                               params.v + (slot * groups + g) * width;
          const std::int64_t piece = (block * groups + g) * size;
          std::copy_n(value, width, v.data() + piece + i * width);
          for (std::int64_t d = 0; d < width; ++d) k_columns[static_cast<std::size_t>(piece + d * padded + i)] = key[d];
          if (!for_backward) continue;
          std::copy_n(key, width, k.data() + piece + i * width);
          for (std::int64_t d = 0; d < width; ++d)
            v_columns[static_cast<std::size_t>(piece + d * padded + i)] = value[d];
        }
      }
      full[static_cast<std::size_t>(block)] = real == padded;
    }
  });
}

std::int64_t blocks_per_stretch(const SelectedShape& shape, std::int64_t step) {
  constexpr std::int64_t logits = std::int64_t{1} << 25;
  const std::int64_t per_block =
      std::int64_t{shape.rows_per_block()} * shape.groups * std::max(1, shape.columns) * shape.block_size;
  return std::max<std::int64_t>(1, logits / per_block / step) * step;
}

bool selected_attention_cpu_supports(const SelectedShape& shape) {
  const int width = shape.width;
  return (width == 8 || width == 16 || width == 32 || width == 64) && shape.block_size <= chunk_keys;
}

void selected_attention_cpu(const SelectedAttentionParams<float>& params, const std::function<void()>& between) {
  const PackedBlocks packed(params, false);
  const std::int64_t blocks = params.shape.blocks(), groups = params.shape.groups;
  const std::int64_t stretch = blocks_per_stretch(params.shape, 1);
  for (std::int64_t block = 0; block < blocks; block += stretch) {
    if (between) between();
    parallel_for(block * groups, std::min(blocks, block + stretch) * groups, 1,
                 [&](std::int64_t first, std::int64_t last) { forward(params, packed, first, last); });
  }
}

}  // namespace erwin::kernels
