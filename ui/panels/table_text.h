#pragma once
// The explorer's tables as comma-separated text with all digits, whatever columns a panel has room for.

#include <span>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "ui/panels/loss_plot.h"
#include "ui/scene/ball_map.h"
#include "ui/scene/scene_state.h"
#include "ui/scene/tree_statistics.h"

namespace erwin::ui {

// A row for every selected block, best first, with the file's ids of its points. Of a run with changes (QueryView) the
// columns of numbers are called score_what_if and weight_what_if.
std::string blocks_csv(const QueryView& query, const PointCloud& cloud);
// A row for every block that deserved to be selected and was not, heaviest first.
std::string missed_csv(const MissedView& missed, const PointCloud& cloud);
// A row for every point that is looked at at all, heaviest first, with its position: of `positions`, [n, 3] relative to
// the cloud's origin.
std::string attended_csv(const QueryView& query, const PointCloud& cloud, std::span<const float> positions);
// A row for every point of a run's curves.
std::string losses_csv(const std::vector<LossPoint>& training, const std::vector<LossPoint>& validation);
// A row for every ball, level by level: its first slot and the one behind its last, how many points it holds, the share
// of its slots that hold one of their own, the mean of its points (empty without any), the largest distance of one to
// it, and its parent's number in the level above (empty at the root). Raises Error{Cancelled}.
std::string balls_csv(const BallMap& map, const Job& job);
// A row for every level.
std::string tree_csv(const TreeStatistics& tree);

}  // namespace erwin::ui
