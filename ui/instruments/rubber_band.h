#pragma once
// The outline of a box or a lasso while it is drawn.

#include <array>
#include <vector>

namespace erwin::ui {

// Within Overlay::draw. corners: in logical pixels; the last is joined to the first.
void draw_rubber_band(const std::vector<std::array<double, 2>>& corners, bool dark);

}  // namespace erwin::ui
