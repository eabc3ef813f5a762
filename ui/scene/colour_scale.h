#pragma once
// From a number to its colour: which range, which map. No VTK here.

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/data/field.h"
#include "ui/scene/legend.h"

namespace erwin::ui {

// Ranges that were locked, by the quantity they belong to (quantity_of); target and prediction are one quantity.
using RangeLocks = std::map<std::string, FieldRange>;
std::string quantity_of(const Field& field, const SceneState& state, int component);

// Of the field, from 0, which the state's colours show; -1: the norm.
int shown_component(const Field& field, const SceneState& state);

// The scale that a state asks for a field: range, map, title, histogram, remarks. component: -1 for the norm. With
// RangeMode::Locked the range is the one in `locks`, else the field's own.
LegendScale scale_of(const Field& field, const SceneState& state, int component, const RangeLocks& locks = {});

// Which number of a field a state shows: a component, or -1 for the norm.
int shown_component(const Field& field, const SceneState& state);

// The ends that all these fields are shown with where their pictures are compared by eye: from the smallest to the
// largest of the ends that each would have by itself. Nothing where there is no range to share: numbers that are given
// or locked, kinds instead of numbers, or no field.
std::optional<FieldRange> shared_range(std::span<const Field* const> fields, const SceneState& state);

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
