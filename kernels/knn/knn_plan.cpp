#include <algorithm>

#include "kernels/knn/knn.h"

namespace erwin::kernels {

KnnPlan plan_knn(const std::vector<std::int64_t>& points, int k, bool self_loop) {
  KnnPlan plan;
  plan.self_loop = self_loop;
  for (const std::int64_t count : points) {
    const auto others = static_cast<std::int32_t>(std::min<std::int64_t>(self_loop ? k - 1 : k, count - 1));
    plan.clouds.push_back({plan.edges, static_cast<std::int32_t>(plan.points), others});
    plan.others = std::max<int>(plan.others, others);
    plan.points += count;
    plan.edges += count * (others + self_loop);
  }
  return plan;
}

}  // namespace erwin::kernels
