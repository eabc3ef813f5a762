#pragma once
// The legend and the title as VTK actors, laid out in pixels.

#include <vtkSmartPointer.h>

#include <string>
#include <vector>

#include "ui/scene/point_colours.h"

class vtkProp;
class vtkRenderer;

namespace erwin::ui {

class LegendActors {
public:
  // Replaces what was there.
  void show(vtkRenderer& renderer, const Legend& legend, const SceneState& state);

private:
  void text(vtkRenderer& renderer, const std::string& what, double x, double y, int size, Rgb colour,
            bool bold = false);
  void rectangle(vtkRenderer& renderer, double x, double y, double width, double height, const std::vector<Rgb>& rows);
  double bar(vtkRenderer& renderer, const LegendScale& scale, const SceneState& state, double top);
  std::vector<vtkSmartPointer<vtkProp>> props_;
};

// "1.23e+04", "0.5", "-12": four significant digits at most.
std::string short_number(double value);

}  // namespace erwin::ui
