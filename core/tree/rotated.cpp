#include "core/tree/rotated.h"

#include <algorithm>
#include <string>

#include "core/base/error.h"

namespace erwin {

std::vector<double> rotated_slots(const BallTree& main, std::span<const double> positions, double degrees) {
  const auto d = static_cast<std::size_t>(main.dimension);
  std::vector<double> rows(main.slot_point.size() * d);
  for (std::size_t s = 0; s < main.slot_point.size(); ++s)
    std::copy_n(positions.data() + static_cast<std::size_t>(main.slot_point[s]) * d, d, rows.data() + s * d);
  return rotate_positions(rows, main.dimension, degrees);
}

std::vector<double> pool_slots(std::span<const double> rows, int dimension, int stride) {
  const auto d = static_cast<std::size_t>(dimension), s = static_cast<std::size_t>(std::max(stride, 1));
  if (stride < 1 || rows.size() % (d * s) != 0)
    throw Error(ErrorKind::Config, "the stride does not divide the slots of the level",
                "stride " + std::to_string(stride) + ", " + std::to_string(rows.size() / d) + " slots",
                "Use fewer levels or smaller strides for samples this small");
  std::vector<double> pooled(rows.size() / s);
  for (std::size_t p = 0; p < pooled.size() / d; ++p)
    for (std::size_t a = 0; a < d; ++a) {
      double sum = 0;
      for (std::size_t c = 0; c < s; ++c) sum += rows[(p * s + c) * d + a];
      pooled[p * d + a] = sum / static_cast<double>(s);
    }
  return pooled;
}

BallTree partition_slots(std::span<const double> rows, int dimension, int unit, const Job& job) {
  TreeOptions options;
  options.unit = unit;
  options.nodes = false;
  return build_ball_tree(rows, dimension, options, job);
}

std::vector<BallTree> rotated_slot_trees(const BallTree& main, std::span<const double> positions, double degrees,
                                         std::span<const int> strides, const Job& job) {
  std::vector<BallTree> trees;
  std::vector<double> rows = rotated_slots(main, positions, degrees);
  int unit = main.unit;
  trees.push_back(partition_slots(rows, main.dimension, unit, job));
  for (const int stride : strides) {
    rows = pool_slots(rows, main.dimension, stride);
    unit = std::max(1, unit / stride);
    trees.push_back(partition_slots(rows, main.dimension, unit, job));
  }
  return trees;
}

}  // namespace erwin
