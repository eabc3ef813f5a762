#pragma once
// What tells size and direction: a scale bar and the axes.

#include <string>

#include "ui/scene/scene_layer.h"
#include "ui/scene/screen_actors.h"

namespace erwin::ui {

struct ScaleBar {
  double length = 0;  // in the cloud's unit: 1, 2 or 5 times a power of ten
  double pixels = 0;
  std::string label;  // "50 cm", "0.2 Mpc/h"
};
// The longest bar of at most `most` pixels where one pixel covers `pixel` of `unit`. Metres become km, cm, mm, um where
// that reads better.
ScaleBar scale_bar_for(double pixel, const std::string& unit, double most);

// x, y and z: red, green and blue, readable on the theme's background.
std::array<Rgb, 3> axis_colours(Theme theme);

class GuideLayer : public SceneLayer {
public:
  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void camera_moved(const SceneState& state, const SceneMetrics& metrics) override;

private:
  void draw_scale_bar(const SceneState& state);
  void draw_axes(const SceneState& state);
  ScreenActors actors_;
  std::string unit_;
  int dimension_ = 3;
};

}  // namespace erwin::ui
