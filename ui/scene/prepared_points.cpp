#include "ui/scene/prepared_points.h"

#include <utility>

#include "core/tree/lod.h"

namespace erwin::ui {

PreparedPointsPtr prepare_points(const SceneData& data, const SceneState& state, const PreparedPointsPtr& before) {
  auto prepared = std::make_shared<PreparedPoints>();
  prepared->cloud = data.cloud;
  if (before && before->cloud == data.cloud && before->order)
    prepared->order = before->order;
  else if (data.tree && data.tree->point_count == data.cloud->size())
    prepared->order = std::make_shared<const std::vector<std::int32_t>>(level_of_detail_order(*data.tree));
  prepared->colours = colour_points(data, state, before ? &before->colours : nullptr);
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
