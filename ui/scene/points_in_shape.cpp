#include "ui/scene/points_in_shape.h"

#include <algorithm>
#include <cmath>

#include "ui/scene/attention_colours.h"

namespace erwin::ui {

namespace {

using Corner = std::array<double, 2>;

bool is_inside(const std::vector<Corner>& corners, double x, double y) {
  bool inside = false;
  for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
    const Corner &a = corners[i], &b = corners[j];
    if ((a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])) inside = !inside;
  }
  return inside;
}

}  // namespace

std::vector<std::int64_t> points_in_shape(const SceneData& data, const SceneState& state,
                                          const std::array<double, 16>& m, double width, double height,
                                          const std::vector<Corner>& corners) {
  std::vector<std::int64_t> points;
  if (!data.cloud || corners.size() < 3) return points;
  Corner low = corners.front(), high = low;
  for (const Corner& corner : corners)
    for (std::size_t k = 0; k < 2; ++k) {
      low[k] = std::min(low[k], corner[k]);
      high[k] = std::max(high[k], corner[k]);
    }
  const std::vector<Emphasis> emphasis = emphasis_of(data, state);
  const auto positions = shown_positions(data, state);
  for (std::int64_t point = 0; point < data.cloud->size(); ++point) {
    const float* p = &positions[static_cast<std::size_t>(point) * 3];
    double clip[4];
    for (std::size_t row = 0; row < 4; ++row)
      clip[row] = m[4 * row] * static_cast<double>(p[0]) + m[4 * row + 1] * static_cast<double>(p[1]) +
                  m[4 * row + 2] * static_cast<double>(p[2]) + m[4 * row + 3];
    if (clip[3] <= 0) continue;  // behind the eye
    const double x = 0.5 * width * (clip[0] / clip[3] + 1), y = 0.5 * height * (1 - clip[1] / clip[3]);
    if (x < low[0] || x > high[0] || y < low[1] || y > high[1] || !is_inside(corners, x, y)) continue;
    if (!emphasis.empty() && emphasis[static_cast<std::size_t>(point)] == Emphasis::Hidden) continue;
    points.push_back(point);
  }
  return points;
}

}  // namespace erwin::ui
