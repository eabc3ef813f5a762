#pragma once
// What a cloud's cells give to see: lit faces with the field interpolated over them, their edges, sticks for lines.

#include <vtkSmartPointer.h>

#include <memory>
#include <string>
#include <vector>

#include "ui/scene/scene_layer.h"

class vtkActor;
class vtkPolyData;
class vtkProperty;

namespace erwin::ui {

class SurfaceProp;
struct FacePiles;
struct PointColours;
struct PreparedSurface;
struct SurfaceShape;

class SurfaceLayer : public SceneLayer {
public:
  SurfaceLayer();
  ~SurfaceLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void explain(Legend& legend) const override;
  void show_part(double from, double to) override;

private:
  struct Pile {
    vtkSmartPointer<vtkPolyData> data;
    vtkSmartPointer<vtkActor> actor;
  };
  void take_shape(const SurfaceShape& shape);
  void make_piles(const FacePiles& faces);
  void colour_faces(const PreparedSurface& surface, const PointColours& colours);
  static void set_look(vtkProperty& look, const SceneState& state);
  void make_sticks(const PointCloud& cloud, const SceneState& state, const SceneMetrics& metrics);

  std::shared_ptr<const PreparedSurface> shown_;  // whose arrays the faces borrow
  vtkSmartPointer<SurfaceProp> faces_;
  std::vector<Pile> piles_;
  bool has_sticks_ = false;
  vtkSmartPointer<vtkPolyData> sticks_;
  vtkSmartPointer<vtkActor> stick_actor_;
  std::string note_;
};

}  // namespace erwin::ui
