#include "core/attention/internal/row_shape.h"

#include <algorithm>
#include <cmath>

namespace erwin::attention {

namespace {

double w_log_w(double w) {
  return w > 0 ? w * std::log(w) : 0;
}

}  // namespace

bool has_copies(const LayerTap& layer, std::int64_t point_count) {
  return std::ssize(layer.slot_points) > point_count;
}

PointRow::PointRow(const LayerTap& layer, std::int64_t point_count, bool has_copies)
    : layer_(layer), has_copies_(has_copies), weights_(at(point_count)) {}

// per_point: what the compressed branch gives every point of these slots. A block that no other branch saw has one
// weight for all its points, and one logarithm.
void PointRow::add(const WeightSum& sum, SlotRange slots, double per_point) {
  for (std::int64_t slot = slots.begin; slot < slots.end; ++slot) {
    const std::int64_t first = layer_.slot_point_begin[at(slot)], last = layer_.slot_point_begin[at(slot + 1)];
    if (first == last) continue;
    const double weight = sum.slot[at(slot)] / static_cast<double>(last - first) + per_point;
    if (weight <= 0) continue;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int32_t point = layer_.slot_points[at(i)];
      if (weights_[at(point)] == 0) points_.push_back(point);
      weights_[at(point)] += weight;
    }
  }
}

void PointRow::read(const WeightSum& sum, SlotRange reach) {
  for (const std::int32_t point : points_) weights_[at(point)] = 0;
  points_.clear();
  weighted_logs_ = 0;
  if (layer_.block_size == 0) {
    add(sum, reach, 0);
  } else {
    for (std::int64_t block = reach.begin / layer_.block_size; block * layer_.block_size < reach.end; ++block) {
      const SlotRange slots = block_range(layer_, block);
      const auto points =
          static_cast<double>(layer_.slot_point_begin[at(slots.end)] - layer_.slot_point_begin[at(slots.begin)]);
      if (points == 0) continue;
      const double per_point = sum.compressed[at(block)] / points;
      const std::size_t before = points_.size();
      add(sum, slots, per_point);
      if (has_copies_) continue;
      if (!sum.seen[at(block)])
        weighted_logs_ += points * w_log_w(per_point);
      else
        for (std::size_t i = before; i < points_.size(); ++i) weighted_logs_ += w_log_w(weights_[at(points_[i])]);
    }
  }
  total_ = 0;
  for (const std::int32_t point : points_) total_ += weights_[at(point)];
  if (has_copies_ || layer_.block_size == 0)
    for (const std::int32_t point : points_) weighted_logs_ += w_log_w(weights_[at(point)]);
}

// -sum (w / S) ln (w / S) = ln S - (sum w ln w) / S
double PointRow::entropy() const {
  return total_ > 0 ? std::max(0.0, std::log(total_) - weighted_logs_ / total_) : 0;
}

double PointRow::mean_distance(std::int64_t point, std::span<const float> positions) const {
  const float* const from = &positions[at(3 * point)];
  double sum = 0;
  for (const std::int32_t other : points_) {
    const float* const to = &positions[3 * at(other)];
    double square = 0;
    for (int axis = 0; axis < 3; ++axis) {
      const double difference = static_cast<double>(from[axis]) - static_cast<double>(to[axis]);
      square += difference * difference;
    }
    sum += weights_[at(other)] * std::sqrt(square);
  }
  return total_ > 0 ? sum / total_ : 0;
}

}  // namespace erwin::attention
