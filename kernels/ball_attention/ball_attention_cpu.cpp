// Ball attention on the CPU. Only real slots take part: a ball's are packed once, their distances computed once for all
// heads; tiles of 16 rows of one head then meet the keys in chunks that stay in the first cache.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ball_attention/ball_attention.h"
#include "kernels/common/cpu_attention.h"
#include "kernels/parallel/parallel.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace erwin::kernels {

namespace {

using Numbers = std::vector<float>;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

struct Problem {
  const BallAttentionParams<float>& params;
  std::int64_t columns;  // (H + 2G) D
  Numbers update;        // [4][columns]: the matrix by coordinates, then the offset; empty without an update

  explicit Problem(const BallAttentionParams<float>& given)
      : params(given), columns(std::int64_t{given.shape.heads + 2 * given.shape.groups} * given.shape.width) {
    if (!params.relative) return;
    update.assign(at(4 * columns), 0.0f);
    const int dimension = params.shape.dimension;
    for (std::int64_t c = 0; c < columns; ++c) {
      for (int a = 0; a < dimension; ++a) update[at(a * columns + c)] = params.matrix[c * dimension + a];
      update[at(3 * columns + c)] = params.offset[c];
    }
  }
  const float* update_of(std::int64_t head) const {  // of the H + 2G heads
    return update.empty() ? nullptr : update.data() + head * params.shape.width;
  }
  std::int64_t balls() const { return params.shape.slots / params.shape.ball_size; }
};

// The real slots of a ball and what is the same for all heads.
struct Ball {
  std::int64_t number = -1, count = 0, padded = 0;  // padded: to a multiple of 16
  std::vector<std::int64_t> slots;
  Numbers distances;  // [padded][padded], 0 beyond the real ones; empty without a distance term
  Numbers relative;   // [count][3]
};

// The keys and values of one ball and KV head: rows [padded][D] and columns [D][padded], zeros beyond the real ones.
struct PackedKeys {
  Numbers k, v, k_columns, v_columns;
};

ERWIN_INLINE void find_distances(const BallAttentionParams<float>& params, Ball& ball) {
  const int dimension = params.shape.dimension;
  Numbers columns(at(dimension * ball.padded), 0.0f);
  for (std::int64_t i = 0; i < ball.count; ++i)
    for (int a = 0; a < dimension; ++a)
      columns[at(a * ball.padded + i)] = params.positions[ball.slots[at(i)] * dimension + a];
  ball.distances.assign(at(ball.padded * ball.padded), 0.0f);
  for (std::int64_t i = 0; i < ball.count; ++i) {
    float* const row = &ball.distances[at(i * ball.padded)];
    for (std::int64_t j = 0; j < ball.padded; j += vector_width) {
      Floats square = all_of(0.0f);
      for (int a = 0; a < dimension; ++a) {
        const Floats step = load_vector(&columns[at(a * ball.padded + j)]) - all_of(columns[at(a * ball.padded + i)]);
        square += step * step;
      }
      store_vector(row + j, sqrt_of(square));
    }
    std::fill(row + ball.count, row + ball.padded, 0.0f);
  }
}

ERWIN_INLINE void begin_ball(const Problem& problem, std::int64_t number, Ball& ball) {
  if (ball.number == number) return;
  const BallAttentionParams<float>& params = problem.params;
  const std::int64_t first = number * params.shape.ball_size;
  ball.number = number;
  ball.slots.clear();
  for (std::int64_t slot = first; slot < first + params.shape.ball_size; ++slot)
    if (params.mask[slot]) ball.slots.push_back(slot);
  ball.count = static_cast<std::int64_t>(ball.slots.size());
  ball.padded = (ball.count + tile_rows - 1) / tile_rows * tile_rows;
  if (params.sigma) find_distances(params, ball);
  if (!params.relative) return;
  ball.relative.assign(at(3 * ball.count), 0.0f);
  for (std::int64_t i = 0; i < ball.count; ++i)
    for (int a = 0; a < params.shape.dimension; ++a)
      ball.relative[at(3 * i + a)] = params.relative[ball.slots[at(i)] * params.shape.dimension + a];
}

// Real slot i's row of q, k or v with its update, times `factor`.
template <int D>
ERWIN_INLINE void put_row(const Problem& problem, const Ball& ball, std::int64_t i, const float* from,
                          const float* update, float factor, float* to) {
  for (int d = 0; d < D; d += vector_width) {
    Floats x = load_vector(from + d);
    if (update) {
      const float *const r = &ball.relative[at(3 * i)], *const column = update + d;
      Floats added = load_vector(column + 3 * problem.columns);
      for (int a = 0; a < 3; ++a) added += load_vector(column + a * problem.columns) * all_of(r[a]);
      x += added;
    }
    store_vector(to + d, x * all_of(factor));
  }
}

template <int D>
ERWIN_INLINE void pack_rows(const Problem& problem, const Ball& ball, const float* from, std::int64_t stride,
                            const float* update, Numbers& rows, Numbers& columns) {
  rows.assign(at(ball.padded * D), 0.0f);
  columns.assign(rows.size(), 0.0f);
  for (std::int64_t i = 0; i < ball.count; ++i) {
    float* const row = &rows[at(i * D)];
    put_row<D>(problem, ball, i, from + ball.slots[at(i)] * stride, update, 1.0f, row);
    for (int d = 0; d < D; ++d) columns[at(d * ball.padded + i)] = row[d];
  }
}

template <int D>
ERWIN_INLINE void pack_keys(const Problem& problem, const Ball& ball, int group, PackedKeys& keys) {
  const BallAttentionParams<float>& params = problem.params;
  const int first = params.shape.heads + group;
  pack_rows<D>(problem, ball, params.k + group * D, params.k_stride, problem.update_of(first), keys.k, keys.k_columns);
  pack_rows<D>(problem, ball, params.v + group * D, params.v_stride, problem.update_of(first + params.shape.groups),
               keys.v, keys.v_columns);
}

// Rows [first, first + tile_rows) of the real slots for one head; zeros beyond them.
struct Tile {
  std::int64_t first, rows;
  int head;
};

template <int D>
ERWIN_INLINE void gather_queries(const Problem& problem, const Ball& ball, const Tile& tile, float factor, float* to) {
  const BallAttentionParams<float>& params = problem.params;
  std::fill_n(to, tile_rows * D, 0.0f);
  for (std::int64_t r = 0; r < tile.rows; ++r)
    put_row<D>(problem, ball, tile.first + r,
               params.q + ball.slots[at(tile.first + r)] * params.q_stride + tile.head * D,
               problem.update_of(tile.head), factor, to + r * D);
}

template <int D>
ERWIN_INLINE void gather_dense(const Problem& problem, const Ball& ball, const Tile& tile, const float* from,
                               float* to) {
  std::fill_n(to, tile_rows * D, 0.0f);
  for (std::int64_t r = 0; r < tile.rows; ++r)
    std::copy_n(from + (ball.slots[at(tile.first + r)] * problem.params.shape.heads + tile.head) * D, D, to + r * D);
}

// Logits of a tile with the keys [first, first + count), count a multiple of 16; -infinity beyond the keys.
template <int D>
ERWIN_INLINE void chunk_logits(const Problem& problem, const Ball& ball, const Tile& tile, const float* q,
                               const PackedKeys& keys, std::int64_t first, std::int64_t count, float* s) {
  chunk_products<D>(q, &keys.k_columns[at(first)], ball.padded, count, s);
  if (problem.params.sigma) {
    const Floats slope = all_of(problem.params.sigma[tile.head] * cpu_log2_e);
    for (int r = 0; r < tile_rows; ++r) {
      const float* const distance = &ball.distances[at((tile.first + r) * ball.padded + first)];
      float* const row = s + r * chunk_keys;
      for (std::int64_t j = 0; j < count; j += vector_width)
        store_vector(row + j, load_vector(row + j) + slope * load_vector(distance + j));
    }
  }
  for (std::int64_t j = std::max<std::int64_t>(0, ball.count - first); j < count; ++j)
    for (int r = 0; r < tile_rows; ++r) s[r * chunk_keys + j] = -cpu_infinity;
}

template <int D>
ERWIN_INLINE void forward_tile(const Problem& problem, const Ball& ball, const Tile& tile, const PackedKeys& keys) {
  const BallAttentionParams<float>& params = problem.params;
  alignas(32) float q[tile_rows * D], out[tile_rows * D] = {}, s[tile_rows * chunk_keys];
  gather_queries<D>(problem, ball, tile, cpu_log2_e / std::sqrt(static_cast<float>(D)), q);
  SoftmaxRows state;
  begin_rows(state);
  for (std::int64_t first = 0; first < ball.padded; first += chunk_keys) {
    const std::int64_t count = std::min<std::int64_t>(chunk_keys, ball.padded - first);
    chunk_logits<D>(problem, ball, tile, q, keys, first, count, s);
    add_chunk<D>(s, count, &keys.v[at(first * D)], out, state);
  }
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const std::int64_t entry = ball.slots[at(tile.first + r)] * params.shape.heads + tile.head;
    const float sum = state.sum[r], inverse = sum != 0 ? 1.0f / sum : 0.0f;
    for (int d = 0; d < D; ++d) params.out[entry * D + d] = out[r * D + d] * inverse;
    params.lse[entry] = state.shift[r] * cpu_ln_2 + std::log(sum);
  }
}

