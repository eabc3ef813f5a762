// A plan counts the edges of the neighbour graph: as many, and from the same place on, as the CPU's graph has.

#include <gtest/gtest.h>

#include "core/tree/knn.h"
#include "kernels/knn/knn.h"
#include "tests/core/tree/clouds.h"

namespace erwin::kernels {
namespace {

TEST(KnnPlan, CountsTheEdgesOfTheGraphs) {
  for (const bool self_loop : {false, true})
    for (const int k : {1, 4, 10}) {
      const std::vector<std::int64_t> points{1, 2, 5, 300, 11};
      const KnnPlan plan = plan_knn(points, k, self_loop);
      std::int64_t edges = 0, first_point = 0;
      for (std::size_t c = 0; c < points.size(); ++c) {
        const KnnGraph graph = build_knn_graph(test::uniform_cloud(points[c]).positions, 3, k, self_loop);
        EXPECT_EQ(plan.clouds[c].edge_begin, edges);
        EXPECT_EQ(plan.clouds[c].point_begin, first_point);
        EXPECT_EQ(plan.clouds[c].others + self_loop, graph.edges_per_point) << "cloud " << c << ", k " << k;
        edges += static_cast<std::int64_t>(graph.source.size());
        first_point += points[c];
      }
      EXPECT_EQ(plan.edges, edges);
      EXPECT_EQ(plan.points, first_point);
      EXPECT_EQ(plan.others, self_loop ? k - 1 : k);
    }
}

}  // namespace
}  // namespace erwin::kernels
