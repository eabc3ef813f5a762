#pragma once
// The shown tree in numbers: how its slots are used, and a row for every level. No VTK, no Qt here.

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/tree/slot_points.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct TreeStatistics {
  // What was counted; another question is one where any of it differs.
  struct Subject {
    PointCloudPtr cloud;
    BallTreePtr tree;
    std::shared_ptr<const SlotPoints> slots;  // of the layer that is shown; null: the tree's own
    std::int64_t frame = 0;
    bool operator==(const Subject&) const = default;
  };
  struct Level {
    std::int64_t balls = 0, empty = 0;  // empty: of padding only
    std::int64_t fewest = 0, most = 0;  // points of a ball; of a pooled level: nodes
    double mean_radius = 0;             // over the balls that are not empty; largest distance of a point to their mean
  };
  Subject subject;
  std::string caption;  // "rotated tree, pooled level 1: 448 nodes"
  bool pooled = false;
  PaddingCount padding;  // of the finest level
  std::vector<Level> levels;
};

TreeStatistics::Subject statistics_subject(const SceneData& data, const SceneState& state);

// Of the tree that the state shows (tree_nodes.h); without levels where there is none, or where it was stopped. Linear
// in points times levels.
TreeStatistics tree_statistics(const SceneData& data, const SceneState& state, std::stop_token stop = {});

// [nodes] largest distance of a point to the mean of its ball's points, of a level of that tree; 0 for empty balls.
std::vector<double> ball_radii(const SceneData& data, const SceneState& state, const LevelNodes& level, int index);

}  // namespace erwin::ui
