#pragma once
// Outlines of all balls of the shown level as one mesh: linear in the cloud's points, so made beside the colours and
// away from the GUI thread. No VTK here.

#include <memory>
#include <string>

#include "core/tree/slot_points.h"
#include "ui/scene/scene_state.h"
#include "ui/scene/tree_outlines.h"

namespace erwin::ui {

struct LevelOutlines {
  // What they were made from; they stay while none of it changes.
  struct Subject {
    PointCloudPtr cloud;
    BallTreePtr tree;
    std::shared_ptr<const SlotPoints> slots;  // null: the tree's own
    int frame = 0, level = 0;
    OutlineShape shape = OutlineShape::Box;
    OnlyBall only;
    std::int64_t query = -1;
    double grow = 0;
    bool operator==(const Subject&) const = default;
  };
  Subject subject;
  OutlineMesh mesh;
  std::string note;  // what was not drawn as it was asked for, and why; for the legend
};
using LevelOutlinesPtr = std::shared_ptr<const LevelOutlines>;

// Null where the state asks for none. disc_radius: of a point's disc, which the outlines leave room for. before: those
// that were made last, or null; given back where they are still right.
LevelOutlinesPtr level_outlines(const SceneData& data, const SceneState& state, double disc_radius,
                                const LevelOutlinesPtr& before);

}  // namespace erwin::ui
