#pragma once
// From a number to its colour: which range, which map. No VTK here.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/data/field.h"
#include "ui/scene/legend.h"

namespace erwin::ui {

// What a range belongs to: target and prediction are one quantity.
std::string quantity_of(const Field& field, const SceneState& state, int component);

// Of the field, from 0, which the state's colours show; -1: the norm.
int shown_component(const Field& field, const SceneState& state);

// The scale that a state asks for a field: range, map, title, histogram, remarks. component: -1 for the norm.
// RangeMode::Locked alone is the field's own range: RangeLock (range_lock.h) gives the state its numbers.
LegendScale scale_of(const Field& field, const SceneState& state, int component);

// The ends that all these fields are shown with where their pictures are compared by eye: from the smallest to the
// largest of the ends that each would have by itself. Nothing where there is no range to share: numbers that are given
// or locked, kinds instead of numbers, no field, or the same number everywhere.
std::optional<FieldRange> shared_range(std::span<const Field* const> fields, const SceneState& state);

// The same of fields that come one after the other.
class SharedRange {
public:
  explicit SharedRange(const SceneState& state) : state_(state) {}
  void add(const Field* field);
  std::optional<FieldRange> ends() const;

private:
  SceneState state_;
  std::optional<FieldRange> all_;
  bool has_kinds_ = false;  // or a picture without a field
};

// The number at a share of a scale; 0 between bounds that are nearly opposite, not what rounding left of it.
double value_at(const LegendScale& scale, double share);

// Where a value lies on a scale: 0 at its minimum, 1 at its maximum, beyond them cut; NaN for what is not finite.
double share_of(double value, const LegendScale& scale);

// The colour of a share in [0, 1] of a scale.
Rgb scale_colour(const LegendScale& scale, double share);

// Grey where the value is not finite.
constexpr Rgb no_number{128, 128, 128};
Rgb colour_of_number(double value, const LegendScale& scale);

// colour_of_number for many values: at most one level off where the scale has no steps.
class ColourTable {
public:
  explicit ColourTable(const LegendScale& scale);
  Rgb operator()(double value) const;

private:
  std::vector<Rgb> colours_;
  double low_, per_unit_;
  bool logarithmic_, steps_;
};

}  // namespace erwin::ui
