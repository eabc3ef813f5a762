#include "tests/core/attention/synthetic.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace erwin::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Array<float> random_array(std::vector<std::int64_t> shape, double deviation, std::mt19937& random) {
  Array<float> array(std::move(shape));
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  for (std::size_t i = 0; i < array.element_count(); ++i) array.data()[i] = normal(random);
  return array;
}

bool has_point(const LayerTap& layer, std::int64_t slot) {
  return layer.slot_point_begin.at(static_cast<std::size_t>(slot)) !=
         layer.slot_point_begin.at(static_cast<std::size_t>(slot + 1));
}

// Deals points to slots in a shuffled order.
void deal_points(const Shape& shape, Tap& tap, LayerTap& layer, std::mt19937& random) {
  const int slots = shape.balls * shape.ball;
  std::uniform_real_distribution<double> chance(0, 1);
  std::uniform_int_distribution<int> several(1, shape.points_per_slot);
  std::vector<int> counts;
  for (int slot = 0; slot < slots; ++slot) {
    const bool hole =
        (shape.empty_block >= 0 && slot / shape.block == shape.empty_block) || chance(random) < shape.padding;
    counts.push_back(hole && slot > 0 ? 0 : several(random));
  }
  tap.point_count = std::accumulate(counts.begin(), counts.end(), 0);
  std::vector<std::int32_t> points(static_cast<std::size_t>(tap.point_count));
  std::iota(points.begin(), points.end(), 0);
  std::shuffle(points.begin(), points.end(), random);
  layer.slot_point_begin = {0};
  auto next = points.begin();
  for (const int count : counts) {
    if (count == 0 && shape.copies) layer.slot_points.push_back(layer.slot_points.back());
    layer.slot_points.insert(layer.slot_points.end(), next, next + count);
    next += count;
    layer.slot_point_begin.push_back(static_cast<std::int64_t>(layer.slot_points.size()));
  }
}

void take_points(const BallTree& tree, Tap& tap, LayerTap& layer) {
  tap.point_count = tree.point_count;
  layer.slot_point_begin = {0};
  for (std::size_t slot = 0; slot < tree.slot_point.size(); ++slot) {
    if (tree.slot_mask[slot]) layer.slot_points.push_back(tree.slot_point[slot]);
    layer.slot_point_begin.push_back(static_cast<std::int64_t>(layer.slot_points.size()));
  }
}

bool block_has_point(const LayerTap& layer, std::int64_t block) {
  for (std::int64_t slot = block * layer.block_size; slot < (block + 1) * layer.block_size; ++slot)
    if (has_point(layer, slot)) return true;
  return false;
}

void choose_blocks(const Shape& shape, LayerTap& layer, std::mt19937& random) {
  const int blocks = shape.balls * shape.ball / shape.block;
  layer.selected = Array<std::int32_t>({blocks, shape.kv_heads, shape.chosen});
  layer.selected_score = random_array({blocks, shape.kv_heads, shape.chosen}, 1, random);
  std::fill_n(layer.selected.data(), layer.selected.element_count(), -1);
  for (int block = 0; block < blocks; ++block)
    for (int group = 0; group < shape.kv_heads; ++group) {
      std::vector<std::int32_t> free;
      for (std::int32_t other = 0; other < blocks; ++other)
        if (other * shape.block / shape.ball != block * shape.block / shape.ball && block_has_point(layer, other))
          free.push_back(other);
      std::shuffle(free.begin(), free.end(), random);
      const auto count = std::min(free.size(), static_cast<std::size_t>(shape.chosen));
      std::copy_n(free.begin(), count, layer.selected.data() + (block * shape.kv_heads + group) * shape.chosen);
    }
}

// softmax of the finite logits; all zero and -infinity where there is none.
std::vector<double> table_row(const std::vector<double>& logits, double& lse) {
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  lse = std::log(sum);
  std::vector<double> row;
  for (const double logit : logits) row.push_back(sum > 0 ? std::exp(logit) / sum : 0);
  return row;
}

double product(const Array<float>& a, std::int64_t i, int head, const Array<float>& b, std::int64_t j, int group,
               int width) {
  double sum = 0;
  for (int e = 0; e < width; ++e)
    sum += static_cast<double>(a.row({i, head})[static_cast<std::size_t>(e)]) *
           static_cast<double>(b.row({j, group})[static_cast<std::size_t>(e)]);
  return sum / std::sqrt(static_cast<double>(width));
}

