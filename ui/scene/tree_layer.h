#pragma once
// Outlines of all balls of the shown level, among the points.

#include <memory>

#include "core/tree/slot_points.h"
#include "ui/scene/scene_layer.h"

namespace erwin::ui {

class OutlineActors;

class TreeLayer : public SceneLayer {
public:
  TreeLayer();
  ~TreeLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void explain(Legend& legend) const override;

private:
  // What the outlines were made from; they stay while none of it changes.
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
  Subject subject_;
  std::unique_ptr<OutlineActors> outlines_;
  std::string note_;
};

}  // namespace erwin::ui
