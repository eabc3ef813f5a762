#include "core/attention/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using attention::at;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

void require_same_size(std::size_t a, std::size_t b) {
  if (a != b)
    throw Error(ErrorKind::Internal, "two rows of different lengths are compared",
                std::to_string(a) + " and " + std::to_string(b) + " points");
}

double sum_of(std::span<const float> row) {
  double sum = 0;
  for (const float value : row) sum += static_cast<double>(value);
  return sum;
}

// What every block of a layer selected, as points, ascending.
class Selected {
public:
  explicit Selected(const SelectionSide& side) : layer_(side.tap->require_layer(side.layer)), head_(side.head) {
    if (layer_.kind != LayerKind::Nsa)
      throw Error(ErrorKind::Config, "this layer selects no blocks",
                  "layer " + layer_.name + " is of kind " + std::string(name_of(layer_.kind)),
                  "Selections are compared between layers of kind nsa");
  }

  // -1 where no slot answers for the point.
  std::int64_t block_of(std::int64_t point) const {
    const std::int64_t slot = layer_.slot_of_point(point);
    return slot < 0 ? -1 : slot / layer_.block_size;
  }

  const std::vector<std::int32_t>& points(std::int64_t block) {
    const auto [entry, is_new] = known_.try_emplace(block);
    if (!is_new) return entry->second;
    std::vector<std::int32_t>& points = entry->second;
    for (const SelectedBlock& chosen : selected_blocks(layer_, block * layer_.block_size, head_)) {
      const auto held = points_of_slots(layer_, std::int64_t{chosen.block} * layer_.block_size,
                                        std::min((std::int64_t{chosen.block} + 1) * layer_.block_size, layer_.slots()));
      points.insert(points.end(), held.begin(), held.end());
    }
    std::sort(points.begin(), points.end());
    points.erase(std::unique(points.begin(), points.end()), points.end());
    return points;
  }

private:
  const LayerTap& layer_;
  int head_;
  std::map<std::int64_t, std::vector<std::int32_t>> known_;
};

double jaccard(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  std::size_t common = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i < *j) {
      ++i;
    } else if (*j < *i) {
      ++j;
    } else {
      ++common;
      ++i;
      ++j;
    }
  }
  const std::size_t either = a.size() + b.size() - common;
  return either > 0 ? static_cast<double>(common) / static_cast<double>(either) : none;
}

}  // namespace

double jensen_shannon(std::span<const float> a, std::span<const float> b) {
  require_same_size(a.size(), b.size());
  const double whole_a = sum_of(a), whole_b = sum_of(b);
  if (!(whole_a > 0) || !(whole_b > 0)) return none;
  double divergence = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double p = static_cast<double>(a[i]) / whole_a, q = static_cast<double>(b[i]) / whole_b, m = (p + q) / 2;
    if (p > 0) divergence += p * std::log2(p / m) / 2;
    if (q > 0) divergence += q * std::log2(q / m) / 2;
  }
  return std::clamp(divergence, 0.0, 1.0);  // rounding aside it lies there
}

double row_overlap(std::span<const float> a, std::span<const float> b) {
  require_same_size(a.size(), b.size());
  const double whole_a = sum_of(a), whole_b = sum_of(b);
  if (!(whole_a > 0) || !(whole_b > 0)) return none;
  double overlap = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    overlap += std::min(static_cast<double>(a[i]) / whole_a, static_cast<double>(b[i]) / whole_b);
  return overlap;
}

double correlation(std::span<const float> a, std::span<const float> b) {
  require_same_size(a.size(), b.size());
  double mean_a = 0, mean_b = 0, count = 0;
  const auto finite = [&](std::size_t i) { return std::isfinite(a[i]) && std::isfinite(b[i]); };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!finite(i)) continue;
    mean_a += static_cast<double>(a[i]);
    mean_b += static_cast<double>(b[i]);
    ++count;
  }
  if (count < 2) return none;
  mean_a /= count;
  mean_b /= count;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!finite(i)) continue;
    const double x = static_cast<double>(a[i]) - mean_a, y = static_cast<double>(b[i]) - mean_b;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : none;
}

double selection_overlap(const SelectionSide& a, const SelectionSide& b, std::int64_t point) {
  Selected in_a(a), in_b(b);
  const std::int64_t block_a = in_a.block_of(point), block_b = in_b.block_of(point);
  if (block_a < 0 || block_b < 0)
    throw Error(ErrorKind::Config, "no slot of the layer answers for the point", "point " + std::to_string(point));
  return jaccard(in_a.points(block_a), in_b.points(block_b));
}

MeanOverlap mean_selection_overlap(const SelectionSide& a, const SelectionSide& b, const Job& job) {
  if (a.tap->point_count != b.tap->point_count)
    throw Error(ErrorKind::Internal, "records of different clouds are compared",
                std::to_string(a.tap->point_count) + " and " + std::to_string(b.tap->point_count) + " points");
  Selected in_a(a), in_b(b);
  // Points of one block in both layers have the same two selections.
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> pairs;
  for (std::int64_t point = 0; point < a.tap->point_count; ++point) {
    const std::int64_t block_a = in_a.block_of(point), block_b = in_b.block_of(point);
    if (block_a >= 0 && block_b >= 0) ++pairs[{block_a, block_b}];
  }
  MeanOverlap result;
  std::int64_t done = 0;
  for (const auto& [blocks, points] : pairs) {
    if (done++ % 256 == 0) {
      job.check();
      job.progress(static_cast<double>(done) / static_cast<double>(pairs.size()), "comparing selections");
    }
    const double overlap = jaccard(in_a.points(blocks.first), in_b.points(blocks.second));
    if (std::isnan(overlap)) continue;
    result.mean += overlap * static_cast<double>(points);
    result.points += points;
  }
  result.mean = result.points > 0 ? result.mean / static_cast<double>(result.points) : none;
  return result;
}

}  // namespace erwin
