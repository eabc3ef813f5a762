#include "core/engine/cloud_tree.h"

#include <vector>

namespace erwin {

BallTreePtr cloud_tree(const PointCloud& cloud, std::int64_t frame, const Job& job) {
  const auto positions = cloud.positions(frame);
  const auto dimension = static_cast<std::size_t>(cloud.dimension());
  std::vector<double> widened(static_cast<std::size_t>(cloud.size()) * dimension);
  for (std::size_t i = 0; i < widened.size(); ++i) widened[i] = positions[i / dimension * 3 + i % dimension];
  return std::make_shared<const BallTree>(build_ball_tree(widened, cloud.dimension(), TreeOptions{}, job));
}

}  // namespace erwin
