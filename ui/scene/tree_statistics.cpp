#include "ui/scene/tree_statistics.h"

#include <algorithm>
#include <cmath>

#include "ui/scene/tree_nodes.h"
#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

namespace {

double radius_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points) {
  const auto centre = centre_of(cloud, frame, points);
  const auto positions = cloud.positions(frame);
  double squares = 0;
  for (const std::int32_t point : points) {
    const float* p = &positions[3 * static_cast<std::size_t>(point)];
    double away = 0;
    for (std::size_t k = 0; k < 3; ++k) away += (p[k] - centre[k]) * (p[k] - centre[k]);
    squares = std::max(squares, away);
  }
  return std::sqrt(squares);
}

double mean_radius(const LevelNodes& level, const std::vector<double>& radii) {
  double sum = 0;
  std::int64_t balls = 0;
  for (std::int64_t node = 0; node < level.size(); ++node) {
    if (level.points(node).empty()) continue;
    sum += radii[static_cast<std::size_t>(node)];
    ++balls;
  }
  return balls > 0 ? sum / static_cast<double>(balls) : 0;
}

}  // namespace

// Those of the tree's own nodes are known; those of another order are measured.
std::vector<double> ball_radii(const SceneData& data, const SceneState& state, const LevelNodes& level, int index) {
  if (const TreeLevel* own = state.frame == 0 ? level_of_main_tree(data, state, index) : nullptr) return own->radius;
  std::vector<double> radii(static_cast<std::size_t>(level.size()));
  for (std::int64_t node = 0; node < level.size(); ++node)
    if (const auto points = level.points(node); !points.empty())
      radii[static_cast<std::size_t>(node)] = radius_of(*data.cloud, state.frame, points);
  return radii;
}

TreeStatistics::Subject statistics_subject(const SceneData& data, const SceneState& state) {
  const LayerInfo* layer = shown_layer(data, state);
  return {data.cloud, data.tree, layer ? layer->slots : nullptr, state.frame};
}

TreeStatistics tree_statistics(const SceneData& data, const SceneState& state, std::stop_token stop) {
  TreeStatistics result;
  result.subject = statistics_subject(data, state);
  const int levels = data.cloud ? shown_level_count(data, state) : 0;
  if (levels == 0) return result;
  result.caption = shown_tree_caption(data, state);
  const LayerInfo* layer = shown_layer(data, state);
  result.pooled = layer && layer->pool_level > 0;
  for (int index = 0; index < levels && !stop.stop_requested(); ++index) {
    const auto level = shown_level(data, state, index);
    result.padding = count_padding(*level, data.cloud->size());
    result.levels.push_back({result.padding.nodes, result.padding.empty_nodes, result.padding.fewest,
                             result.padding.most, mean_radius(*level, ball_radii(data, state, *level, index))});
  }
  if (stop.stop_requested()) result.levels.clear();
  return result;
}

}  // namespace erwin::ui