// Sums for the gradients of a ball's packed keys and values of one KV head, and of sigma.
struct BallSums {
  Numbers k, v;
  double sigma = 0;
};

// sum over the chunk of dS |p_i - p_j|.
ERWIN_INLINE double distance_sum(const Ball& ball, const Tile& tile, const float* slopes, std::int64_t first,
                                 std::int64_t count) {
  double total = 0;
  for (std::int64_t r = 0; r < tile.rows; ++r) {
    const float* const distance = &ball.distances[at((tile.first + r) * ball.padded + first)];
    Floats sum = all_of(0.0f);
    for (std::int64_t j = 0; j < count; j += vector_width)
      sum += load_vector(slopes + r * chunk_keys + j) * load_vector(distance + j);
    total += static_cast<double>(sum_of(sum));
  }
  return total;
}

template <int D>
ERWIN_INLINE void backward_tile(const Problem& problem, const BallAttentionGradients<float>& gradients,
                                const Ball& ball, const Tile& tile, const PackedKeys& keys, BallSums& sums) {
  const BallAttentionParams<float>& params = problem.params;
  const float scale = 1.0f / std::sqrt(static_cast<float>(D));
  alignas(32) float q[tile_rows * D], out[tile_rows * D], grad[tile_rows * D], grad_q[tile_rows * D] = {};
  alignas(32) float logits[tile_rows * chunk_keys], slopes[tile_rows * chunk_keys];
  float lse[tile_rows], delta[tile_rows];
  gather_queries<D>(problem, ball, tile, scale * cpu_log2_e, q);
  gather_dense<D>(problem, ball, tile, params.out, out);
  gather_dense<D>(problem, ball, tile, gradients.grad_out, grad);
  const auto entry = [&](std::int64_t r) { return ball.slots[at(tile.first + r)] * params.shape.heads + tile.head; };
  for (int r = 0; r < tile_rows; ++r) {
    const float value = r < tile.rows ? params.lse[entry(r)] : -cpu_infinity;
    lse[r] = value == -cpu_infinity ? cpu_infinity : value * cpu_log2_e;
    delta[r] = 0;
    for (int d = 0; d < D; ++d) delta[r] += grad[r * D + d] * out[r * D + d];
  }
  for (std::int64_t first = 0; first < ball.padded; first += chunk_keys) {
    const std::int64_t count = std::min<std::int64_t>(chunk_keys, ball.padded - first);
    chunk_logits<D>(problem, ball, tile, q, keys, first, count, logits);
    chunk_products<D>(grad, &keys.v_columns[at(first)], ball.padded, count, slopes);
    chunk_gradients<D>({q, grad, lse, delta}, logits, slopes, count, &keys.k[at(first * D)], grad_q,
                       &sums.k[at(first * D)], &sums.v[at(first * D)]);
    if (params.sigma) sums.sigma += distance_sum(ball, tile, slopes, first, count);
  }
  for (std::int64_t r = 0; r < tile.rows; ++r)
    for (int d = 0; d < D; ++d) gradients.grad_q[entry(r) * D + d] = grad_q[r * D + d] * scale;
}

