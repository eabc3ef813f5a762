#include "core/engine/sample_comparison.h"

#include <cmath>
#include <limits>

namespace erwin {

namespace {

using Place = std::array<double, 3>;

struct Middle {
  Place at{};
  double diagonal = 0;
};

Middle middle_of(const PointCloud& cloud, std::int64_t frame) {
  const Bounds box = cloud.bounds(frame);
  Middle middle;
  double square = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    middle.at[k] = 0.5 * (box.minimum[k] + box.maximum[k]) - cloud.origin()[k];
    square += std::pow(box.maximum[k] - box.minimum[k], 2);
  }
  middle.diagonal = std::sqrt(square);
  return middle;
}

}  // namespace

Place BoxToBox::place(const Place& at) const {
  Place there;
  for (std::size_t k = 0; k < 3; ++k) there[k] = to[k] + scale * (at[k] - from[k]);
  return there;
}

BoxToBox box_to_box(const PointCloud& from, std::int64_t from_frame, const PointCloud& to, std::int64_t to_frame) {
  const Middle a = middle_of(from, from_frame), b = middle_of(to, to_frame);
  return {a.at, b.at, a.diagonal > 0 && b.diagonal > 0 ? b.diagonal / a.diagonal : 1};
}

std::int64_t corresponding_point(const PointCloud& from, std::int64_t from_frame, std::int64_t point,
                                 const PointCloud& to, std::int64_t to_frame) {
  const auto own = from.positions(from_frame), theirs = to.positions(to_frame);
  const auto first = static_cast<std::size_t>(point) * 3;
  const Place wanted = box_to_box(from, from_frame, to, to_frame).place({own[first], own[first + 1], own[first + 2]});
  std::int64_t nearest = -1;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i + 2 < theirs.size(); i += 3) {
    double square = 0;
    for (std::size_t k = 0; k < 3; ++k) square += std::pow(theirs[i + k] - wanted[k], 2);
    if (square < least) {
      least = square;
      nearest = static_cast<std::int64_t>(i / 3);
    }
  }
  return nearest;
}

}  // namespace erwin
