#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "ui/scene/offscreen_scene.h"

namespace erwin::ui::test {

inline Rgb pixel(const Picture& picture, double x, double y) {
  const auto column = static_cast<std::size_t>(std::clamp(x, 0.0, picture.width - 1.0));
  const auto row = static_cast<std::size_t>(std::clamp(y, 0.0, picture.height - 1.0));
  const std::size_t at = (row * static_cast<std::size_t>(picture.width) + column) * 3;
  return {picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]};
}

inline int distance(Rgb a, Rgb b) {
  return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
}

// Mean over all pixels and channels.
inline double difference(const Picture& a, const Picture& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(a.rgb[i] - b.rgb[i]);
  return sum / static_cast<double>(a.rgb.size());
}

inline int pixels_other_than(const Picture& picture, Rgb colour) {
  int count = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); i += 3)
    count += Rgb{picture.rgb[i], picture.rgb[i + 1], picture.rgb[i + 2]} != colour;
  return count;
}

// A cloud alone, looked at along -z by a parallel camera: `height` of the cloud's unit fill the picture's height.
struct Stage {
  SceneData data;
  SceneState state;
  Stage(PointCloud::Parts parts, double height, int width_px, int height_px) {
    data.cloud = std::make_shared<PointCloud>(std::move(parts));
    state.width = width_px;
    state.height = height_px;
    state.projection = Projection::Orthographic;
    state.legend = state.axes = state.scale_bar = false;
    state.camera.position = {0, 0, 10};
    state.camera.focus = {0, 0, 0};
    state.camera.up = {0, 1, 0};
    state.camera.view_angle = 2 * std::atan(height / 20) * 57.29577951308232;
  }
};

}  // namespace erwin::ui::test
