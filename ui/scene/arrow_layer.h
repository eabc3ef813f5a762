#pragma once
// A vector field as arrows on an even subset of the points.

#include <vtkSmartPointer.h>

#include <optional>
#include <string>
#include <vector>

#include "ui/scene/scene_layer.h"

class vtkActor;
class vtkPolyData;

namespace erwin::ui {

class ArrowLayer : public SceneLayer {
public:
  ArrowLayer();
  ~ArrowLayer() override;

  void attach(vtkRenderer& cloud, vtkRenderer& front) override;
  void update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) override;
  void show_part(double from, double to) override;
  void explain(Legend& legend) const override;

private:
  void make_arrows(const Field& field, const SceneData& data, const SceneState& state, const SceneMetrics& metrics);

  vtkSmartPointer<vtkPolyData> arrows_;
  vtkSmartPointer<vtkActor> actor_;
  bool has_arrows_ = false;
  std::optional<LegendScale> scale_;
  std::vector<std::string> notes_;
};

// The vector field that the state's arrows name, of cloud or prediction; null where there is none with two or three
// components.
const Field* arrow_field(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
