#include "core/import/internal/survey.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "core/base/error.h"

namespace erwin::import {

namespace {

// Beyond these factors a person should look: between two components' deviations, between the extents of two samples,
// between a cloud's widest and thinnest axis, and between a value's distance from the mean and the deviation.
constexpr double far_components = 100, far_samples = 10, far_axes = 1000, far_value = 50;

std::string number(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string fields_of(const PointCloud& cloud) {
  std::string list;
  for (const Field& field : cloud.fields()) list += (list.empty() ? "" : ", ") + field.name();
  return list.empty() ? "the files hold positions only" : "the files hold: " + list;
}

// "position, component 2" or the name alone.
std::string named(const std::string& quantity, std::size_t component, std::size_t components) {
  return components == 1 ? quantity : quantity + ", component " + std::to_string(component);
}

// Points that lie exactly where another one before them lies.
std::int64_t coinciding_points(std::span<const float> positions) {
  std::vector<std::size_t> order(positions.size() / 3);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto at = [&](std::size_t point) {
    return std::array<float, 3>{positions[3 * point], positions[3 * point + 1], positions[3 * point + 2]};
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return at(a) < at(b); });
  std::int64_t count = 0;
  for (std::size_t i = 1; i < order.size(); ++i) count += at(order[i]) == at(order[i - 1]);
  return count;
}

}  // namespace

std::string only_candidate(const PointCloud& cloud, const std::vector<std::string>& inputs) {
  std::vector<std::string> candidates;
  for (const Field& field : cloud.fields())
    if (field.kind() != FieldKind::Label && std::find(inputs.begin(), inputs.end(), field.name()) == inputs.end())
      candidates.push_back(field.name());
  if (candidates.size() == 1) return candidates.front();
  throw Error(ErrorKind::Config,
              candidates.empty() ? "there is no field that could be learned" : "several fields could be learned",
              fields_of(cloud), "Name one with --target");
}

void Survey::Range::include(double value) {
  if (!std::isfinite(value)) return;
  minimum = any ? std::min(minimum, value) : value;
  maximum = any ? std::max(maximum, value) : value;
  any = true;
}

Survey::Survey(std::vector<std::string> inputs, std::string target, const PointCloud& first)
    : inputs_(std::move(inputs)), target_(std::move(target)), dimension_(first.dimension()) {
  for (const std::string& name : quantities()) {
    const Field* field = first.field(name);
    if (!field && name != "position")
      throw Error(ErrorKind::Config, "there is no field of this name", name, "Of the fields, " + fields_of(first));
    components_[name] = field && name != "position" ? field->components() : dimension_;
    moments_.emplace(name, Moments(name));
    ranges_[name].resize(static_cast<std::size_t>(components_[name]));
  }
}

std::vector<std::string> Survey::quantities() const {
  std::vector<std::string> names{"position"};
  for (const std::string& input : inputs_) names.push_back(input);
  names.push_back(target_);
  std::sort(names.begin() + 1, names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<std::string> once;
  for (const std::string& name : names)
    if (std::find(once.begin(), once.end(), name) == once.end()) once.push_back(name);
  return once;
}

int Survey::components(const std::string& quantity) const {
  return components_.at(quantity);
}

std::string Survey::problem_of(const PointCloud& cloud, std::int64_t frame) const {
  if (cloud.dimension() != dimension_)
    return "it is " + std::to_string(cloud.dimension()) + "-D, the first sample " + std::to_string(dimension_) + "-D";
  for (const auto& [name, components] : components_) {
    if (name == "position") continue;
    const Field* field = cloud.field(name);
    if (!field) return "it has no field " + name;
    if (field->components() != components)
      return name + " has " + std::to_string(field->components()) + " components, in the first sample " +
             std::to_string(components);
    const std::span<const float> values = field->frame(frame);
    const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad == values.end()) continue;
    const auto count = std::count_if(bad, values.end(), [](float value) { return !std::isfinite(value); });
    const std::int64_t point = std::distance(values.begin(), bad) / components;
    return name + " has " + std::to_string(count) + " values that are not finite, the first at point " +
           std::to_string(cloud.row_id(point));
  }
  return "";
}

void Survey::look_at_points(const std::string& name, const PointCloud& cloud, std::int64_t frame, const Job& job) {
  fewest_ = fewest_ < 0 ? cloud.size() : std::min(fewest_, cloud.size());
  most_ = std::max(most_, cloud.size());
  if (const std::int64_t count = coinciding_points(cloud.positions(frame)); count > 0) {
    coinciding_ += count;
    ++coinciding_samples_;
    if (count > worst_coinciding_) {
      worst_coinciding_ = count;
      worst_ = name;
    }
  }
  job.check();
  const Bounds box = cloud.bounds(frame);
  double widest = 0, thinnest = 1e300;
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(dimension_); ++axis) {
    const double extent = box.maximum[axis] - box.minimum[axis];
    widest = std::max(widest, extent);
    if (extent > 0) thinnest = std::min(thinnest, extent);
  }
  if (!(widest > 0)) return;
  if (thinnest / widest < thinnest_) {
    thinnest_ = thinnest / widest;
    thinnest_name_ = name;
  }
  if (smallest_.empty() || widest < smallest_extent_) {
    smallest_extent_ = widest;
    smallest_ = name;
  }
  if (widest > largest_extent_) {
    largest_extent_ = widest;
    largest_ = name;
  }
}

