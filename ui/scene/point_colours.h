#pragma once
// From state and data to one colour per point and a legend that explains them. No VTK here: tests read it directly.

#include <string>
#include <vector>

#include "ui/scene/colour_scale.h"
#include "ui/scene/legend.h"

namespace erwin::ui {

struct PointColours {
  std::vector<Rgb> rgb;      // [n]
  std::vector<float> sizes;  // [n] radius of the discs in multiples of the scene's, 0 to 1.9; empty: all 1
  Legend legend;
  std::string quantity;  // what the scale is of; empty without one
};

PointColours colour_points(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui

// What marks and tree add; here so that one include shows all colours.
#include "ui/scene/attention_colours.h"
#include "ui/scene/tree_colours.h"