// Tasks are (ball, head), the head fastest; any cut of them gives the same bits.
template <int D>
ERWIN_INLINE void forward_tasks(const Problem& problem, std::int64_t begin, std::int64_t end) {
  const BallShape& shape = problem.params.shape;
  Ball ball;
  PackedKeys keys;
  for (std::int64_t task = begin; task < end; ++task) {
    const int head = static_cast<int>(task % shape.heads), within = head % shape.heads_per_group();
    begin_ball(problem, task / shape.heads, ball);
    if (task == begin || within == 0) pack_keys<D>(problem, ball, head / shape.heads_per_group(), keys);
    for (std::int64_t first = 0; first < ball.count; first += tile_rows)
      forward_tile<D>(problem, ball, {first, std::min<std::int64_t>(tile_rows, ball.count - first), head}, keys);
  }
}

// Tasks are (ball, KV head), the KV head fastest. sigma: [balls][H].
template <int D>
ERWIN_INLINE void backward_tasks(const Problem& problem, const BallAttentionGradients<float>& gradients, double* sigma,
                                 std::int64_t begin, std::int64_t end) {
  const BallShape& shape = problem.params.shape;
  const int heads = shape.heads_per_group();
  Ball ball;
  PackedKeys keys;
  BallSums sums;
  for (std::int64_t task = begin; task < end; ++task) {
    const int group = static_cast<int>(task % shape.groups);
    begin_ball(problem, task / shape.groups, ball);
    pack_keys<D>(problem, ball, group, keys);
    sums.k.assign(keys.k.size(), 0.0f);
    sums.v.assign(keys.v.size(), 0.0f);
    for (int head = group * heads; head < (group + 1) * heads; ++head) {
      sums.sigma = 0;
      for (std::int64_t first = 0; first < ball.count; first += tile_rows)
        backward_tile<D>(problem, gradients, ball, {first, std::min<std::int64_t>(tile_rows, ball.count - first), head},
                         keys, sums);
      sigma[ball.number * shape.heads + head] = sums.sigma;
    }
    for (std::int64_t j = 0; j < ball.count; ++j) {
      const std::int64_t place = (ball.slots[at(j)] * shape.groups + group) * D;
      for (int d = 0; d < D; ++d) {
        gradients.grad_k[place + d] = sums.k[at(j * D + d)] * cpu_ln_2;  // the rows came times scale * log2(e)
        gradients.grad_v[place + d] = sums.v[at(j * D + d)];
      }
    }
  }
}

