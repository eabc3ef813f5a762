#pragma once
// Outlines of all balls of the shown level, among the points.

#include <memory>

#include "ui/scene/scene_layer.h"

namespace erwin::ui {

class OutlineActors;
struct LevelOutlines;

class TreeLayer : public SceneLayer {
public:
  TreeLayer();
  ~TreeLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void show_part(double from, double to) override;
  void explain(Legend& legend) const override;

private:
  std::shared_ptr<const LevelOutlines> shown_;
  double text_scale_ = 0;
  std::unique_ptr<OutlineActors> outlines_;
};

}  // namespace erwin::ui
