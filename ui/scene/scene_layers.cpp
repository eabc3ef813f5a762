#include <algorithm>
#include <cmath>

#include "ui/scene/arrow_layer.h"
#include "ui/scene/attention_layer.h"
#include "ui/scene/guide_layer.h"
#include "ui/scene/scene_layer.h"
#include "ui/scene/surface_layer.h"
#include "ui/scene/tree_layer.h"

namespace erwin::ui {

std::vector<std::unique_ptr<SceneLayer>> make_layers() {
  std::vector<std::unique_ptr<SceneLayer>> layers;
  layers.push_back(std::make_unique<SurfaceLayer>());
  layers.push_back(std::make_unique<ArrowLayer>());
  layers.push_back(std::make_unique<TreeLayer>());
  layers.push_back(std::make_unique<AttentionLayer>());
  layers.push_back(std::make_unique<GuideLayer>());
  return layers;
}

double pixel_size_at(const Vec3& place, const SceneState& state) {
  const bool parallel = state.projection == Projection::Orthographic;
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k)
    squares += std::pow((parallel ? state.camera.focus : place)[k] - state.camera.position[k], 2);
  return 2 * std::sqrt(squares) * std::tan(state.camera.view_angle * 0.00872664625997) / std::max(1, state.height);
}

}  // namespace erwin::ui
