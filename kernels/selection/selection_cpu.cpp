#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/common/cpu_vectors.h"
#include "kernels/parallel/parallel.h"
#include "kernels/selection/selection.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr int tile_rows = 4, chunk_keys = 256;

// The blocks of one sample and KV head that can be chosen, their keys as columns [D][padded].
struct Candidates {
  std::vector<std::int64_t> ids;  // within the sample, ascending
  std::vector<float> columns;
  std::int64_t padded = 0;
};

Candidates candidates_of(const SelectionParams<float>& params, std::int64_t sample, int group) {
  const std::int64_t begin = params.block_offsets[sample], end = params.block_offsets[sample + 1],
                     width = params.shape.width;
  Candidates candidates;
  for (std::int64_t b = begin; b < end; ++b)
    if (params.real[b]) candidates.ids.push_back(b - begin);
  const auto count = static_cast<std::int64_t>(candidates.ids.size());
  candidates.padded = (count + 15) / 16 * 16;
  candidates.columns.assign(static_cast<std::size_t>(candidates.padded * width), 0.0f);
  for (std::int64_t j = 0; j < count; ++j) {
    const float* const key =
        params.keys + ((begin + candidates.ids[static_cast<std::size_t>(j)]) * params.shape.groups + group) * width;
    for (std::int64_t d = 0; d < width; ++d)
      candidates.columns[static_cast<std::size_t>(d * candidates.padded + j)] = key[d];
  }
  return candidates;
}

// The best scores so far, best first; among equals the one that came first stays ahead.
class BestScores {
public:
  explicit BestScores(int count) : score_(static_cast<std::size_t>(count), -infinity), id_(score_.size(), -1) {}
  void clear() {
    std::fill(score_.begin(), score_.end(), -infinity);
    std::fill(id_.begin(), id_.end(), -1);
  }
  float worst() const { return score_.back(); }
  void insert(float score, std::int64_t id) {
    std::size_t place = score_.size() - 1;
    for (; place > 0 && score_[place - 1] < score; --place) {
      score_[place] = score_[place - 1];
      id_[place] = id_[place - 1];
    }
    score_[place] = score;
    id_[place] = id;
  }
  const std::vector<float>& scores() const { return score_; }
  const std::vector<std::int64_t>& ids() const { return id_; }

private:
  std::vector<float> score_;
  std::vector<std::int64_t> id_;
};

// s[r][j] of 4 rows and `count` candidates from `first`.
template <int D>
ERWIN_INLINE void scores_of_rows(const float* rows, const Candidates& candidates, std::int64_t first,
                                 std::int64_t count, float* s) {
  for (std::int64_t j = 0; j < count; j += 16)
    products_4x16<D>(rows, candidates.columns.data() + first + j, candidates.padded, s + j, chunk_keys);
}

#define ERWIN_VERSIONS_OF(D)                                                                                           \
  ERWIN_CPU_VERSIONS(                                                                                                  \
      scores_##D, (const float* rows, const Candidates& candidates, std::int64_t first, std::int64_t count, float* s), \
      scores_of_rows<D>(rows, candidates, first, count, s))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)
#undef ERWIN_VERSIONS_OF

void scores_of(int width, const float* rows, const Candidates& candidates, std::int64_t first, std::int64_t count,
               float* s) {
  switch (width) {
    case 8:
      return ERWIN_CPU_CALL(scores_8, (rows, candidates, first, count, s));
    case 16:
      return ERWIN_CPU_CALL(scores_16, (rows, candidates, first, count, s));
    case 32:
      return ERWIN_CPU_CALL(scores_32, (rows, candidates, first, count, s));
    case 64:
      return ERWIN_CPU_CALL(scores_64, (rows, candidates, first, count, s));
    default:
      break;
  }
  for (int r = 0; r < tile_rows; ++r)
    for (std::int64_t j = 0; j < count; ++j) {
      float sum = 0;
      for (int d = 0; d < width; ++d)
        sum = std::fma(rows[r * width + d],
                       candidates.columns[static_cast<std::size_t>(d * candidates.padded + first + j)], sum);
      s[r * chunk_keys + j] = sum;
    }
}

