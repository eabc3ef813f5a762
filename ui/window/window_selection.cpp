// Points that were chosen by box, lasso or id, and what is asked of them.

#include <algorithm>

#include "core/base/error.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/tree_nodes.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_selection_actions() {
  actions_->on("lasso", [this] {
    if (data_.cloud) view_->start_lasso();
  });
  actions_->on("select-none", [this] { choose_points({}); });
  actions_->on("select-ball", [this] { attempt([this] { select_ball(); }); });
  for (const auto& [name, field] : {std::pair("colour-selection-looks", selection_looks_at),
                                    std::pair("colour-looks-at-selection", looks_at_selection)})
    colour_on_request(name, field, "there are no selected points to ask",
                      "Open a checkpoint, and select points: Shift and a drag in the picture");
}

void MainWindow::choose_points(std::vector<std::int64_t> points) {
  Selection next = session_.selection();
  if (points.empty() && !next.points) return;
  next.points = points.empty() ? nullptr : std::make_shared<const PointSet>(std::move(points));
  session_.select(next);
}

void MainWindow::select_ball() {
  SceneState now = state();
  now.only = {OnlyBall::Which::Query, 0, now.level};
  const auto ball = data_.cloud ? only_ball(data_, now) : std::nullopt;
  if (!ball)
    throw Error(ErrorKind::Config, "there is no query whose ball could be selected", {}, "Click a point first");
  PointSet points(ball->points.begin(), ball->points.end());
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  choose_points(std::move(points));
}

void MainWindow::ask_set() {
  const SceneState now = state();
  const Asked wanted{data_.prediction, {-1, now.query.layer, now.query.head, now.query.branch}, now.field};
  if (!now.picked || (asked_set_ == wanted && asked_points_ == now.picked)) return;
  asked_set_ = wanted;
  asked_points_ = now.picked;
  engine_->ask_set(now.picked, wanted.request, now.field);
}

void MainWindow::derive_set() {
  const SceneState now = state();
  const auto& made = answered_->set_looks;
  if (made && made->points == now.picked && made->request.layer == now.query.layer &&
      made->request.head == now.query.head && made->request.branch == now.query.branch)
    data_.set_looks = made;
}

}  // namespace erwin::ui
