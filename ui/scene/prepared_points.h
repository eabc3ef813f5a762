#pragma once
// Everything of a picture that costs time in the number of points and needs no OpenGL: made on any thread, immutable
// afterwards, handed to the Scene.

#include <cstdint>
#include <memory>
#include <vector>

#include "ui/scene/attention_marks.h"
#include "ui/scene/level_outlines.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/prepared_surface.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct PreparedPoints {
  PointCloudPtr cloud;
  // A fair order of the points (level_of_detail_order); empty: as they are.
  std::shared_ptr<const std::vector<std::int32_t>> order;
  PointColours colours;
  OutlineMesh query_outlines;       // as attention_marks.h has them
  std::vector<NodeMark> nodes;      // of a pooled layer, where they are shown
  PreparedSurfacePtr surface;       // null where no faces are shown
  LevelOutlinesPtr level_outlines;  // null where none are asked for
};
using PreparedPointsPtr = std::shared_ptr<const PreparedPoints>;

// `before`: what was prepared last, or null; its order is kept while the cloud stays, so that the points on the card
// stay where they are.
PreparedPointsPtr prepare_points(const SceneData& data, const SceneState& state, const PreparedPointsPtr& before);

// A length that suits the cloud: about half the distance between neighbours on a surface, whose discs then just meet;
// where lines join the points, less: a third of a line.
double point_spacing(const PointCloud& cloud, std::int64_t frame);
// Of a point's disc, in the cloud's unit.
double disc_radius(const SceneState& state, double spacing);

// True where two pictures want the same PreparedPoints: nothing but size, camera, title and the like differs.
bool same_points(const SceneData& a, const SceneState& sa, const SceneData& b, const SceneState& sb);

}  // namespace erwin::ui
