// Fixtures of kinds tree_units (exact order) and tree_official (equal sets).

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/tree/ball_tree.h"
#include "core/tree/rotated.h"
#include "tests/support/fixture.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using test::Fixture;

void expect_same_tree(const BallTree& tree, const Fixture& fixture, const std::string& points,
                      const std::string& mask) {
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

using Ball = std::vector<std::int64_t>;

// The balls of `size` consecutive entries, each sorted, as a multiset.
std::multiset<Ball> balls_of(const std::vector<std::int64_t>& entries, std::int64_t size) {
  std::multiset<Ball> balls;
  for (auto begin = entries.begin(); begin < entries.end(); begin += size) {
    Ball ball(begin, begin + size);
    std::sort(ball.begin(), ball.end());
    balls.insert(std::move(ball));
  }
  return balls;
}

// One sample of a batch: its points and its part of every array.
struct OfficialSample {
  std::int64_t first_point = 0, points = 0, first_slot = 0, slots = 0;
};

std::vector<OfficialSample> samples_of(const std::vector<std::int64_t>& batch) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const auto sample : batch) ++counts[sample];
  std::vector<OfficialSample> samples;
  OfficialSample next;
  for (const auto& [sample, count] : counts) {
    next.points = count;
    for (next.slots = 1; next.slots < count;) next.slots *= 2;
    samples.push_back(next);
    next.first_point += next.points;
    next.first_slot += next.slots;
  }
  return samples;
}

class OfficialGroup {
public:
  OfficialGroup(const Fixture& fixture, const std::string& name)
      : fixture_(fixture), name_(name), positions_(fixture.doubles(name + "/positions")) {
    for (const double stride : fixture.number_attribute(name, "strides")) strides_.push_back(static_cast<int>(stride));
    for (const double size : fixture.number_attribute(name, "ball_sizes"))
      ball_sizes_.push_back(static_cast<int>(size));
    degrees_ = fixture.number_attribute(name, "angle_degrees")[0];
    samples_ = samples_of(fixture.integers(name + "/batch").values);
  }

  // Sets of every ball of every level, and copies where the authors have them.
  void check_main() {
    const auto expected = fixture_.integers(name_ + "/tree_idx").values;
    const auto expected_mask = fixture_.bools(name_ + "/tree_mask").values;
    for (const OfficialSample& sample : samples_) {
      const BallTree tree = build(sample);
      ASSERT_EQ(tree.slot_count, sample.slots);
      std::vector<std::int64_t> ours, theirs;
      for (std::int64_t s = 0; s < sample.slots; ++s) {
        ours.push_back(tree.slot_point[static_cast<std::size_t>(s)] + sample.first_point);
        theirs.push_back(expected[static_cast<std::size_t>(sample.first_slot + s)]);
        ASSERT_EQ(tree.slot_mask[static_cast<std::size_t>(s)],
                  expected_mask[static_cast<std::size_t>(sample.first_slot + s)]);
      }
      for (std::int64_t size = 2; size <= sample.slots; size *= 2)
        for (std::int64_t begin = 0; begin < sample.slots; begin += size) {
          const auto ball = [&](const std::vector<std::int64_t>& slots) {
            return balls_of({slots.begin() + begin, slots.begin() + begin + size}, size);
          };
          ASSERT_EQ(ball(ours), ball(theirs)) << "ball of " << size << " at slot " << begin;
        }
    }
  }

  // The rotated balls of every level. A slot of a pooled level is named by the main tree's points that it stands for,
  // since the order inside a pair is the library's.
  void check_rotated() {
    const auto main = fixture_.integers(name_ + "/tree_idx").values;
    std::int64_t pooled = 1;
    for (std::size_t level = 0; level < ball_sizes_.size(); ++level) {
      if (level > 0) pooled *= strides_[level - 1];
      SCOPED_TRACE("level " + std::to_string(level));
      const auto expected = fixture_.integers(name_ + "/tree_idx_rotated_" + std::to_string(level)).values;
      for (const OfficialSample& sample : samples_) check_rotated_level(sample, level, pooled, main, expected);
    }
  }

  bool rotates() const { return degrees_ > 0; }

private:
  std::span<const double> positions(const OfficialSample& sample) const {
    const auto d = static_cast<std::size_t>(positions_.shape[1]);
    return std::span(positions_.values)
        .subspan(static_cast<std::size_t>(sample.first_point) * d, static_cast<std::size_t>(sample.points) * d);
  }

  BallTree build(const OfficialSample& sample) const {
    TreeOptions options;
    options.unit = static_cast<int>(std::min<std::int64_t>(sample.slots, ball_sizes_[0]));
    options.padding = Padding::Duplicate;
    return build_ball_tree(positions(sample), static_cast<int>(positions_.shape[1]), options);
  }

  void check_rotated_level(const OfficialSample& sample, std::size_t level, std::int64_t pooled,
                           const std::vector<std::int64_t>& main, const std::vector<std::int64_t>& expected) const {
    const BallTree tree = build(sample);
    const auto rotated = rotated_slot_trees(tree, positions(sample), degrees_, strides_)[level];
    const std::int64_t rows = sample.slots / pooled, first = sample.first_slot / pooled;
    ASSERT_EQ(rotated.slot_count, rows);
    std::vector<std::int64_t> ours, theirs;
    const auto append = [&](std::vector<std::int64_t>& list, std::int64_t row, const auto& point_of) {
      Ball members;
      for (std::int64_t s = row * pooled; s < (row + 1) * pooled; ++s) members.push_back(point_of(s));
      std::sort(members.begin(), members.end());
      list.insert(list.end(), members.begin(), members.end());
    };
    for (std::int64_t s = 0; s < rows; ++s) {
      append(ours, rotated.slot_point[static_cast<std::size_t>(s)],
             [&](std::int64_t slot) { return tree.slot_point[static_cast<std::size_t>(slot)] + sample.first_point; });
      append(theirs, expected[static_cast<std::size_t>(first + s)] - first,
             [&](std::int64_t slot) { return main[static_cast<std::size_t>(sample.first_slot + slot)]; });
    }
    const std::int64_t ball = std::min<std::int64_t>(ball_sizes_[level], rows) * pooled;
    ASSERT_EQ(balls_of(ours, ball), balls_of(theirs, ball));
  }

  const Fixture& fixture_;
  std::string name_;
  test::FixtureArray<double> positions_;
  std::vector<int> strides_, ball_sizes_;
  double degrees_ = 0;
  std::vector<OfficialSample> samples_;
};

TEST(TreeOfficial, ParityOfTheSetsOfEveryLevel) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  const auto files = test::fixtures_of_kind(folder, "tree_official");
  ASSERT_FALSE(files.empty());
  for (const auto& file : files) {
    const Fixture fixture(file);
    for (const auto& name : fixture.children("/")) {
      SCOPED_TRACE(file.string() + ":" + name);
      OfficialGroup group(fixture, name);
      group.check_main();
      if (group.rotates()) group.check_rotated();
    }
  }
}

}  // namespace
}  // namespace erwin
