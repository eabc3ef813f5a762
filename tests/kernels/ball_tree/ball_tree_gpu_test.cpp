// The device's trees are the CPU's, bit for bit, for every batch; node data too, to rounding.

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "kernels/ball_tree/ball_tree_cuda.h"
#include "tests/kernels/ball_tree/device_trees.h"

namespace erwin::kernels {
namespace {

using test::BallBatch;
using test::DeviceTrees;
using test::expect_equal;
using test::OnDevice;

void expect_same(const DeviceTrees& device, const test::BatchTrees& expected) {
  expect_equal("slot_mask", device.slot_mask.back(), expected.slot_mask);
  expect_equal("slot_point", device.slot_point.back(), expected.slot_point);
  expect_equal("point_slot", device.point_slot.back(), expected.point_slot);
}

// Places of the points in the order (cloud, coordinates, id).
std::vector<std::int32_t> slow_lexical_rank(const BallBatch& batch) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(batch.points())), rank(order.size());
  std::iota(order.begin(), order.end(), 0);
  const auto d = static_cast<std::size_t>(batch.dimension);
  auto begin = order.begin();
  for (const auto& cloud : batch.clouds) {
    std::sort(begin, begin + cloud.points, [&](std::int32_t p, std::int32_t q) {
      for (std::size_t a = 0; a < d; ++a) {
        const double x = batch.positions[static_cast<std::size_t>(p) * d + a],
                     y = batch.positions[static_cast<std::size_t>(q) * d + a];
        if (x != y) return x < y;
      }
      return p < q;
    });
    begin += cloud.points;
  }
  for (std::size_t i = 0; i < order.size(); ++i)
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
  return rank;
}

void expect_cpu_trees(const BallBatch& batch) {
  const test::BatchTrees expected = test::cpu_trees(batch);
  const std::vector<std::int32_t> rank = slow_lexical_rank(batch);
  const test::Stream stream;
  for (const bool float32_values : {false, true}) {
    if (float32_values && !batch.float32_values) continue;
    SCOPED_TRACE(batch.name + (float32_values ? ", float32 values" : ", float64 values"));
    const DeviceTrees device(batch, float32_values);
    device.build(stream);
    stream.wait();
    expect_same(device, expected);
    expect_equal("lexical_rank", device.lexical_rank.back(), rank);
  }
}

#define NEEDS_DEVICE() \
  if (!test::has_device()) GTEST_SKIP() << "no CUDA device here"

TEST(BallTreeGpu, SmallCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const std::int64_t unit : {1, 2, 16})
    for (const bool duplicate : {false, true})
      expect_cpu_trees(BallBatch({test::uniform_cloud(1), test::uniform_cloud(2), test::uniform_cloud(77),
                                  test::all_equal_cloud(33), test::doubled_grid(4)},
                                 unit, duplicate));
  // More than one tile and more than one level of large nodes.
  expect_cpu_trees(BallBatch({test::uniform_cloud(2301), test::uniform_cloud(5)}, 128));
}

TEST(BallTreeGpu, AwkwardCloudsEqualTheCpuAlone) {
  NEEDS_DEVICE();
  for (const test::Cloud& cloud : test::awkward_clouds())
    for (const std::int64_t unit : {1, 32, 256, 8192}) expect_cpu_trees(BallBatch({cloud}, unit));
}

TEST(BallTreeGpu, BatchesOfUnequalCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const int dimension : {1, 2, 3})
    for (const std::int64_t unit : {1, 16, 128, 1024})
      for (const bool duplicate : {false, true})
        expect_cpu_trees(BallBatch(test::awkward_clouds_of(dimension), unit, duplicate));
}

TEST(BallTreeGpu, ManyCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  std::vector<test::Cloud> clouds;
  for (unsigned c = 0; c < 300; ++c) clouds.push_back(test::uniform_cloud(1 + (c * 37) % 400, 3, c));
  clouds.push_back(test::uniform_cloud(30001));
  expect_cpu_trees(BallBatch(clouds, 64));
}

TEST(BallTreeGpu, LargeCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  expect_cpu_trees(BallBatch({test::uniform_cloud(200003)}, 256));
  expect_cpu_trees(BallBatch({test::clustered_cloud(200003)}, 128));
  expect_cpu_trees(BallBatch({test::all_equal_cloud(100000), test::collinear_cloud(65537)}, 32));
  expect_cpu_trees(BallBatch({test::uniform_cloud(1048576)}, 128));
}

