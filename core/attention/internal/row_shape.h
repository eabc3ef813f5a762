#pragma once
// A row over points in its own terms: how wide and how far it looks.

#include <cstdint>
#include <span>
#include <vector>

#include "core/attention/internal/row_reader.h"

namespace erwin::attention {

// The weights of one row at points, from a WeightSum. Not for two threads.
class PointRow {
public:
  PointRow(const LayerTap& layer, std::int64_t point_count, bool has_copies);

  // Spreads the sum over the slots of `reach`.
  void read(const WeightSum& sum, SlotRange reach);
  double total() const { return total_; }
  double entropy() const;  // in nats; 0 for an empty row
  // sum_j w_j |x_i - x_j| / total, positions [n, 3]; 0 for an empty row.
  double mean_distance(std::int64_t point, std::span<const float> positions) const;
  // Points with weight, each once, and the weights of all points [n] (0 elsewhere).
  const std::vector<std::int32_t>& points() const { return points_; }
  const std::vector<double>& weights() const { return weights_; }

private:
  void add(const WeightSum& sum, SlotRange slots, double per_point);

  const LayerTap& layer_;
  bool has_copies_;
  std::vector<double> weights_;
  std::vector<std::int32_t> points_;
  double total_ = 0, weighted_logs_ = 0;
};

// Does a point stand in more than one slot (duplicate padding)?
bool has_copies(const LayerTap& layer, std::int64_t point_count);

}  // namespace erwin::attention