#define ERWIN_VERSIONS_OF(D)                                                                                 \
  ERWIN_CPU_VERSIONS(forward_##D, (const Problem& problem, std::int64_t begin, std::int64_t end),            \
                     forward_tasks<D>(problem, begin, end))                                                  \
  ERWIN_CPU_VERSIONS(backward_##D,                                                                           \
                     (const Problem& problem, const BallAttentionGradients<float>& gradients, double* sigma, \
                      std::int64_t begin, std::int64_t end),                                                 \
                     backward_tasks<D>(problem, gradients, sigma, begin, end))
ERWIN_VERSIONS_OF(8)
ERWIN_VERSIONS_OF(16)
ERWIN_VERSIONS_OF(32)
ERWIN_VERSIONS_OF(64)
#undef ERWIN_VERSIONS_OF

void forward_range(const Problem& problem, std::int64_t begin, std::int64_t end) {
  switch (problem.params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(forward_8, (problem, begin, end));
    case 16:
      return ERWIN_CPU_CALL(forward_16, (problem, begin, end));
    case 32:
      return ERWIN_CPU_CALL(forward_32, (problem, begin, end));
    default:
      return ERWIN_CPU_CALL(forward_64, (problem, begin, end));
  }
}

void backward_range(const Problem& problem, const BallAttentionGradients<float>& gradients, double* sigma,
                    std::int64_t begin, std::int64_t end) {
  switch (problem.params.shape.width) {
    case 8:
      return ERWIN_CPU_CALL(backward_8, (problem, gradients, sigma, begin, end));
    case 16:
      return ERWIN_CPU_CALL(backward_16, (problem, gradients, sigma, begin, end));
    case 32:
      return ERWIN_CPU_CALL(backward_32, (problem, gradients, sigma, begin, end));
    default:
      return ERWIN_CPU_CALL(backward_64, (problem, gradients, sigma, begin, end));
  }
}

