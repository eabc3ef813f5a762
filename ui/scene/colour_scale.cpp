#include "ui/scene/colour_scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ui/scene/query_fields.h"

namespace erwin::ui {

namespace {

constexpr int bins = 48;
// Weights of one softmax differ by orders of magnitude; this is how far below the largest colours still tell.
constexpr double decades_below = 1000;

bool is_weight(const SceneState& state) {
  return state.colour_by == ColourBy::Attention || state.colour_by == ColourBy::Compressed ||
         (state.colour_by == ColourBy::Field && is_share_field(state.field));
}

ColourMap own_map(const SceneState& state) {
  const bool difference = state.colour_by == ColourBy::Field &&
                          (state.field == what_if_difference || state.field == contribution_field ||
                           state.field == attention_difference || state.field == prediction_difference);
  if (state.colour_by == ColourBy::Error || difference) return ColourMap::Diverging;
  return is_weight(state) ? ColourMap::Heat : ColourMap::Sequential;
}

// The ends of the range before any look at zero or logarithms.
FieldRange plain_range(const Field& field, const SceneState& state, int component) {
  const FieldRange own = field.range(component).value_or(FieldRange{});
  if (state.range) return *state.range;
  if (state.range_mode == RangeMode::Percentile && !is_weight(state))
    return percentile_range(field, component, state.percentile).value_or(own);
  return own;
}

void make_logarithmic(const Field& field, const SceneState& state, int component, LegendScale& scale) {
  const bool wanted = state.logarithmic.value_or(spreads_over_decades(state));
  if (!wanted) return;
  if (!(scale.maximum > 0)) {
    if (state.logarithmic) scale.remarks.push_back("nothing above 0: no logarithm");
    return;
  }
  scale.logarithmic = true;
  if (is_weight(state) && !state.range)
    scale.minimum = scale.maximum / decades_below;
  else if (!(scale.minimum > 0))
    scale.minimum = state.range ? scale.maximum / decades_below
                                : std::min(smallest_positive(field, component).value_or(scale.maximum), scale.maximum);
}

void count_values(const Field& field, const SceneState& state, int component, LegendScale& scale) {
  const FieldRange range{scale.minimum, scale.maximum};
  scale.histogram = histogram_of(field, component, state.frame, range, scale.logarithmic, bins);
  const Histogram& found = *scale.histogram;
  if (is_weight(state)) return;  // almost all weights lie below what can be told
  if (found.below > 0) scale.remarks.push_back(std::to_string(found.below) + " below");
  if (found.above > 0) scale.remarks.push_back(std::to_string(found.above) + " above");
}

// All of a scale but its histogram.
LegendScale bare_scale(const Field& field, const SceneState& state, int component) {
  LegendScale scale;
  scale.title = field.name();
  if (field.components() > 1) scale.title += component < 0 ? " (length)" : " [" + std::to_string(component) + "]";
  scale.unit = field.unit();
  scale.map = state.map.value_or(own_map(state));
  scale.reversed = scale.map == ColourMap::Heat && state.theme == Theme::Light;
  scale.steps = state.steps;
  if (state.range_mode == RangeMode::Locked) scale.remarks.push_back("range locked");
  const FieldRange range = plain_range(field, state, component);
  scale.minimum = range.minimum;
  scale.maximum = range.maximum;
  const bool as_told = state.range.has_value();
  if (scale.map == ColourMap::Diverging && !as_told && !state.logarithmic.value_or(false) && scale.minimum < 0) {
    // The pale middle means zero.
    scale.maximum = std::max(std::abs(range.minimum), std::abs(range.maximum));
    scale.minimum = -scale.maximum;
  }
  if (state.colour_by == ColourBy::Error && !as_told && scale.minimum >= 0) scale.minimum = -scale.maximum;
  make_logarithmic(field, state, component, scale);
  return scale;
}

}  // namespace

int shown_component(const Field& field, const SceneState& state) {
  return field.components() == 1 ? 0 : std::min(state.component, field.components() - 1);
}

void SharedRange::add(const Field* field) {
  has_kinds_ |= !field || field->kind() == FieldKind::Label;
  if (has_kinds_) return;
  const int component = shown_component(*field, state_);
  if (!field->range(component)) return;
  const LegendScale scale = bare_scale(*field, state_, component);
  if (!all_) all_ = FieldRange{scale.minimum, scale.maximum};
  all_->minimum = std::min(all_->minimum, scale.minimum);
  all_->maximum = std::max(all_->maximum, scale.maximum);
}

std::optional<FieldRange> SharedRange::ends() const {
  if (has_kinds_ || !all_ || state_.range || state_.range_mode == RangeMode::Locked) return {};
  FieldRange ends = *all_;
  // Of weights the largest alone says where the colours begin.
  if (is_weight(state_) && state_.logarithmic.value_or(spreads_over_decades(state_)) && ends.maximum > 0)
    ends.minimum = ends.maximum / decades_below;
  if (!(ends.minimum < ends.maximum)) return {};
  return ends;
}

std::optional<FieldRange> shared_range(std::span<const Field* const> fields, const SceneState& state) {
  SharedRange range(state);
  for (const Field* field : fields) range.add(field);
  return range.ends();
}

double value_at(const LegendScale& scale, double share) {
  if (scale.logarithmic) return scale.minimum * std::pow(scale.maximum / scale.minimum, share);
  const double span = scale.maximum - scale.minimum, value = scale.minimum + share * span;
  return std::abs(value) < 1e-5 * span ? 0 : value;
}

Palette palette_of(Theme theme) {
  if (theme == Theme::Dark) return {{22, 25, 31}, {226, 229, 235}, {150, 156, 168}, {255, 255, 255}, {64, 208, 232}};
  return {{248, 248, 246}, {32, 35, 42}, {96, 102, 114}, {0, 0, 0}, {0, 116, 152}};
}

std::string quantity_of(const Field& field, const SceneState& state, int component) {
  const bool target = state.colour_by == ColourBy::Target || state.colour_by == ColourBy::Prediction;
  return (target ? std::string("target") : std::string(name_of(state.colour_by)) + ":" + field.name()) + ":" +
         std::to_string(component);
}

LegendScale scale_of(const Field& field, const SceneState& state, int component) {
  LegendScale scale = bare_scale(field, state, component);
  count_values(field, state, component, scale);
  return scale;
}

double share_of(double value, const LegendScale& scale) {
  if (!std::isfinite(value)) return std::numeric_limits<double>::quiet_NaN();
  double low = scale.minimum, high = scale.maximum;
  if (scale.logarithmic) {
    value = std::log(std::max(value, low));
    low = std::log(low);
    high = std::log(high);
  }
  return high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0.5;
}

Rgb scale_colour(const LegendScale& scale, double share) {
  share = std::clamp(share, 0.0, 1.0);
  if (scale.steps > 1) share = std::min(std::floor(share * scale.steps), scale.steps - 1.0) / (scale.steps - 1);
  return map_colour(scale.map, scale.reversed ? 1 - share : share);
}

Rgb colour_of_number(double value, const LegendScale& scale) {
  const double share = share_of(value, scale);
  return std::isnan(share) ? no_number : scale_colour(scale, share);
}

ColourTable::ColourTable(const LegendScale& scale) : logarithmic_(scale.logarithmic), steps_(scale.steps > 1) {
  const int size = steps_ ? scale.steps : 1024;
  for (int i = 0; i < size; ++i)
    colours_.push_back(scale_colour(scale, (steps_ ? i + 0.5 : i * size / (size - 1.0)) / size));
  low_ = logarithmic_ ? std::log(scale.minimum) : scale.minimum;
  const double high = logarithmic_ ? std::log(scale.maximum) : scale.maximum;
  per_unit_ = high > low_ ? (steps_ ? size : size - 1) / (high - low_) : 0;
  if (per_unit_ == 0) colours_.assign(colours_.size(), scale_colour(scale, 0.5));
}

Rgb ColourTable::operator()(double value) const {
  if (!std::isfinite(value)) return no_number;
  if (logarithmic_) value = value > 0 ? std::log(value) : low_;
  const double at = (value - low_) * per_unit_ + (steps_ ? 0 : 0.5);
  return colours_[static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(colours_.size() - 1)))];
}

}  // namespace erwin::ui
