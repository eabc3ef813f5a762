#include "ui/scene/tree_layer.h"

#include "ui/scene/prepared_points.h"
#include "ui/scene/tree_actors.h"

namespace erwin::ui {

TreeLayer::TreeLayer() : outlines_(std::make_unique<OutlineActors>()) {}
TreeLayer::~TreeLayer() = default;

void TreeLayer::attach(vtkRenderer& cloud, vtkRenderer&) {
  outlines_->attach(cloud);
}

void TreeLayer::update(const SceneData&, const SceneState& state, const SceneMetrics& metrics) {
  const LevelOutlinesPtr& made = metrics.points->level_outlines;
  if (made == shown_ && state.text_scale == text_scale_) return;
  shown_ = made;
  text_scale_ = state.text_scale;
  if (made && !made->mesh.empty())
    outlines_->show(made->mesh, 1.2 * state.text_scale, made->subject.shape == OutlineShape::Sphere ? 0.06 : 0);
  else
    outlines_->hide();
}

void TreeLayer::show_part(double from, double to) {
  outlines_->show_only(from == 0, to == 1);
}

void TreeLayer::explain(Legend& legend) const {
  if (shown_ && !shown_->note.empty()) legend.notes.push_back(shown_->note);
}

}  // namespace erwin::ui
