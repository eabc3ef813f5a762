#pragma once
// Every ball of the shown tree, level by level: how many points it holds, how full its slots are, how large it is. What
// an icicle of the tree draws. No VTK, no Qt here.

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ui/scene/tree_statistics.h"

namespace erwin::ui {

struct BallMap {
  // A ball by its level, 0 the root, and its place in it, in slot order.
  struct Ball {
    int level = -1;
    std::int64_t node = -1;
    bool operator==(const Ball&) const = default;
  };
  struct Level {
    std::vector<std::int64_t> begin;  // [nodes + 1] first slot of each
    std::vector<double> radius;       // [nodes] largest distance of a point to the mean
  };

  TreeStatistics::Subject subject;
  std::string caption;  // "rotated tree, pooled level 1: 448 nodes"
  std::shared_ptr<const SlotPoints> slots;
  std::vector<Level> levels;
  // [slots + 1] points, and slots with a point of their own, before each slot; a copy of a point counts for nothing.
  std::vector<std::int64_t> points_before, filled_before;
  std::vector<std::int32_t> slot_of;  // [n] the first slot that holds the point, -1: none

  std::int64_t points() const { return points_before.back(); }
  std::int64_t first_slot(const Ball& ball) const { return level(ball).begin[static_cast<std::size_t>(ball.node)]; }
  std::int64_t end_slot(const Ball& ball) const { return level(ball).begin[static_cast<std::size_t>(ball.node) + 1]; }
  std::int64_t first_point(const Ball& ball) const { return before(points_before, first_slot(ball)); }
  std::int64_t end_point(const Ball& ball) const { return before(points_before, end_slot(ball)); }
  std::int64_t points_of(const Ball& ball) const { return end_point(ball) - first_point(ball); }
  double radius(const Ball& ball) const { return level(ball).radius[static_cast<std::size_t>(ball.node)]; }
  // Share of the ball's slots that hold a point of their own.
  double fill(const Ball& ball) const;
  std::span<const std::int32_t> members(const Ball& ball) const { return slots->of(first_slot(ball), end_slot(ball)); }
  bool has(const Ball& ball) const;

  Ball at_slot(int level, std::int64_t slot) const;
  // The one that holds the `rank`-th point in slot order, 0 <= rank < points(); it is never empty.
  Ball at_point(int level, std::int64_t rank) const;
  Ball parent(const Ball& ball) const;             // the root's is itself
  Ball first_child(const Ball& ball) const;        // that is not empty; of the finest level the ball itself
  Ball neighbour(const Ball& ball, int by) const;  // the next that is not empty; at the ends the ball itself

private:
  const Level& level(const Ball& ball) const { return levels[static_cast<std::size_t>(ball.level)]; }
  static std::int64_t before(const std::vector<std::int64_t>& sums, std::int64_t slot) {
    return sums[static_cast<std::size_t>(slot)];
  }
};

// Of the tree that the state shows; null where there is none, or where it was stopped. Linear in points times levels.
std::shared_ptr<const BallMap> make_ball_map(const SceneData& data, const SceneState& state, std::stop_token stop = {});

}  // namespace erwin::ui
