// The device's neighbours are those of a search through all points, and of the CPU's graph, ties included.

#include <gtest/gtest.h>

#include <tuple>

#include "core/tree/knn.h"
#include "kernels/knn/knn.h"
#include "tests/kernels/ball_tree/device_trees.h"

namespace erwin::kernels {
namespace {

using test::BallBatch;
using test::OnDevice;

struct Edges {
  std::vector<std::int64_t> source, receiver;
};

Edges device_edges(const BallBatch& batch, std::int64_t unit, int k, bool self_loop) {
  const test::Stream stream;
  const test::DeviceTrees trees(batch, batch.float32_values);
  trees.build(stream);
  std::vector<std::int64_t> points, slots;
  for (const auto& cloud : batch.clouds) {
    points.push_back(cloud.points);
    slots.push_back(cloud.slots);
  }
  const BallNodesPlan nodes = plan_ball_nodes(slots, unit);
  const KnnPlan plan = plan_knn(points, k, self_loop);
  const OnDevice<BallNodesPlan::Cloud> tree_table(nodes.clouds);
  const OnDevice<KnnCloud> cloud_table(plan.clouds);
  const OnDevice<std::int64_t> source(static_cast<std::size_t>(plan.edges)),
      receiver(static_cast<std::size_t>(plan.edges));
  const OnDevice<char> workspace(knn_workspace(plan, nodes));
  KnnCudaParams params;
  params.positions = trees.positions.data();
  params.dimension = batch.dimension;
  params.slot_point = trees.slot_point.data();
  params.slot_mask = trees.slot_mask.data();
  params.lexical_rank = trees.lexical_rank.data();
  params.trees = tree_table.data();
  params.clouds = cloud_table.data();
  params.source = source.data();
  params.receiver = receiver.data();
  params.workspace = workspace.data();
  test::require_cuda(knn_cuda(plan, nodes, params, stream.get()), "knn_cuda");
  stream.wait();
  return {source.back(), receiver.back()};
}

// All pairs: (squared distance, coordinates, id), coincident points first.
Edges slow_edges(const BallBatch& batch, int k, bool self_loop) {
  Edges edges;
  std::int64_t begin = 0;
  const int d = batch.dimension;
  for (const auto& cloud : batch.clouds) {
    const std::int64_t end = begin + cloud.points,
                       others = std::min<std::int64_t>(self_loop ? k - 1 : k, cloud.points - 1);
    for (std::int64_t p = begin; p < end; ++p) {
      std::vector<std::tuple<double, std::array<double, 3>, std::int64_t>> found;
      for (std::int64_t q = begin; q < end; ++q) {
        if (q == p) continue;
        std::array<double, 3> x{0, 0, 0};
        double distance = 0;
        bool same = true;
        for (int a = 0; a < d; ++a) {
          x[static_cast<std::size_t>(a)] = batch.positions[static_cast<std::size_t>(q * d + a)];
          const double difference =
              batch.positions[static_cast<std::size_t>(p * d + a)] - x[static_cast<std::size_t>(a)];
          distance += difference * difference;
          same = same && difference == 0;
        }
        found.emplace_back(same ? -1 : distance, x, q);
      }
      std::partial_sort(found.begin(), found.begin() + others, found.end());
      if (self_loop) edges.source.push_back(p);
      for (std::int64_t j = 0; j < others; ++j) edges.source.push_back(std::get<2>(found[static_cast<std::size_t>(j)]));
      edges.receiver.insert(edges.receiver.end(), static_cast<std::size_t>(others + self_loop), p);
    }
    begin = end;
  }
  return edges;
}

Edges cpu_edges(const BallBatch& batch, int k, bool self_loop) {
  Edges edges;
  std::int64_t begin = 0;
  for (const auto& cloud : batch.clouds) {
    const auto d = static_cast<std::size_t>(batch.dimension);
    const KnnGraph graph =
        build_knn_graph(std::span(batch.positions)
                            .subspan(static_cast<std::size_t>(begin) * d, static_cast<std::size_t>(cloud.points) * d),
                        batch.dimension, k, self_loop);
    for (const std::int32_t point : graph.source) edges.source.push_back(begin + point);
    for (const std::int32_t point : graph.receiver) edges.receiver.push_back(begin + point);
    begin += cloud.points;
  }
  return edges;
}

void expect_same(const Edges& got, const Edges& expected) {
  test::expect_equal("receiver", got.receiver, expected.receiver);
  test::expect_equal("source", got.source, expected.source);
}

#define NEEDS_DEVICE() \
  if (!test::has_device()) GTEST_SKIP() << "no CUDA device here"

TEST(KnnGpu, SmallCloudsEqualAllPairs) {
  NEEDS_DEVICE();
  const std::vector<test::Cloud> clouds{test::uniform_cloud(1), test::uniform_cloud(2), test::uniform_cloud(300),
                                        test::all_equal_cloud(40), test::doubled_grid(4)};
  for (const std::int64_t unit : {1, 4, 16, 64})
    for (const bool self_loop : {false, true}) {
      const BallBatch batch(clouds, unit);
      SCOPED_TRACE(batch.name);
      expect_same(device_edges(batch, unit, 8, self_loop), slow_edges(batch, 8, self_loop));
    }
}

TEST(KnnGpu, AnyNumberOfNeighboursEqualsAllPairs) {
  NEEDS_DEVICE();
  const BallBatch batch({test::uniform_cloud(700), test::doubled_grid(7), test::uniform_cloud(20)}, 32),
      flat({test::uniform_cloud(500, 2), test::uniform_cloud(9, 2)}, 32),
      duplicate({test::uniform_cloud(700)}, 32, true);
  for (const int k : {1, 2, 8, 9, 16, 17, 32}) {
    SCOPED_TRACE("k " + std::to_string(k));
    expect_same(device_edges(batch, 32, k, false), slow_edges(batch, k, false));
    expect_same(device_edges(flat, 32, k, true), slow_edges(flat, k, true));
    expect_same(device_edges(duplicate, 32, k, true), slow_edges(duplicate, k, true));
  }
}

TEST(KnnGpu, AwkwardCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const int dimension : {2, 3}) {
    auto clouds = test::awkward_clouds_of(dimension);
    std::erase_if(clouds, [](const test::Cloud& cloud) { return cloud.name == "huge coordinates"; });  // refused
    for (const std::int64_t unit : {2, 128, 1024}) {
      const BallBatch batch(clouds, unit);
      SCOPED_TRACE(batch.name);
      expect_same(device_edges(batch, unit, 10, false), cpu_edges(batch, 10, false));
    }
  }
}

TEST(KnnGpu, LargeCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const auto& cloud : {test::uniform_cloud(200003), test::clustered_cloud(100000), test::all_equal_cloud(50000),
                            test::doubled_grid(40)}) {
    const BallBatch batch({cloud, test::uniform_cloud(5000)}, 128);
    SCOPED_TRACE(batch.name);
    expect_same(device_edges(batch, 128, 8, true), cpu_edges(batch, 8, true));
  }
}

TEST(KnnGpu, AMillionPointsEqualTheCpu) {
  NEEDS_DEVICE();
  const BallBatch batch({test::uniform_cloud(1048576)}, 128);
  expect_same(device_edges(batch, 128, 8, true), cpu_edges(batch, 8, true));
}

TEST(KnnGpu, MoreNeighboursThanItHoldsAreRefused) {
  NEEDS_DEVICE();
  const BallBatch batch({test::uniform_cloud(100)}, 32);
  EXPECT_THROW(device_edges(batch, 32, 33, false), std::runtime_error);
}

}  // namespace
}  // namespace erwin::kernels
