#include "core/attention/explain.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "core/attention/internal/softmax.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

double distance(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

Place place_of(const LayerTap& layer, const PointCloud& cloud, std::int64_t frame, SlotRange range) {
  const std::vector<std::int32_t> points = points_of_slots(layer, range.begin, range.end);
  Place place{range.begin, range.end, static_cast<std::int64_t>(points.size()), {}, 0};
  if (points.empty()) return place;
  for (const std::int32_t point : points) {
    const auto position = cloud.position(point, frame);
    for (std::size_t axis = 0; axis < 3; ++axis) place.centre[axis] += position[axis];
  }
  for (double& value : place.centre) value /= static_cast<double>(points.size());
  for (const std::int32_t point : points)
    place.radius = std::max(place.radius, distance(cloud.position(point, frame), place.centre));
  return place;
}

bool same(SlotRange a, SlotRange b) {
  return a.begin == b.begin && a.end == b.end;
}

std::vector<PathNode> ball_path(const LayerTap& layer, const PointCloud& cloud, const BallTree& tree,
                                std::int64_t frame, std::int64_t slot, const Job& job) {
  if (tree.slot_count < layer.slots() || tree.slot_count % layer.slots() != 0 || tree.levels.empty())
    throw Error(ErrorKind::Internal, "the tree is not the one in which the layer ran", "layer " + layer.name);
  // Slots of a pooled layer stand for this many slots of the tree.
  const std::int64_t pooled = tree.slot_count / layer.slots();
  const SlotRange ball = aligned_range(layer, slot, layer.ball_size);
  const SlotRange block = layer.block_size > 0 ? aligned_range(layer, slot, layer.block_size) : SlotRange{-1, -1};
  std::vector<PathNode> path;
  for (std::size_t level = 0; level < tree.levels.size(); ++level) {
    job.check();
    const auto& begins = tree.levels[level].slot_begin;
    const auto after = std::upper_bound(begins.begin(), begins.end(), slot * pooled);
    const auto node = static_cast<std::size_t>(after - begins.begin() - 1);
    if (begins[node + 1] - begins[node] < pooled) break;
    const SlotRange range{begins[node] / pooled, begins[node + 1] / pooled};
    PathNode step;
    step.level = static_cast<int>(level);
    step.node = static_cast<std::int64_t>(node);
    step.place = place_of(layer, cloud, frame, range);
    step.split_axis = tree.levels[level].split_axis[node];
    step.is_ball = same(range, ball);
    step.is_block = same(range, block);
    path.push_back(step);
  }
  return path;
}

Gates gates_of(const LayerTap& layer, std::int64_t slot, int head) {
  if (layer.kind != LayerKind::Nsa) return {};
  const auto value = [&](std::int64_t branch) { return static_cast<double>(layer.gate.row({slot, branch})[at(head)]); };
  return {value(2), value(0), value(1)};
}

double effective_keys(const std::vector<float>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  double entropy = 0;
  for (const float weight : weights)
    if (weight > 0) entropy -= static_cast<double>(weight) / sum * std::log(static_cast<double>(weight) / sum);
  return sum > 0 ? std::exp(entropy) : 0;
}

void list_top(const LayerTap& layer, const PointCloud& cloud, const std::vector<float>& weights, int count,
              Explanation& result) {
  std::vector<std::int32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(order.size(), static_cast<std::size_t>(std::max(0, count)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(), [&](auto a, auto b) {
    return weights[at(a)] != weights[at(b)] ? weights[at(a)] > weights[at(b)] : a < b;
  });
  const std::int64_t ball = result.slot / layer.ball_size;
  for (std::size_t i = 0; i < kept; ++i) {
    AttendedPoint point;
    point.point = order[i];
    point.id = cloud.row_id(point.point);
    point.weight = static_cast<double>(weights[at(point.point)]);
    point.position = cloud.position(point.point, result.frame);
    point.distance = distance(point.position, result.position);
    const std::int64_t slot = layer.slot_of_point(point.point);
    point.in_ball = slot >= 0 && slot / layer.ball_size == ball;
    point.in_selected =
        slot >= 0 && std::any_of(result.selected.begin(), result.selected.end(), [&](const auto& block) {
          return slot >= block.place.slot_begin && slot < block.place.slot_end;
        });
    result.top.push_back(point);
  }
}

void describe(const Tap& tap, const LayerTap& layer, int head, Explanation& result) {
  result.layer = layer.layer;
  result.name = layer.name;
  result.kind = layer.kind;
  result.rotated = layer.rotated;
  result.pool_level = layer.pool_level;
  result.head = head;
  result.heads = layer.heads;
  result.kv_heads = layer.kv_heads;
  result.head_dim = layer.head_dim;
  result.ball_size = layer.ball_size;
  result.block_size = layer.kind == LayerKind::Nsa ? layer.block_size : 0;
  result.query_per_block = layer.kind == LayerKind::Nsa && tap.query_per_block;
  result.slots = layer.slots();
}

void list_blocks(const LayerTap& layer, const PointCloud& cloud, const AttentionRow& row, const MissedMass& missed,
                 Explanation& result) {
  for (const SelectedBlock& block : row.selected)
    result.selected.push_back({block, place_of(layer, cloud, result.frame, block_range(layer, block.block)),
                               static_cast<double>(row.block_compressed[at(block.block)])});
  for (const MissedBlock& block : missed.missed)
    result.misses.push_back({block, place_of(layer, cloud, result.frame, block_range(layer, block.block))});
  result.recall = missed.recall;
  result.missed_sum = missed.missed_sum;
}

// Positions [points, d] of a rotated tree's points, from the layer that ran in it: its slots are the tree's.
std::vector<double> rotated_positions(const LayerTap& layer, const BallTree& tree) {
  const std::size_t dimension = at(tree.dimension);
  std::vector<double> positions(at(tree.point_count) * dimension);
  for (std::int64_t point = 0; point < tree.point_count; ++point) {
    const auto row = layer.positions.row({tree.point_slot[at(point)]});
    std::copy_n(row.begin(), dimension, positions.begin() + static_cast<std::ptrdiff_t>(at(point) * dimension));
  }
  return positions;
}

}  // namespace

BallTreePtr tree_of_layer(const LayerTap& layer, const BallTreePtr& main, std::span<const BallTreePtr> rotated,
                          std::span<const float> positions, double rotate_degrees, const Job& job) {
  const BallTreePtr tree = !layer.rotated                          ? main
                           : at(layer.pool_level) < rotated.size() ? rotated[at(layer.pool_level)]
                                                                   : nullptr;
  if (!tree) throw Error(ErrorKind::Internal, "the sample lacks the tree in which a layer ran", "layer " + layer.name);
  if (!tree->levels.empty()) return tree;
  BallTree complete = *tree;
  if (!layer.rotated) {
    compute_levels(complete, std::vector<double>(positions.begin(), positions.end()), job);
  } else {
    if (layer.slots() != tree->slot_count)
      throw Error(ErrorKind::Internal, "the tree is not the one in which the layer ran", "layer " + layer.name);
    // Levels are about the frame that was split, not the one the file uses.
    compute_levels(complete, rotate_positions(rotated_positions(layer, *tree), tree->dimension, rotate_degrees), job);
  }
  return std::make_shared<const BallTree>(std::move(complete));
}

BallTree tree_of_runs(const LayerTap& layer) {
  BallTree tree;
  tree.slot_count = layer.slots();
  tree.point_count = std::ssize(layer.slot_points);
  std::int64_t last = 0;
  for (const std::int64_t size :
       {layer.slots(), std::int64_t{layer.ball_size}, std::int64_t{layer.block_size}, std::int64_t{1}}) {
    if (size < 1 || size == last || (last > 0 && size > last)) continue;
    TreeLevel level;
    for (std::int64_t begin = 0; begin < layer.slots(); begin += size) {
      level.slot_begin.push_back(begin);
      const std::int64_t end = std::min(layer.slots(), begin + size);
      level.point_count.push_back(
          static_cast<std::int32_t>(layer.slot_point_begin[at(end)] - layer.slot_point_begin[at(begin)]));
    }
    level.slot_begin.push_back(layer.slots());
    level.split_axis.assign(level.point_count.size(), -1);
    tree.levels.push_back(std::move(level));
    last = size;
  }
  return tree;
}

Explanation explain(const Tap& tap, const PointCloud& cloud, const BallTree& tree, const ExplainRequest& request,
                    const Job& job) {
  const LayerTap& layer = tap.require_layer(request.layer);
  if (cloud.size() != tap.point_count)
    throw Error(ErrorKind::Internal, "the attention record is of another cloud",
                std::to_string(tap.point_count) + " points against " + std::to_string(cloud.size()));
  AttentionQuery query;
  query.layer = request.layer;
  query.head = request.head;
  query.point = request.point;
  if (request.point < 0) (void)require_slot(tap, layer, request.point);
  const AttentionRow row = attention_row(tap, query, job);

  Explanation result;
  describe(tap, layer, request.head, result);
  result.point = request.point;
  result.id = cloud.row_id(request.point);
  result.frame = request.frame;
  result.position = cloud.position(request.point, request.frame);
  result.slot = require_slot(tap, layer, request.point);
  if (result.block_size > 0) result.block = result.slot / layer.block_size;
  result.path = ball_path(layer, cloud, tree, request.frame, result.slot, job);
  result.gates = {row.gate_local, row.gate_compressed, row.gate_selected};
  for (int head = 0; head < layer.heads; ++head) result.head_gates.push_back(gates_of(layer, result.slot, head));
  result.local = row.local;
  result.compressed = row.compressed;
  result.selected_sum = row.selected_sum;
  result.memory = row.memory;
  result.sum = row.sum();
  result.expected_sum = row.expected_sum;
  result.lse_gap = row.lse_gap;
  result.effective_keys = effective_keys(row.points);
  if (layer.kind == LayerKind::Nsa)
    list_blocks(layer, cloud, row, missed_mass(tap, request.layer, request.head, request.point, job), result);
  list_top(layer, cloud, row.points, request.top, result);
  return result;
}

}  // namespace erwin