double bias(const LayerTap& layer, int head, std::int64_t i, std::int64_t j) {
  if (layer.sigma.empty()) return 0;
  double square = 0;
  for (std::int64_t axis = 0; axis < layer.positions.size(1); ++axis)
    square += std::pow(
        static_cast<double>(layer.positions.row({i, axis})[0]) - static_cast<double>(layer.positions.row({j, axis})[0]),
        2);
  return static_cast<double>(layer.sigma.row({head})[0]) * std::sqrt(square);
}

void fill_compressed(const Tap& tap, const LayerTap& layer, int head, int group, std::int64_t i, DenseHead& dense) {
  const std::int64_t blocks = layer.slots() / layer.block_size;
  // Linear in q: the logit of the mean query is the mean of the queries' logits.
  std::vector<std::int64_t> queries{i};
  if (tap.query_per_block) {
    queries.clear();
    for (std::int64_t s = 0; s < layer.slots(); ++s)
      if (s / layer.block_size == i / layer.block_size && has_point(layer, s)) queries.push_back(s);
  }
  std::vector<double> logits;
  for (std::int64_t block = 0; block < blocks; ++block) {
    double mean = 0;
    for (const std::int64_t s : queries) mean += product(layer.q, s, head, layer.block_k, block, group, layer.head_dim);
    logits.push_back(block_has_point(layer, block) ? mean / static_cast<double>(queries.size()) : -infinity);
  }
  if (!layer.memory_k.empty()) {
    double mean = 0;
    for (const std::int64_t s : queries)
      for (int e = 0; e < layer.head_dim; ++e)
        mean +=
            static_cast<double>(layer.q.row({s, head, e})[0]) * static_cast<double>(layer.memory_k.row({group, e})[0]);
    logits.push_back(mean / static_cast<double>(queries.size()) / std::sqrt(static_cast<double>(layer.head_dim)));
  }
  double lse = 0;
  std::vector<double> row = table_row(logits, lse);
  dense.memory.push_back(layer.memory_k.empty() ? 0 : row.back());
  row.resize(static_cast<std::size_t>(blocks));
  dense.compressed.push_back(row);
  dense.lse_compressed.push_back(lse);
}

DenseHead dense_head(const Tap& tap, const LayerTap& layer, int head) {
  DenseHead dense;
  const int group = head / (layer.heads / layer.kv_heads);
  for (std::int64_t i = 0; i < layer.slots(); ++i) {
    std::set<std::int32_t> chosen;
    if (layer.kind == LayerKind::Nsa)
      for (std::int64_t r = 0; r < layer.selected.size(2); ++r)
        chosen.insert(layer.selected.row({i / layer.block_size, group, r})[0]);
    std::vector<double> local, selected, exact;
    for (std::int64_t j = 0; j < layer.slots(); ++j) {
      const bool key = has_point(layer, j);
      local.push_back(key && i / layer.ball_size == j / layer.ball_size
                          ? product(layer.local_q, i, head, layer.local_k, j, group, layer.head_dim) +
                                bias(layer, head, i, j)
                          : -infinity);
      if (layer.kind != LayerKind::Nsa) continue;
      exact.push_back(key ? product(layer.q, i, head, layer.k, j, group, layer.head_dim) : -infinity);
      selected.push_back(chosen.contains(static_cast<std::int32_t>(j / layer.block_size)) ? exact.back() : -infinity);
    }
    double lse = 0;
    dense.local.push_back(table_row(local, lse));
    dense.lse_local.push_back(lse);
    if (layer.kind != LayerKind::Nsa) continue;
    dense.exact.push_back(table_row(exact, lse));
    dense.selected.push_back(table_row(selected, lse));
    dense.lse_selected.push_back(lse);
    fill_compressed(tap, layer, head, group, i, dense);
  }
  return dense;
}

