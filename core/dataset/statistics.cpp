#include "core/dataset/internal/statistics.h"

#include <cmath>

#include "core/base/error.h"
#include "core/base/log.h"

namespace erwin {

namespace {
constexpr std::int64_t points_between_looks = 1 << 16;
}

void Moments::expect_components(int components) {
  const auto size = static_cast<std::size_t>(components);
  if (count_.empty()) {
    count_.assign(size, 0);
    mean_.assign(size, 0);
    squares_.assign(size, 0);
  }
  if (count_.size() != size)
    throw Error(ErrorKind::Format, "two samples disagree about the components of '" + name_ + "'",
                std::to_string(count_.size()) + " and " + std::to_string(size));
}

void Moments::add(std::size_t component, double value) {
  if (!std::isfinite(value)) return;
  count_[component] += 1;
  const double before = value - mean_[component];
  mean_[component] += before / count_[component];
  squares_[component] += before * (value - mean_[component]);
}

void Moments::add_positions(const PointCloud& cloud, std::int64_t frame, const Job& job) {
  expect_components(cloud.dimension());
  for (std::int64_t point = 0; point < cloud.size(); ++point) {
    if (point % points_between_looks == 0) job.check();
    const std::array<double, 3> position = cloud.position(point, frame);
    for (std::size_t axis = 0; axis < count_.size(); ++axis) add(axis, position[axis]);
  }
}

void Moments::add_field(const Field& field, std::int64_t frame, const Job& job) {
  expect_components(field.components());
  for (std::int64_t point = 0; point < field.points(); ++point) {
    if (point % points_between_looks == 0) job.check();
    for (int component = 0; component < field.components(); ++component)
      add(static_cast<std::size_t>(component), field.value(point, component, frame));
  }
}

Standard Moments::standard() const {
  Standard result;
  for (std::size_t component = 0; component < count_.size(); ++component) {
    if (count_[component] == 0)
      throw Error(ErrorKind::Format, "a quantity has no finite value in the training samples",
                  name_ + ", component " + std::to_string(component));
    double deviation = std::sqrt(squares_[component] / count_[component]);
    if (!(deviation > 0)) {
      log(LogLevel::Warning,
          name_ + ", component " + std::to_string(component) + ", is the same everywhere: its deviation is taken as 1");
      deviation = 1;
    }
    result.mean.push_back(mean_[component]);
    result.deviation.push_back(deviation);
  }
  return result;
}

}  // namespace erwin
