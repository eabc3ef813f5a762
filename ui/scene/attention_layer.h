#pragma once
// The query in space: a ring around its point, outlines of its ball and of the blocks it selected, lines to them; never
// hidden by points. Nodes of pooled layers as discs among the points.

#include <vtkSmartPointer.h>

#include <memory>
#include <vector>

#include "ui/scene/scene_layer.h"

class vtkActor;
class vtkPointGaussianMapper;
class vtkPolyData;

namespace erwin::ui {

class OutlineActors;

class AttentionLayer : public SceneLayer {
public:
  AttentionLayer();
  ~AttentionLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void camera_moved(const SceneState& state, const SceneMetrics& metrics) override;
  void show_part(double from, double to) override;

private:
  void place_ring(const SceneData& data, const SceneState& state);
  void place_lines(const SceneData& data, const SceneState& state);
  void place_nodes(const SceneData& data, const SceneState& state, const SceneMetrics& metrics);

  // Lines of about one width on the screen; rims in the background's colour set them off from what they cross.
  struct Stroke {
    vtkSmartPointer<vtkPolyData> lines, rim_lines;
    vtkSmartPointer<vtkActor> rim, line;
  };

  std::unique_ptr<OutlineActors> outlines_;
  std::vector<Stroke> strokes_;  // thinnest first
  vtkSmartPointer<vtkPolyData> ring_, nodes_, spokes_;
  vtkSmartPointer<vtkPointGaussianMapper> ring_mapper_, node_mapper_;
  vtkSmartPointer<vtkActor> ring_actor_, node_actor_, spoke_actor_;
  Vec3 query_{};
  bool has_nodes_ = false, has_spokes_ = false;
};

}  // namespace erwin::ui
