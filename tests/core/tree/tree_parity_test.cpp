// Fixtures of kinds tree_units (exact order) and tree_official (equal sets).

#include <gtest/gtest.h>

#include "core/tree/ball_tree.h"
#include "tests/support/fixture.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using test::Fixture;

void expect_same_tree(const BallTree& tree, const Fixture& fixture, const std::string& points, const std::string& mask) {
  const auto expected_points = fixture.integers(points).values;
  const auto expected_mask = fixture.bools(mask).values;
  ASSERT_EQ(tree.slot_point.size(), expected_points.size());
  for (std::size_t s = 0; s < expected_points.size(); ++s) {
    ASSERT_EQ(tree.slot_point[s], expected_points[s]) << points << " slot " << s;
    ASSERT_EQ(tree.slot_mask[s], expected_mask[s]) << mask << " slot " << s;
  }
}

TEST(TreeUnits, ParityWithTheSlowProgramExactly) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  const auto files = test::fixtures_of_kind(folder, "tree_units");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const Fixture fixture(file);
    for (const auto& name : fixture.children("/")) {
      SCOPED_TRACE(file.string() + ":" + name);
      const auto positions = fixture.doubles(name + "/positions");
      const int dimension = static_cast<int>(positions.shape[1]);
      TreeOptions options;
      options.unit = static_cast<int>(fixture.number_attribute(name, "unit")[0]);
      expect_same_tree(build_ball_tree(positions.values, dimension, options), fixture, name + "/point", name + "/mask");
      const auto rotated = rotate_positions(positions.values, dimension, 45);
      expect_same_tree(build_ball_tree(rotated, dimension, options), fixture, name + "/point_rotated",
                       name + "/mask_rotated");
    }
  }
}

}  // namespace
}  // namespace erwin