// Tasks that one thread takes at a time: about 2^18 logits.
std::int64_t task_grain(const BallShape& shape, std::int64_t heads) {
  const std::int64_t logits = std::int64_t{shape.ball_size} * shape.ball_size * heads;
  return std::max<std::int64_t>(1, (std::int64_t{1} << 18) / logits);
}

// `value` into the masked slots' rows of [M, each].
void fill_masked(const BallAttentionParams<float>& params, std::int64_t each, float value, float* rows) {
  for (std::int64_t slot = 0; slot < params.shape.slots; ++slot)
    if (!params.mask[slot]) std::fill_n(rows + slot * each, each, value);
}

}  // namespace

bool ball_attention_cpu_supports(const BallShape& shape) {
  const int width = shape.width, size = shape.ball_size;
  return (width == 8 || width == 16 || width == 32 || width == 64) && size >= 16 && size <= 1024 &&
         (size & (size - 1)) == 0 && shape.slots % size == 0 && (shape.dimension == 2 || shape.dimension == 3);
}

void ball_attention_cpu(const BallAttentionParams<float>& params) {
  const BallShape& shape = params.shape;
  fill_masked(params, std::int64_t{shape.heads} * shape.width, 0.0f, params.out);
  fill_masked(params, shape.heads, -cpu_infinity, params.lse);
  const Problem problem(params);
  parallel_for(0, problem.balls() * shape.heads, task_grain(shape, 1),
               [&](std::int64_t begin, std::int64_t end) { forward_range(problem, begin, end); });
}

void ball_attention_backward_cpu(const BallAttentionParams<float>& params,
                                 const BallAttentionGradients<float>& gradients) {
  const BallShape& shape = params.shape;
  fill_masked(params, std::int64_t{shape.heads} * shape.width, 0.0f, gradients.grad_q);
  fill_masked(params, std::int64_t{shape.groups} * shape.width, 0.0f, gradients.grad_k);
  fill_masked(params, std::int64_t{shape.groups} * shape.width, 0.0f, gradients.grad_v);
  const Problem problem(params);
  std::vector<double> sigma(at(problem.balls() * shape.heads));
  parallel_for(
      0, problem.balls() * shape.groups, task_grain(shape, shape.heads_per_group()),
      [&](std::int64_t begin, std::int64_t end) { backward_range(problem, gradients, sigma.data(), begin, end); });
  if (!gradients.grad_sigma) return;
  for (int head = 0; head < shape.heads; ++head) {
    double sum = 0;
    for (std::int64_t ball = 0; ball < problem.balls(); ++ball) sum += sigma[at(ball * shape.heads + head)];
    gradients.grad_sigma[head] = static_cast<float>(sum);
  }
}

}  // namespace erwin::kernels
