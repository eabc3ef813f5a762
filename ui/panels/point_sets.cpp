#include "ui/panels/point_sets.h"

#include <limits>

#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

Place place_of(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points, Rgb colour,
               const std::string& name) {
  const OutlineBox box = box_of(cloud, frame, points);
  Place place{{}, {}, colour, name};
  for (std::size_t k = 0; k < 3; ++k) {
    place.low[k] = static_cast<float>(box.low[k]);
    place.high[k] = static_cast<float>(box.high[k]);
  }
  return place;
}

std::int64_t middle_point(const PointCloud& cloud, std::int64_t frame, std::span<const std::int32_t> points) {
  if (points.empty()) return -1;
  const auto mean = centre_of(cloud, frame, points);
  const auto positions = cloud.positions(frame);
  std::int64_t middle = -1;
  double least = std::numeric_limits<double>::infinity();
  for (const std::int32_t point : points) {
    double distance = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const double away = static_cast<double>(positions[static_cast<std::size_t>(point) * 3 + k]) - mean[k];
      distance += away * away;
    }
    if (distance >= least) continue;
    least = distance;
    middle = point;
  }
  return middle;
}

}  // namespace erwin::ui
