#pragma once
// Trees of a batch built on the device.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/ball_tree/ball_tree_cuda.h"
#include "tests/kernels/ball_tree/batches.h"
#include "tests/kernels/ball_tree/on_device.h"

namespace erwin::test {

// Everything that one build needs on the device.
class DeviceTrees {
public:
  DeviceTrees(const BallBatch& batch, bool float32_values)
      : plan(kernels::plan_ball_trees(batch.clouds)),
        positions(batch.positions),
        table(plan.table),
        slot_point(static_cast<std::size_t>(plan.slots)),
        point_slot(static_cast<std::size_t>(plan.points)),
        lexical_rank(static_cast<std::size_t>(plan.points)),
        slot_mask(static_cast<std::size_t>(plan.slots)),
        workspace(bytes_of(plan, batch.dimension)) {
    params.positions = positions.data();
    params.dimension = batch.dimension;
    params.float32_values = float32_values;
    params.table = table.data();
    params.slot_point = slot_point.data();
    params.slot_mask = slot_mask.data();
    params.point_slot = point_slot.data();
    params.lexical_rank = lexical_rank.data();
    params.workspace = workspace.data();
  }
  void build(const Stream& stream) const {
    require_cuda(kernels::ball_tree_cuda(plan, params, stream.get()), "ball_tree_cuda");
  }

  kernels::BallTreePlan plan;
  OnDevice<double> positions;
  OnDevice<std::int32_t> table, slot_point, point_slot, lexical_rank;
  OnDevice<std::uint8_t> slot_mask;
  OnDevice<char> workspace;
  kernels::BallTreeCudaParams params;

private:
  static std::size_t bytes_of(const kernels::BallTreePlan& plan, int dimension) {
    std::size_t bytes = 0;
    require_cuda(kernels::ball_tree_workspace(plan, dimension, &bytes), "ball_tree_workspace");
    return bytes;
  }
};

template <typename T>
void expect_equal(const char* what, const std::vector<T>& got, const std::vector<T>& expected) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  std::size_t different = 0, first = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    if (got[i] != expected[i] && different++ == 0) first = i;
  EXPECT_EQ(different, 0U) << what << ": first difference at " << first << " of " << got.size() << ": "
                           << static_cast<double>(got[first]) << " instead of " << static_cast<double>(expected[first]);
}

}  // namespace erwin::test
