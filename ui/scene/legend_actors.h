#pragma once
// The legend and the title as VTK actors.

#include <string>

#include "ui/scene/legend.h"
#include "ui/scene/numbers.h"
#include "ui/scene/screen_actors.h"

namespace erwin::ui {

class LegendActors {
public:
  // Replaces what was there.
  void show(vtkRenderer& renderer, const Legend& legend, const SceneState& state);

private:
  void show_title(const SceneState& state);
  double bar(const LegendScale& scale, const SceneState& state, double top, double height);
  // In the legend's column, or ending at the picture's edge where it is too long for it; returns the place below.
  double line(const std::string& what, const SceneState& state, double y, double size, Rgb colour, bool bold = false);
  ScreenActors actors_;
};

}  // namespace erwin::ui
