#include "ui/scene/prepared_points.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/tree/lod.h"
#include "ui/scene/block_marks.h"
#include "ui/scene/what_if_marks.h"

namespace erwin::ui {

namespace {

// Bonds tell better than the box how far apart points are: balls stay apart and the sticks between them are seen.
constexpr double of_a_bond = 0.3;
// Arrows begin at their points and must come out of them.
constexpr double beside_arrows = 0.45;

// The median over up to a thousand lines; 0 where there are none.
double bond_length(const PointCloud& cloud, std::int64_t frame) {
  const std::vector<std::uint32_t>& lines = cloud.cells().lines;
  const std::size_t count = lines.size() / 2, step = std::max<std::size_t>(1, count / 1000);
  const auto positions = cloud.positions(frame);
  std::vector<double> lengths;
  for (std::size_t i = 0; i < count; i += step) {
    const float* a = &positions[3 * static_cast<std::size_t>(lines[2 * i])];
    const float* b = &positions[3 * static_cast<std::size_t>(lines[2 * i + 1])];
    lengths.push_back(std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
  }
  if (lengths.empty()) return 0;
  const auto middle = lengths.begin() + std::ssize(lengths) / 2;
  std::nth_element(lengths.begin(), middle, lengths.end());
  return *middle;
}

}  // namespace

double point_spacing(const PointCloud& cloud, std::int64_t frame) {
  const Bounds box = cloud.bounds(frame);
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) squares += std::pow(box.maximum[k] - box.minimum[k], 2);
  const double spacing = squares > 0 ? 0.55 * std::sqrt(squares / static_cast<double>(cloud.size() + 20)) : 1;
  const double bond = bond_length(cloud, frame);
  return bond > 0 ? std::min(spacing, of_a_bond * bond) : spacing;
}

double disc_radius(const SceneState& state, double spacing) {
  return spacing * std::clamp(state.point_size, 0.05, 20.0) * (state.arrows.empty() ? 1 : beside_arrows);
}

PreparedPointsPtr prepare_points(const SceneData& data, const SceneState& state, const PreparedPointsPtr& before) {
  auto prepared = std::make_shared<PreparedPoints>();
  prepared->cloud = data.cloud;
  if (before && before->cloud == data.cloud && before->order)
    prepared->order = before->order;
  else if (data.tree && data.tree->point_count == data.cloud->size())
    prepared->order = std::make_shared<const std::vector<std::int32_t>>(level_of_detail_order(*data.tree));
  prepared->colours = colour_points(data, state);
  prepared->surface = prepare_surface(data, state, prepared->colours, before ? before->surface : nullptr);
  const double radius = disc_radius(state, point_spacing(*data.cloud, state.frame));
  prepared->query_outlines = query_outlines(data, state, room_for_discs(state.outline) * radius);
  add_block_boxes(prepared->query_outlines, data, state, room_for_discs(OutlineShape::Box) * radius);
  add_moved_boxes(prepared->query_outlines, data, state, room_for_discs(OutlineShape::Box) * radius);
  prepared->nodes = pooled_nodes(data, state);
  prepared->level_outlines = level_outlines(data, state, radius, before ? before->level_outlines : nullptr);
  return prepared;
}

bool same_points(const SceneData& a, const SceneState& sa, const SceneData& b, const SceneState& sb) {
  const auto neutral = [](SceneState state) {
    const SceneState plain;
    state.width = plain.width;
    state.height = plain.height;
    state.text_scale = plain.text_scale;
    state.title.clear();
    state.legend = plain.legend;
    state.look = plain.look;
    state.camera = plain.camera;
    state.projection = plain.projection;
    state.edl = plain.edl;
    state.axes = plain.axes;
    state.scale_bar = plain.scale_bar;
    return state;
  };
  return a == b && neutral(sa) == neutral(sb);
}

}  // namespace erwin::ui
