#pragma once
// Places that another view points at: the box around each, drawn over the picture, so that pointing costs no new
// picture of the cloud.

#include <array>
#include <string>
#include <vector>

#include "ui/scene/colour.h"

namespace erwin::ui {

struct Place {
  std::array<float, 3> low{}, high{};  // relative to the cloud's origin
  Rgb colour;
  std::string name;  // beside the box
  bool operator==(const Place&) const = default;
};

// Within Overlay::draw. world_to_clip: Scene's. width, height: of the view, in logical pixels.
void draw_places(const std::vector<Place>& places, const std::array<double, 16>& world_to_clip, int width, int height);

}  // namespace erwin::ui
