#pragma once
// Colours for balls such that those that touch differ. No VTK here.

#include <array>
#include <span>
#include <vector>

namespace erwin::ui {

// Tight box of a ball's points; low above high where it has none.
struct BallBox {
  std::array<double, 3> low, high;
};

// For every ball an index below `colours`, such that neighbours differ wherever so many colours allow it: each takes
// the colour whose nearest bearer is farthest away, in the order given, and may think again twice. Expected
// O(n log n). Distances only need to compare: any frame of reference will do, and the same boxes give the same colours.
std::vector<int> tell_apart(std::span<const BallBox> balls, int colours);

}  // namespace erwin::ui