TEST(BallTreeGpu, CapturedIntoAGraphItFollowsThePositions) {
  NEEDS_DEVICE();
  const BallBatch first({test::uniform_cloud(5000, 3, 1), test::uniform_cloud(4321, 3, 2)}, 128),
      second({test::uniform_cloud(5000, 3, 3), test::uniform_cloud(4321, 3, 4)}, 128);
  const test::Stream stream;
  const DeviceTrees device(first, true);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  test::require_cuda(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal), "capture");
  device.build(stream);
  test::require_cuda(cudaStreamEndCapture(stream.get(), &graph), "capture");
  test::require_cuda(cudaGraphInstantiate(&ready, graph, 0), "instantiate");
  for (const BallBatch* batch : {&first, &second, &first}) {
    test::require_cuda(cudaMemcpy(device.positions.data(), batch->positions.data(),
                                  batch->positions.size() * sizeof(double), cudaMemcpyHostToDevice),
                       "copy");
    test::require_cuda(cudaGraphLaunch(ready, stream.get()), "launch");
    stream.wait();
    expect_same(device, test::cpu_trees(*batch));
  }
  cudaGraphExecDestroy(ready);
  cudaGraphDestroy(graph);
}

TEST(BallTreeGpu, RotatesToTheBit) {
  NEEDS_DEVICE();
  for (const int dimension : {2, 3}) {
    const test::Cloud cloud = test::uniform_cloud(10007, dimension);
    const std::vector<double> matrix =
        dimension == 2 ? std::vector<double>{0.6, -0.8, 0.8, 0.6} : std::vector<double>{0.5,
                                                                                        -0.14644660940672624,
                                                                                        0.8535533905932737,
                                                                                        0.5,
                                                                                        0.8535533905932737,
                                                                                        -0.14644660940672624,
                                                                                        -0.7071067811865475,
                                                                                        0.5,
                                                                                        0.5};
    std::vector<double> expected(cloud.positions.size());
    for (std::size_t i = 0; i < expected.size(); i += static_cast<std::size_t>(dimension))
      for (std::size_t k = 0; k < static_cast<std::size_t>(dimension); ++k) {
        volatile double sum = 0;  // every product and every sum rounded for itself
        for (std::size_t a = 0; a < static_cast<std::size_t>(dimension); ++a) {
          volatile double product = cloud.positions[i + a] * matrix[a * static_cast<std::size_t>(dimension) + k];
          sum = a == 0 ? product : sum + product;
        }
        expected[i + k] = sum;
      }
    const OnDevice<double> positions(cloud.positions), rotated(cloud.positions.size());
    RotatePointsParams params;
    params.positions = positions.data();
    params.rotated = rotated.data();
    params.points = cloud.points();
    params.dimension = dimension;
    std::copy(matrix.begin(), matrix.end(), params.matrix);
    const test::Stream stream;
    test::require_cuda(rotate_points_cuda(params, stream.get()), "rotate_points_cuda");
    stream.wait();
    expect_equal("rotated", rotated.back(), expected);
  }
}

// Node data of one cloud, from the CPU.
struct CpuNodes {
  std::vector<std::int32_t> point_count;
  std::vector<std::int8_t> split_axis;
  std::vector<double> centre, radius, box_minimum, box_maximum;
  explicit CpuNodes(std::size_t nodes)
      : point_count(nodes),
        split_axis(nodes),
        centre(3 * nodes),
        radius(nodes),
        box_minimum(3 * nodes),
        box_maximum(3 * nodes) {}
};

// Fills `nodes` in the numbering of the plan from every cloud's own tree.
CpuNodes cpu_nodes(const BallBatch& batch, const test::BatchTrees& trees, const BallNodesPlan& plan,
                   std::int64_t unit) {
  CpuNodes whole(static_cast<std::size_t>(plan.nodes));
  std::int64_t first_point = 0, first_slot = 0;
  for (std::size_t c = 0; c < batch.clouds.size(); ++c) {
    const auto& cloud = batch.clouds[c];
    const auto starts = test::slow_levels(cloud.slots, unit);
    std::vector<CpuNodes> levels;
    std::vector<BallLevelParams> level_params;
    for (const auto& level : starts) levels.emplace_back(level.size() - 1);
    for (std::size_t l = 0; l < starts.size(); ++l)
      level_params.push_back({starts[l].data(), static_cast<std::int64_t>(starts[l].size()) - 1,
                              levels[l].point_count.data(), levels[l].split_axis.data(), levels[l].centre.data(),
                              levels[l].radius.data(), levels[l].box_minimum.data(), levels[l].box_maximum.data()});
    std::vector<std::int32_t> slot_point(trees.slot_point.begin() + first_slot,
                                         trees.slot_point.begin() + first_slot + cloud.slots);
    for (auto& point : slot_point) point -= static_cast<std::int32_t>(first_point);
    BallNodesParams params;
    params.positions = batch.positions.data() + first_point * batch.dimension;
    params.dimension = batch.dimension;
    params.points = cloud.points;
    params.slots = cloud.slots;
    params.slot_point = slot_point.data();
    params.slot_mask = trees.slot_mask.data() + first_slot;
    params.levels = level_params.data();
    params.level_count = static_cast<int>(level_params.size());
    ball_nodes_cpu(params);
    for (std::size_t l = 0; l < levels.size(); ++l)
      for (std::size_t i = 0; i < levels[l].radius.size(); ++i) {
        const auto node = static_cast<std::size_t>(
            plan.node(static_cast<std::int64_t>(c), static_cast<int>(l), static_cast<std::int64_t>(i)));
        whole.point_count[node] = levels[l].point_count[i];
        whole.split_axis[node] = levels[l].split_axis[i];
        whole.radius[node] = levels[l].radius[i];
        for (std::size_t a = 0; a < 3; ++a) {
          whole.centre[3 * node + a] = levels[l].centre[3 * i + a];
          whole.box_minimum[3 * node + a] = levels[l].box_minimum[3 * i + a];
          whole.box_maximum[3 * node + a] = levels[l].box_maximum[3 * i + a];
        }
      }
    first_point += cloud.points;
    first_slot += cloud.slots;
  }
  return whole;
}

