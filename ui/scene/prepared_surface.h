#pragma once
// A cloud's faces made ready to draw: linear in points and faces, so made beside the colours and away from the GUI
// thread. No VTK here.

#include <memory>
#include <vector>

#include "ui/scene/point_colours.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

// Are faces drawn, and points (with PointStyle::Auto) therefore not?
bool shows_faces(const PointCloud& cloud, const SceneState& state);

// Normals of a cloud's points: the mean of the normals of the faces around them, weighted by area and turned to one
// side of each other where faces disagree about outside. [n, 3]; a point without faces has 0.
std::vector<float> point_normals(const PointCloud& cloud, std::int64_t frame);

// The faces, dealt out to piles a few neighbours at a time: each pile is a fair subset with points of its own, so that
// a large mesh can be drawn pile by pile. Small meshes are one pile.
struct FacePiles {
  struct Pile {
    std::vector<std::uint32_t> points;  // of the cloud
    // Corners of face i: corners[begin[i] .. begin[i + 1]), places in `points`. Numbered as VTK does it.
    std::vector<long long> begin{0}, corners;
  };
  PointCloudPtr cloud;
  std::vector<Pile> piles;
};
FacePiles deal_faces(PointCloudPtr cloud);

// Where the piles' points lie in a frame.
struct SurfaceShape {
  std::shared_ptr<const FacePiles> faces;
  std::int64_t frame = 0;
  struct Pile {
    std::vector<float> positions, normals;  // [points, 3]; point_normals
  };
  std::vector<Pile> piles;
};

struct PreparedSurface {
  std::shared_ptr<const SurfaceShape> shape;
  // By pile and point: the place on the colours' scale, 0 to 1, NaN where there is no number; or, where points carry
  // other colours than the scale's, those.
  std::vector<std::vector<float>> shares;
  std::vector<std::vector<Rgb>> rgb;
};
using PreparedSurfacePtr = std::shared_ptr<const PreparedSurface>;

// Null where no faces are shown. before: what was prepared last, or null; faces stay while the cloud
// does, their shape while the frame does, too.
PreparedSurfacePtr prepare_surface(const SceneData& data, const SceneState& state, const PointColours& colours,
                                   const PreparedSurfacePtr& before);

}  // namespace erwin::ui