void record_lse(const Tap& tap, LayerTap& layer) {
  const std::vector<DenseHead> heads = dense_heads(tap);
  const auto record = [&](Array<float>& array, std::vector<double> DenseHead::*member) {
    array = Array<float>({layer.slots(), layer.heads});
    for (std::int64_t s = 0; s < layer.slots(); ++s)
      for (std::int64_t h = 0; h < layer.heads; ++h)
        array.data()[s * layer.heads + h] =
            static_cast<float>((heads[static_cast<std::size_t>(h)].*member)[static_cast<std::size_t>(s)]);
  };
  record(layer.lse_local, &DenseHead::lse_local);
  if (layer.kind != LayerKind::Nsa) return;
  record(layer.lse_compressed, &DenseHead::lse_compressed);
  record(layer.lse_selected, &DenseHead::lse_selected);
}

}  // namespace

Tap make_tap(const Shape& shape, unsigned seed, const BallTree* tree) {
  std::mt19937 random(seed);
  Tap tap;
  tap.query_per_block = shape.query_per_block;
  LayerTap layer;
  layer.layer = 2;
  layer.name = "block.2";
  layer.kind = shape.kind;
  layer.rotated = shape.rotated;
  layer.pool_level = shape.points_per_slot > 1 ? 1 : 0;
  layer.heads = shape.heads;
  layer.kv_heads = shape.kv_heads;
  layer.head_dim = shape.head_dim;
  const std::int64_t n = shape.balls * shape.ball, h = shape.heads, g = shape.kv_heads, d = shape.head_dim;
  layer.ball_size = shape.kind == LayerKind::Full ? static_cast<int>(n) : shape.ball;
  if (tree)
    take_points(*tree, tap, layer);
  else
    deal_points(shape, tap, layer, random);
  layer.positions = random_array({n, shape.dimension}, 1, random);
  layer.local_q = random_array({n, h, d}, 1, random);
  layer.local_k = random_array({n, g, d}, 1, random);
  layer.local_v = random_array({n, g, d}, 1, random);
  if (shape.kind != LayerKind::Full) layer.sigma = random_array({h}, 1, random);
  if (shape.kind == LayerKind::Nsa) {
    layer.block_size = shape.block;
    layer.q = random_array({n, h, d}, 1, random);
    layer.k = random_array({n, g, d}, 1, random);
    layer.v = random_array({n, g, d}, 1, random);
    layer.block_k = random_array({n / shape.block, g, d}, 1, random);
    layer.block_v = random_array({n / shape.block, g, d}, 1, random);
    if (shape.memory) layer.memory_k = random_array({g, d}, 1, random);
    if (shape.memory) layer.memory_v = random_array({g, d}, 1, random);
    layer.gate = random_array({n, 3, h}, 0.2, random);
    for (std::size_t i = 0; i < layer.gate.element_count(); ++i)
      layer.gate.data()[i] = 1 / (1 + std::exp(-layer.gate.data()[i]));
    choose_blocks(shape, layer, random);
  }
  tap.layers.push_back(std::move(layer));
  record_lse(tap, tap.layers.back());
  return tap;
}

std::vector<DenseHead> dense_heads(const Tap& tap) {
  std::vector<DenseHead> heads;
  for (int head = 0; head < tap.layers.front().heads; ++head)
    heads.push_back(dense_head(tap, tap.layers.front(), head));
  return heads;
}

std::vector<double> dense_points(const LayerTap& layer, const DenseHead& head, std::int64_t slot, int branch,
                                 std::int64_t point_count) {
  std::vector<double> row(static_cast<std::size_t>(point_count));
  const auto i = static_cast<std::size_t>(slot);
  for (std::int64_t j = 0; j < layer.slots(); ++j) {
    std::vector<std::int32_t> here(layer.slot_points.begin() + layer.slot_point_begin[static_cast<std::size_t>(j)],
                                   layer.slot_points.begin() + layer.slot_point_begin[static_cast<std::size_t>(j + 1)]);
    for (const std::int32_t point : here) {
      const auto column = static_cast<std::size_t>(j);
      if (branch == 0) row[static_cast<std::size_t>(point)] += head.local[i][column] / static_cast<double>(here.size());
      if (branch == 2)
        row[static_cast<std::size_t>(point)] += head.selected[i][column] / static_cast<double>(here.size());
      if (branch != 1) continue;
      std::size_t in_block = 0;
      for (std::int64_t s = 0; s < layer.slots(); ++s)
        if (s / layer.block_size == j / layer.block_size)
          in_block += static_cast<std::size_t>(layer.slot_point_begin[static_cast<std::size_t>(s + 1)] -
                                               layer.slot_point_begin[static_cast<std::size_t>(s)]);
      row[static_cast<std::size_t>(point)] +=
          head.compressed[i][static_cast<std::size_t>(j / layer.block_size)] / static_cast<double>(in_block);
    }
  }
  return row;
}

