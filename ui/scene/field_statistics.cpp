#include "ui/scene/field_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ui/scene/field_values.h"

namespace erwin::ui {

Histogram histogram_of(const Field& field, int component, std::int64_t frame, FieldRange range, bool logarithmic,
                       int bins) {
  Histogram result{range, logarithmic, std::vector<std::int64_t>(static_cast<std::size_t>(bins)), 0, 0, 0};
  const auto scaled = [&](double value) { return logarithmic ? std::log(value) : value; };
  const double low = scaled(range.minimum), width = scaled(range.maximum) - low;
  for_each_value(field, component, frame, [&](std::size_t, double value) {
    if (!std::isfinite(value)) {
      ++result.nonfinite;
    } else if (value < range.minimum) {
      ++result.below;
    } else if (value > range.maximum) {
      ++result.above;
    } else {
      const double share = width > 0 ? (scaled(value) - low) / width : 0;
      ++result.counts[static_cast<std::size_t>(std::clamp(static_cast<int>(share * bins), 0, bins - 1))];
    }
  });
  return result;
}

std::optional<FieldRange> percentile_range(const Field& field, int component, double percent) {
  constexpr std::int64_t most = std::int64_t{1} << 22;
  const std::int64_t step = (field.points() * field.frames() + most - 1) / most;
  std::vector<double> values;
  std::int64_t seen = 0;
  for (std::int64_t frame = 0; frame < field.frames(); ++frame)
    for_each_value(field, component, frame, [&](std::size_t, double value) {
      if (seen++ % step == 0 && std::isfinite(value)) values.push_back(value);
    });
  if (values.empty()) return {};
  const auto last = static_cast<double>(values.size() - 1);
  const auto ranked = [&](double rank) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(values.begin(), at, values.end());
    return *at;
  };
  return FieldRange{ranked(std::floor(percent / 100 * last)), ranked(std::ceil((1 - percent / 100) * last))};
}

std::optional<double> smallest_positive(const Field& field, int component) {
  double smallest = std::numeric_limits<double>::infinity();
  for (std::int64_t frame = 0; frame < field.frames(); ++frame)
    for_each_value(field, component, frame, [&](std::size_t, double value) {
      if (value > 0 && value < smallest) smallest = value;
    });
  if (std::isinf(smallest)) return {};
  return smallest;
}

}  // namespace erwin::ui