void Survey::add(const std::string& name, const std::string& split, const PointCloud& cloud, std::int64_t frame,
                 const Job& job) {
  look_at_points(name, cloud, frame, job);
  if (cloud.frames() == 1) {
    const auto [known, fresh] = by_hash_.emplace(cloud.content_hash(job), Known{name, split});
    if (!fresh)
      copies_.push_back(known->second.name + " and " + name + " are the same" +
                        (known->second.split != split ? ", in " + known->second.split + " and in " + split : ""));
  }
  if (split != "train") return;
  for (auto& [quantity, moments] : moments_) {
    std::vector<Range>& ranges = ranges_[quantity];
    if (quantity == "position") {
      moments.add_positions(cloud, frame, job);
      for (std::int64_t point = 0; point < cloud.size(); ++point)
        for (std::size_t axis = 0; axis < ranges.size(); ++axis)
          ranges[axis].include(cloud.position(point, frame)[axis]);
      continue;
    }
    const Field& field = cloud.require_field(quantity);
    moments.add_field(field, frame, job);
    for (std::int64_t point = 0; point < cloud.size(); ++point)
      for (std::size_t c = 0; c < ranges.size(); ++c) ranges[c].include(field.value(point, static_cast<int>(c), frame));
  }
}

Normalisation Survey::normalisation() const {
  Normalisation result;
  for (const auto& [name, moments] : moments_)
    (name == "position" ? result.position : result.field[name]) = moments.standard();
  return result;
}

std::vector<std::string> Survey::warnings(const Normalisation& normalisation) const {
  std::vector<std::string> warnings;
  warn_of_values(normalisation, warnings);
  warn_of_points(warnings);
  constexpr std::size_t shown = 5;
  for (std::size_t i = 0; i < std::min(shown, copies_.size()); ++i) warnings.push_back(copies_[i]);
  if (copies_.size() > shown)
    warnings.push_back(std::to_string(copies_.size() - shown) + " more pairs of samples are the same");
  return warnings;
}

void Survey::warn_of_values(const Normalisation& normalisation, std::vector<std::string>& warnings) const {
  for (const auto& [name, ranges] : ranges_) {
    const Standard& standard = name == "position" ? normalisation.position : normalisation.field.at(name);
    std::vector<double> deviations;
    for (std::size_t c = 0; c < ranges.size(); ++c) {
      const std::string what = named(name, c, ranges.size());
      if (!(ranges[c].maximum > ranges[c].minimum)) {
        const char* consequence = name == target_      ? ": there is nothing to learn"
                                  : name == "position" ? ": the clouds are flat"
                                                       : ": it tells nothing";
        warnings.push_back(what + " is " + number(ranges[c].minimum) + " everywhere" + consequence);
        continue;
      }
      deviations.push_back(standard.deviation[c]);
      const double farthest =
          std::max(ranges[c].maximum - standard.mean[c], standard.mean[c] - ranges[c].minimum) / standard.deviation[c];
      if (farthest > far_value)
        warnings.push_back(what + " reaches " + number(farthest) + " deviations from its mean (" +
                           number(ranges[c].minimum) + " to " + number(ranges[c].maximum) +
                           "): a few values will outweigh all others");
    }
    if (deviations.size() < 2) continue;
    const auto [least, most] = std::minmax_element(deviations.begin(), deviations.end());
    if (*most > far_components * *least)
      warnings.push_back("the components of " + name + " have deviations from " + number(*least) + " to " +
                         number(*most) + ": each is scaled by its own, so all count alike");
  }
}

void Survey::warn_of_points(std::vector<std::string>& warnings) const {
  if (coinciding_ > 0)
    warnings.push_back(std::to_string(coinciding_) + " points in " + std::to_string(coinciding_samples_) +
                       (coinciding_samples_ == 1 ? " sample" : " samples") + " lie exactly on another one (most in " +
                       worst_ + ": " + std::to_string(worst_coinciding_) + ")");
  if (smallest_extent_ > 0 && largest_extent_ > far_samples * smallest_extent_)
    warnings.push_back(smallest_ + " is " + number(smallest_extent_) + " wide and " + largest_ + " " +
                       number(largest_extent_) + ": are all in one unit?");
  if (thinnest_ * far_axes < 1)
    warnings.push_back(thinnest_name_ + " is " + number(1 / thinnest_) +
                       " times as wide along one axis as along another: each axis is scaled by its own deviation");
}

}  // namespace erwin::import
