#pragma once
// Keys and values of the selected branch on the CPU, packed once per call: every block and KV head in one piece, b
// rounded up to a multiple of 16. And the problems that meet them.

#include <cstdint>
#include <vector>

#include "kernels/common/cpu_rows.h"
#include "kernels/selected_attention/selected_attention.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"  // as in cpu_vectors.h

namespace erwin::kernels {

// "Piece" number block * G + g: [b][D] rows or [D][b] columns; zeros in masked slots.
struct PackedBlocks {
  explicit PackedBlocks(const SelectedAttentionParams<float>& params, bool for_backward);

  const float* piece(const std::vector<float>& values, std::int64_t index) const {
    return values.data() + index * size;
  }
  std::int64_t padded, size;  // keys and values of a piece
  std::vector<float> k_columns, v;
  std::vector<float> k, v_columns;  // for_backward
  std::vector<float> bias;          // [blocks, padded] 0, or -infinity where there is no key
  std::vector<char> full;           // [blocks] all padded keys exist
};

// The rows of one query block and KV head.
struct SelectedProblem {
  const SelectedAttentionParams<float>& params;
  std::int64_t block;
  int group;
  std::int64_t rows() const { return params.shape.rows_per_block(); }
  std::int64_t slot(std::int64_t row) const {
    return block * params.shape.block_size + row / params.shape.rows_per_slot();
  }
  std::int64_t entry(std::int64_t row) const {
    const int per_slot = params.shape.rows_per_slot();
    return slot(row) * params.shape.heads + group * per_slot + row % per_slot;
  }
  bool real(std::int64_t row) const { return params.mask[slot(row)]; }
  const std::int64_t* selected() const {
    return params.selected + (block * params.shape.groups + group) * params.selected_stride;
  }
};

// The selected blocks that exist, in chunks of at most chunk_keys keys: while (chunk.next()) ... No callback: what
// it calls would be compiled for another processor.
struct SelectedChunk {
  SelectedChunk(const SelectedProblem& problem, std::int64_t padded)
      : most(chunk_keys / padded),
        ids_(problem.selected()),
        columns_(problem.params.shape.columns),
        groups_(problem.params.shape.groups),
        group_(problem.group) {}
  bool next() {
    count = 0;
    for (; column_ < columns_ && count < most; ++column_)
      if (ids_[column_] >= 0) blocks[count++] = ids_[column_];
    return count > 0;
  }
  std::int64_t piece(std::int64_t c) const { return blocks[c] * groups_ + group_; }

  std::int64_t blocks[chunk_keys / 16];
  std::int64_t count = 0, most;

private:
  const std::int64_t* ids_;
  int columns_, groups_, group_, column_ = 0;
};

// Products of 16 rows with the keys (or values) of a chunk's blocks: s[row][key], rows of chunk_keys floats.
template <int D>
ERWIN_INLINE void selected_products(const float* rows, const PackedBlocks& packed, const std::vector<float>& columns,
                                    const SelectedChunk& chunk, float* s) {
  for (std::int64_t c = 0; c < chunk.count; ++c) {
    const float* const piece = packed.piece(columns, chunk.piece(c));
    chunk_products<D>(rows, piece, packed.padded, packed.padded, s + c * packed.padded);
  }
}

// Logits are products, -infinity where there is no key.
template <int D>
ERWIN_INLINE void selected_logits(const float* q, const PackedBlocks& packed, const SelectedChunk& chunk, float* s) {
  selected_products<D>(q, packed, packed.k_columns, chunk, s);
  for (std::int64_t c = 0; c < chunk.count; ++c) {
    if (packed.full[static_cast<std::size_t>(chunk.blocks[c])]) continue;
    const float* const bias = packed.bias.data() + chunk.blocks[c] * packed.padded;
    for (std::int64_t j = 0; j < packed.padded; j += vector_width) {
      const Floats none = load_vector(bias + j);
      for (int r = 0; r < tile_rows; ++r) {
        float* const at = s + r * chunk_keys + c * packed.padded + j;
        store_vector(at, none < all_of(0.0f) ? none : load_vector(at));
      }
    }
  }
}

// Query blocks of one stretch of the work: about so many logits, so that a stopped job ends soon. A multiple of `step`.
std::int64_t blocks_per_stretch(const SelectedShape& shape, std::int64_t step);

}  // namespace erwin::kernels

#pragma GCC diagnostic pop
