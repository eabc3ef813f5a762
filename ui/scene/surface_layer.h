#pragma once
// What a cloud's cells give to see: lit faces with the field interpolated over them, their edges, sticks for lines.

#include <vtkSmartPointer.h>

#include <vector>

#include "ui/scene/scene_layer.h"

class vtkActor;
class vtkPolyData;

namespace erwin::ui {

// Are faces drawn, and points (with PointStyle::Auto) therefore not?
bool shows_faces(const PointCloud& cloud, const SceneState& state);

// Normals of a cloud's points: the mean of the normals of the faces around them, weighted by area and turned to one
// side of each other where faces disagree about outside. [n, 3]; a point without faces has 0.
std::vector<float> point_normals(const PointCloud& cloud, std::int64_t frame);

class SurfaceLayer : public SceneLayer {
public:
  SurfaceLayer();
  ~SurfaceLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void explain(Legend& legend) const override;

private:
  void take_faces(const PointCloud& cloud, std::int64_t frame, bool new_cells);
  void colour_faces(const SceneData& data, const SceneState& state, const PointColours& colours);
  void make_sticks(const PointCloud& cloud, const SceneState& state, const SceneMetrics& metrics);

  PointCloudPtr cloud_;  // whose positions the faces borrow
  std::int64_t frame_ = -1;
  vtkSmartPointer<vtkPolyData> faces_, sticks_;
  vtkSmartPointer<vtkActor> face_actor_, stick_actor_;
  std::string note_;
};

}  // namespace erwin::ui
