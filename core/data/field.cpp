#include "core/data/field.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/error.h"

namespace erwin {

namespace {

void widen(std::optional<FieldRange>& range, double value) {
  if (!range) range = FieldRange{value, value};
  range->minimum = std::min(range->minimum, value);
  range->maximum = std::max(range->maximum, value);
}

}  // namespace

Field::Field(std::string name, FieldKind kind, int components, std::vector<float> values, std::string unit,
             double offset, std::int64_t frames)
    : name_(std::move(name)),
      unit_(std::move(unit)),
      kind_(kind),
      components_(components),
      frames_(frames),
      points_(0),
      offset_(offset),
      values_(std::move(values)) {
  const auto count = static_cast<std::int64_t>(values_.size());
  if (components_ < 1 || frames_ < 1 || count % (static_cast<std::int64_t>(components_) * frames_) != 0)
    throw Error(ErrorKind::Internal, "the sizes of a field disagree",
                name_ + ": " + std::to_string(count) + " values, " + std::to_string(components_) + " components, " +
                    std::to_string(frames_) + " frames");
  points_ = count / components_ / frames_;
  ranges_.resize(static_cast<std::size_t>(components_) + 1);
  for (std::int64_t row = 0; row < points_ * frames_; ++row) {
    double squares = 0;
    for (int c = 0; c < components_; ++c) {
      const double value = values_[static_cast<std::size_t>(row * components_ + c)] + offset_;
      squares += value * value;
      if (!std::isfinite(value)) {
        ++nonfinite_;
        continue;
      }
      widen(ranges_[static_cast<std::size_t>(c)], value);
    }
    if (std::isfinite(squares)) widen(ranges_.back(), std::sqrt(squares));
  }
}

Field Field::from_doubles(std::string name, FieldKind kind, int components, std::span<const double> values,
                          std::string unit, std::int64_t frames) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // An offset pays where the values lie far from zero compared with their spread.
  const double spread = high - low;
  const bool far = std::isfinite(spread) && std::max(std::abs(low), std::abs(high)) > 4096 &&
                   spread < 0.25 * std::max(std::abs(low), std::abs(high));
  const double offset = far ? std::round(low) : 0;
  std::vector<float> stored(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) stored[i] = static_cast<float>(values[i] - offset);
  return Field(std::move(name), kind, components, std::move(stored), std::move(unit), offset, frames);
}

std::span<const float> Field::frame(std::int64_t index) const {
  const auto size = static_cast<std::size_t>(points_ * components_);
  return std::span<const float>(values_).subspan(frames_ == 1 ? 0 : static_cast<std::size_t>(index) * size, size);
}

double Field::value(std::int64_t point, int component, std::int64_t index) const {
  return frame(index)[static_cast<std::size_t>(point * components_ + component)] + offset_;
}

std::optional<FieldRange> Field::range(int component) const {
  return component < 0 ? ranges_.back() : ranges_.at(static_cast<std::size_t>(component));
}

const char* name_of(FieldKind kind) {
  switch (kind) {
    case FieldKind::Scalar:
      return "scalar";
    case FieldKind::Vector:
      return "vector";
    case FieldKind::Label:
      return "label";
  }
  return "scalar";
}

}  // namespace erwin
