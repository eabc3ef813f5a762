#include "core/engine/record_view.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/engine/cloud_tree.h"

namespace erwin {

namespace {

bool holds_single_points(const LayerTap& layer) {
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot) {
    const auto s = static_cast<std::size_t>(slot);
    if (layer.slot_point_begin[s + 1] - layer.slot_point_begin[s] > 1) return false;
  }
  return layer.slots() > 0;
}

// Where a run of slots is parted: between balls, inside a ball between blocks, inside a block in the middle.
std::int64_t middle(const LayerTap& layer, std::int64_t begin, std::int64_t end) {
  for (const std::int64_t unit : {std::int64_t{layer.ball_size}, std::int64_t{layer.block_size}})
    if (unit > 0 && end - begin > unit) return begin + ((end - begin + unit - 1) / unit + 1) / 2 * unit;
  return begin + (end - begin + 1) / 2;
}

TreeLevel halved(const LayerTap& layer, const TreeLevel& level) {
  TreeLevel next;
  for (std::int64_t node = 0; node < level.size(); ++node) {
    const std::int64_t begin = level.slot_begin[static_cast<std::size_t>(node)];
    const std::int64_t end = level.slot_begin[static_cast<std::size_t>(node) + 1];
    next.slot_begin.push_back(begin);
    if (end - begin > 1) next.slot_begin.push_back(middle(layer, begin, end));
  }
  next.slot_begin.push_back(layer.slots());
  next.point_count.resize(next.slot_begin.size() - 1);
  return next;
}

void add_node_data(const BallTree& tree, const PointCloud& cloud, TreeLevel& level) {
  const auto nodes = static_cast<std::size_t>(level.size());
  const auto positions = cloud.positions(0);
  level.split_axis.assign(nodes, -1);
  level.centre.assign(nodes, {});
  level.radius.assign(nodes, 0);
  level.box_minimum.assign(nodes, {});
  level.box_maximum.assign(nodes, {});
  for (std::size_t node = 0; node < nodes; ++node) {
    std::array<double, 3> sum{}, low{}, high{};
    std::int32_t count = 0;
    const auto each = [&](const auto& visit) {
      for (std::int64_t slot = level.slot_begin[node]; slot < level.slot_begin[node + 1]; ++slot)
        if (tree.slot_mask[static_cast<std::size_t>(slot)])
          visit(positions.data() + static_cast<std::size_t>(tree.slot_point[static_cast<std::size_t>(slot)]) * 3);
    };
    each([&](const float* at) {
      for (std::size_t k = 0; k < 3; ++k) {
        const double x = at[k];
        sum[k] += x;
        low[k] = count ? std::min(low[k], x) : x;
        high[k] = count ? std::max(high[k], x) : x;
      }
      ++count;
    });
    level.point_count[node] = count;
    if (!count) continue;
    for (double& x : sum) x /= count;
    level.centre[node] = sum;
    level.box_minimum[node] = low;
    level.box_maximum[node] = high;
    each([&](const float* at) {
      level.radius[node] = std::max(level.radius[node], std::hypot(at[0] - sum[0], at[1] - sum[1], at[2] - sum[2]));
    });
  }
}

BallTree tree_of_layer_runs(const LayerTap& layer, const PointCloud& cloud, const Job& job) {
  BallTree tree;
  tree.point_count = cloud.size();
  tree.slot_count = layer.slots();
  tree.dimension = cloud.dimension();
  tree.unit = layer.ball_size > 0 ? layer.ball_size : static_cast<int>(layer.slots());
  tree.unit_count = (tree.slot_count + tree.unit - 1) / tree.unit;
  tree.slot_point.assign(static_cast<std::size_t>(tree.slot_count), 0);
  tree.slot_mask.assign(static_cast<std::size_t>(tree.slot_count), 0);
  tree.point_slot.assign(static_cast<std::size_t>(tree.point_count), -1);
  for (std::int64_t point = 0; point < tree.point_count; ++point) {
    const std::int64_t slot = layer.slot_of_point(point);
    tree.point_slot[static_cast<std::size_t>(point)] = static_cast<std::int32_t>(slot);
    if (slot < 0) continue;
    tree.slot_point[static_cast<std::size_t>(slot)] = static_cast<std::int32_t>(point);
    tree.slot_mask[static_cast<std::size_t>(slot)] = 1;
  }
  TreeLevel level;
  level.slot_begin = {0, tree.slot_count};
  level.point_count = {0};
  while (true) {
    job.check();
    add_node_data(tree, cloud, level);
    tree.levels.push_back(level);
    if (level.size() == tree.slot_count) return tree;
    level = halved(layer, level);
  }
}

}  // namespace

BallTreePtr tree_of_record(const AttentionRecord& record, const Job& job) {
  for (const LayerTap& layer : record.tap->layers)
    if (layer.pool_level == 0 && !layer.rotated && holds_single_points(layer))
      return std::make_shared<const BallTree>(tree_of_layer_runs(layer, *record.cloud, job));
  return cloud_tree(*record.cloud, 0, job);
}

std::shared_ptr<Prediction> prediction_of_record(const AttentionRecord& record, const Job& job) {
  if (record.tap->layers.empty()) throw Error(ErrorKind::Format, "the attention record has no layer", record.sample);
  auto prediction = std::make_shared<Prediction>();
  prediction->cloud = record.cloud;
  for (const char* name : {"prediction", "target", "error"})
    if (const Field* field = record.cloud->field(name)) prediction->fields.push_back(*field);
  prediction->tree = tree_of_record(record, job);
  prediction->layers = describe(*record.tap);
  return prediction;
}

}  // namespace erwin