std::int64_t own_slot(const LayerTap& layer, std::int64_t point) {
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
    for (auto i = layer.slot_point_begin[static_cast<std::size_t>(slot)];
         i < layer.slot_point_begin[static_cast<std::size_t>(slot + 1)]; ++i)
      if (layer.slot_points[static_cast<std::size_t>(i)] == point) return slot;
  return -1;
}

DenseRows dense_rows(const Tap& tap, int head, Branch branch) {
  const LayerTap& layer = tap.layers.front();
  const std::vector<DenseHead> tables = dense_heads(tap);
  const auto n = static_cast<std::size_t>(tap.point_count);
  DenseRows rows{std::vector<std::vector<double>>(n, std::vector<double>(n)), std::vector<double>(n)};
  for (int h = 0; h < layer.heads; ++h) {
    if (head >= 0 && h != head) continue;
    const DenseHead& table = tables[static_cast<std::size_t>(h)];
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t slot = own_slot(layer, static_cast<std::int64_t>(i));
      for (int b = 0; b < 3; ++b) {  // local, compressed, selected; gates lie as compressed, selected, local
        const Branch name = b == 0 ? Branch::Local : b == 1 ? Branch::Compressed : Branch::Selected;
        if ((branch != Branch::All && branch != name) || (layer.kind != LayerKind::Nsa && b > 0)) continue;
        double factor = head >= 0 ? 1 : 1.0 / layer.heads;
        if (branch == Branch::All && layer.kind == LayerKind::Nsa)
          factor *= static_cast<double>(layer.gate.row({slot, b == 0 ? 2 : b - 1, h})[0]);
        const std::vector<double> row = dense_points(layer, table, slot, b, tap.point_count);
        for (std::size_t j = 0; j < n; ++j) rows.weight[i][j] += factor * row[j];
        if (b == 1) rows.memory[i] += factor * table.memory[static_cast<std::size_t>(slot)];
      }
    }
  }
  return rows;
}

std::vector<Shape> nsa_shapes() {
  Shape plain{.name = "nsa_gqa"};
  Shape multi_query{.name = "nsa_one_kv_head", .heads = 6, .kv_heads = 1};
  Shape full_heads{.name = "nsa_as_many_kv_heads", .heads = 3, .kv_heads = 3, .dimension = 2};
  Shape one_ball{.name = "nsa_one_ball", .balls = 1};
  Shape few{.name = "nsa_fewer_blocks_than_wanted", .chosen = 6, .balls = 2};
  Shape holes{.name = "nsa_empty_block_and_holes", .padding = 0.4, .empty_block = 5};
  Shape rotated{.name = "nsa_rotated", .rotated = true};
  Shape pooled{.name = "nsa_pooled", .points_per_slot = 3};
  Shape copies{.name = "nsa_copies_are_keys", .padding = 0.3, .copies = true};
  Shape per_block{.name = "nsa_query_per_block", .padding = 0.3, .query_per_block = true};
  Shape no_memory{.name = "nsa_without_memory", .memory = false};
  return {plain, multi_query, full_heads, one_ball, few, holes, rotated, pooled, copies, per_block, no_memory};
}

std::vector<Shape> all_shapes() {
  std::vector<Shape> all = nsa_shapes();
  Shape ball{.name = "ball", .kind = LayerKind::Ball, .kv_heads = 4};
  Shape ball_pooled{
      .name = "ball_pooled_rotated", .kind = LayerKind::Ball, .kv_heads = 4, .points_per_slot = 4, .rotated = true};
  Shape full{.name = "full", .kind = LayerKind::Full, .kv_heads = 4, .balls = 4};
  all.insert(all.end(), {ball, ball_pooled, full});
  return all;
}

std::vector<float> make_positions(std::int64_t points, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> positions(static_cast<std::size_t>(3 * points));
  for (float& value : positions) value = normal(random);
  return positions;
}

}  // namespace erwin::test
