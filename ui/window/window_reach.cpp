// What goes through all layers: rollout, receptive field, summaries of all of them.

#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_reach_actions() {
  for (const auto& [name, field] :
       {std::pair("colour-rollout", rollout_field), std::pair("colour-receptive-field", receptive_field_name)})
    colour_on_request(name, field, "there is no query to follow through the layers",
                      "Open a checkpoint and click a point");
  actions_->on("summary-layers", [this] {
    SceneState next = state();
    next.summary = next.summary == SummaryOf::Layer ? SummaryOf::AllLayers : SummaryOf::Layer;
    change(next);
  });
}

int MainWindow::summarised_layer() const {
  return state().summary == SummaryOf::AllLayers ? -1 : state().query.layer;
}

void MainWindow::ask_reach() {
  const SceneState now = state();
  const bool rollout = now.field == rollout_field;
  // The receptive field is the whole network's, whichever layer is shown; neither knows heads or branches.
  const Asked wanted{data_.prediction, {now.query.point, rollout ? now.query.layer : -1, -1, Branch::All}, now.field};
  Asked& asked = rollout ? asked_rollout_ : asked_receptive_;
  if (asked == wanted) return;
  asked = wanted;
  engine_->ask_reach(now.query.point, now.query.layer, now.field);
}

void MainWindow::derive_reach() {
  const QueryRequest query = state().query;
  if (const auto& made = answered_->rollout; made && made->point == query.point && made->layer == query.layer)
    data_.rollout = made;
  if (const auto& made = answered_->receptive; made && made->point == query.point) data_.receptive = made;
}

}  // namespace erwin::ui
