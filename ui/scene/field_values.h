#pragma once
// A component of a field, or its length, one number after the other.

#include <cmath>
#include <cstddef>

#include "core/data/field.h"

namespace erwin::ui {

// Calls what(point, value) for every point of a frame, offset included; component -1: the Euclidean norm.
template <typename What>
void for_each_value(const Field& field, int component, std::int64_t frame, const What& what) {
  const auto values = field.frame(frame);
  const auto width = static_cast<std::size_t>(field.components());
  const auto points = static_cast<std::size_t>(field.points());
  const double offset = field.offset();
  if (component >= 0) {
    for (std::size_t i = 0; i < points; ++i) what(i, values[i * width + static_cast<std::size_t>(component)] + offset);
    return;
  }
  for (std::size_t i = 0; i < points; ++i) {
    double squares = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const double value = values[i * width + c] + offset;
      squares += value * value;
    }
    what(i, std::sqrt(squares));
  }
}

}  // namespace erwin::ui