void select_rows(const SelectionParams<float>& params, std::int64_t sample, int group, const Candidates& candidates,
                 std::int64_t first_row, std::int64_t last_row) {
  const SelectionShape& shape = params.shape;
  const std::int64_t begin = params.block_offsets[sample];
  const auto keys = static_cast<std::int64_t>(candidates.ids.size());
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.width)));
  std::vector<float> rows(static_cast<std::size_t>(tile_rows * shape.width)), s(tile_rows * chunk_keys);
  std::vector<BestScores> best(tile_rows, BestScores(shape.count));
  for (std::int64_t row = first_row; row < last_row; row += tile_rows) {
    const std::int64_t count = std::min<std::int64_t>(tile_rows, last_row - row);
    std::fill(rows.begin(), rows.end(), 0.0f);
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(params.mean_query + ((begin + row + r) * shape.groups + group) * shape.width, shape.width,
                  rows.begin() + r * shape.width);
    for (BestScores& list : best) list.clear();
    for (std::int64_t first = 0; first < keys; first += chunk_keys) {
      const std::int64_t there = std::min<std::int64_t>(chunk_keys, keys - first);
      scores_of(shape.width, rows.data(), candidates, first, (there + 15) / 16 * 16, s.data());
      for (std::int64_t r = 0; r < count; ++r) {
        if (!params.real[begin + row + r]) continue;
        BestScores& list = best[static_cast<std::size_t>(r)];
        const std::int64_t unit = shape.excluded > 0 ? (row + r) / shape.excluded : -1;
        for (std::int64_t j = 0; j < there; ++j) {
          const float score = s[static_cast<std::size_t>(r * chunk_keys + j)] * scale;
          if (!(score > list.worst())) continue;
          const std::int64_t id = candidates.ids[static_cast<std::size_t>(first + j)];
          if (shape.excluded > 0 && id / shape.excluded == unit) continue;
          list.insert(score, id);
        }
      }
    }
    for (std::int64_t r = 0; r < count; ++r) {
      const std::int64_t out = ((begin + row + r) * shape.groups + group) * shape.count;
      const BestScores& list = best[static_cast<std::size_t>(r)];
      std::copy(list.scores().begin(), list.scores().end(), params.scores + out);
      for (std::size_t i = 0; i < list.ids().size(); ++i)
        params.ids[out + static_cast<std::int64_t>(i)] = list.ids()[i] < 0 ? -1 : begin + list.ids()[i];
    }
  }
}

// Sums of the query heads of each KV head over a block's real slots, for a width of whole vectors.
ERWIN_INLINE void add_query_rows(const MeanQueryParams<float>& params, std::int64_t slot, float* sums) {
  const std::int64_t width = params.width, per_query = params.heads / params.groups;
  const float* row = params.q + slot * params.heads * width;
  for (std::int64_t group = 0; group < params.groups; ++group, sums += width)
    for (std::int64_t head = 0; head < per_query; ++head, row += width) {
      std::int64_t d = 0;
      for (; d + vector_width <= width; d += vector_width)
        store_vector(sums + d, load_vector(sums + d) + load_vector(row + d));
      for (; d < width; ++d) sums[d] += row[d];
    }
}

ERWIN_INLINE void mean_blocks(const MeanQueryParams<float>& params, std::int64_t first, std::int64_t last) {
  const std::int64_t values = std::int64_t{params.groups} * params.width;
  for (std::int64_t block = first; block < last; ++block) {
    float* const out = params.out + block * values;
    std::fill_n(out, values, 0.0f);
    std::int64_t real = 0;
    for (std::int64_t slot = block * params.block_size; slot < (block + 1) * params.block_size; ++slot) {
      if (!params.mask[slot]) continue;
      ++real;
      add_query_rows(params, slot, out);
    }
    const auto count = static_cast<float>(std::max<std::int64_t>(1, real) * (params.heads / params.groups));
    for (std::int64_t i = 0; i < values; ++i) out[i] /= count;
  }
}
ERWIN_CPU_VERSIONS(mean_blocks, (const MeanQueryParams<float>& params, std::int64_t first, std::int64_t last),
                   mean_blocks(params, first, last))

}  // namespace

void select_blocks_cpu(const SelectionParams<float>& params, std::int64_t first, std::int64_t last) {
  for (std::int64_t sample = 0; sample < params.shape.samples; ++sample) {
    const std::int64_t begin = params.block_offsets[sample], end = params.block_offsets[sample + 1];
    const std::int64_t first_row = std::max(first, begin) - begin, last_row = std::min(last, end) - begin;
    if (first_row >= last_row) continue;
    const std::int64_t tiles = (last_row - first_row + tile_rows - 1) / tile_rows;
    const std::int64_t grain = std::max<std::int64_t>(1, (1 << 12) / (end - begin + 1));
    for (int group = 0; group < params.shape.groups; ++group) {
      const Candidates candidates = candidates_of(params, sample, group);
      parallel_for(0, tiles, grain, [&](std::int64_t first_tile, std::int64_t last_tile) {
        select_rows(params, sample, group, candidates, first_row + first_tile * tile_rows,
                    std::min(last_row, first_row + last_tile * tile_rows));
      });
    }
  }
}

void mean_queries_cpu(const MeanQueryParams<float>& params) {
  parallel_for(0, params.blocks, 4,
               [&](std::int64_t first, std::int64_t last) { ERWIN_CPU_CALL(mean_blocks, (params, first, last)); });
}

}  // namespace erwin::kernels