double largest_difference(const std::vector<double>& got, const std::vector<double>& expected) {
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(got[i] - expected[i]);
    if (!(difference <= largest)) largest = difference;  // NaN too
  }
  return largest;
}

void expect_cpu_nodes(const BallBatch& batch, std::int64_t unit) {
  SCOPED_TRACE(batch.name);
  std::vector<std::int64_t> slots;
  for (const auto& cloud : batch.clouds) slots.push_back(cloud.slots);
  const BallNodesPlan plan = plan_ball_nodes(slots, unit);
  const test::BatchTrees trees = test::cpu_trees(batch);
  const CpuNodes expected = cpu_nodes(batch, trees, plan, unit);
  const auto nodes = static_cast<std::size_t>(plan.nodes);
  const OnDevice<double> positions(batch.positions), centre(3 * nodes), radius(nodes), low(3 * nodes), high(3 * nodes);
  const OnDevice<std::int32_t> slot_point(trees.slot_point), count(nodes);
  const OnDevice<std::uint8_t> mask(trees.slot_mask);
  const OnDevice<std::int8_t> axis(nodes);
  const OnDevice<BallNodesPlan::Cloud> clouds(plan.clouds);
  BallNodesCudaParams params;
  params.positions = positions.data();
  params.dimension = batch.dimension;
  params.slot_point = slot_point.data();
  params.slot_mask = mask.data();
  params.clouds = clouds.data();
  params.point_count = count.data();
  params.split_axis = axis.data();
  params.centre = centre.data();
  params.radius = radius.data();
  params.box_minimum = low.data();
  params.box_maximum = high.data();
  const test::Stream stream;
  test::require_cuda(ball_nodes_cuda(plan, params, stream.get()), "ball_nodes_cuda");
  stream.wait();
  expect_equal("point_count", count.back(), expected.point_count);
  expect_equal("split_axis", axis.back(), expected.split_axis);
  expect_equal("box_minimum", low.back(), expected.box_minimum);
  expect_equal("box_maximum", high.back(), expected.box_maximum);
  double extent = 0;
  for (std::size_t i = 0; i < expected.box_maximum.size(); ++i)
    extent = std::max(extent, expected.box_maximum[i] - expected.box_minimum[i]);
  const double centre_error = largest_difference(centre.back(), expected.centre),
               radius_error = largest_difference(radius.back(), expected.radius);
  std::cout << batch.name << ": extent " << extent << ", max error of centres " << centre_error << ", of radii "
            << radius_error << "\n";
  EXPECT_LE(centre_error, 1e-6 * extent);
  EXPECT_LE(radius_error, 1e-6 * extent);
}

TEST(BallNodesGpu, SmallCloudsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const std::int64_t unit : {1, 2, 16, 64})
    expect_cpu_nodes(BallBatch({test::uniform_cloud(1), test::uniform_cloud(77), test::uniform_cloud(300),
                                test::all_equal_cloud(33)},
                               unit),
                     unit);
}

TEST(BallNodesGpu, AllLevelsEqualTheCpu) {
  NEEDS_DEVICE();
  for (const std::int64_t unit : {1, 8, 32, 128, 1024}) {
    for (const int dimension : {1, 2, 3}) {
      auto clouds = test::awkward_clouds_of(dimension);
      std::erase_if(clouds,
                    [](const test::Cloud& cloud) { return cloud.name == "huge coordinates"; });  // sums overflow
      expect_cpu_nodes(BallBatch(clouds, unit), unit);
    }
  }
  expect_cpu_nodes(BallBatch({test::uniform_cloud(3000), test::uniform_cloud(700)}, 64, true),
                   64);  // duplicate padding
  expect_cpu_nodes(BallBatch({test::uniform_cloud(200003)}, 256), 256);
}

TEST(BallNodesGpu, AMillionPointsEqualTheCpu) {
  NEEDS_DEVICE();
  expect_cpu_nodes(BallBatch({test::uniform_cloud(1048576)}, 128), 128);
}

}  // namespace
}  // namespace erwin::kernels
