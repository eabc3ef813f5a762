// The icicle of the ball tree, tied to the picture and the query.

#include <QDockWidget>

#include "core/base/error.h"
#include "ui/panels/icicle_panel.h"
#include "ui/panels/point_sets.h"
#include "ui/scene/legend.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/tree_nodes.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_tree_panels() {
  QDockWidget* icicle =
      add_dock("panel-icicle", tr("Icicle"), icicle_panel_ = new IciclePanel, Qt::BottomDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-heads"), icicle);
  docks_.at("panel-histogram")->raise();
  IcicleView* tree = icicle_panel_->view();
  connect(icicle, &QDockWidget::visibilityChanged, this, [this](bool visible) {
    if (visible) refresh();
  });
  connect(view_, &SceneView::point_hovered, this, [this](qint64 point) {
    if (is_seen("panel-icicle")) icicle_panel_->mark_point(point);
  });
  connect(tree, &IcicleView::ball_hovered, this, &MainWindow::point_at_ball);
  connect(tree, &IcicleView::ball_chosen, this, [this, tree](int level, qint64 node) {
    if (const BallMap* map = tree->map()) view_->fly_to(map->members({level, node}));
  });
  connect(tree, &IcicleView::ball_queried, this, [this, tree](int level, qint64 node) {
    if (const BallMap* map = tree->map(); map && data_.cloud)
      ask(middle_point(*data_.cloud, session_.selection().frame, map->members({level, node})));
  });
  connect(tree, &IcicleView::ball_isolated, this, [this](int level, qint64 node) {
    isolate({OnlyBall::Which::Index, node, level});
  });
}

void MainWindow::make_tree_actions() {
  actions_->on("icicle-colour", [this] { icicle_panel_->step_colour(); });
  actions_->on("icicle-whole", [this] { icicle_panel_->view()->show_whole(); });
  actions_->on("only-ball", [this] {
    const SceneState now = state();
    const BallMap::Ball current = icicle_panel_->view()->current();
    if (is_seen("panel-icicle") && current.level >= 0)
      isolate({OnlyBall::Which::Index, current.node, current.level});
    else if (now.query.point >= 0 || now.only.which != OnlyBall::Which::All)
      isolate({OnlyBall::Which::Query, 0, now.level});
    else
      attempt([] {
        throw Error(ErrorKind::Config, "there is no ball to look at alone", {},
                    "Click a point, or a ball in the panel Icicle (Alt+Shift+3)");
      });
  });
}

// One ball and all below it alone; the same again: everything.
void MainWindow::isolate(const OnlyBall& ball) {
  SceneState next = state();
  const bool off =
      next.only == ball || (ball.which == OnlyBall::Which::Query && next.only.which != OnlyBall::Which::All);
  next.only = off ? OnlyBall{} : ball;
  next.hide_rest = !off;
  change(next);
}

void MainWindow::show_tree_panels(const SceneState& shown) {
  if (is_seen("panel-icicle")) icicle_panel_->show_tree(data_, shown);
}

void MainWindow::point_at_ball(int level, qint64 node) {
  const BallMap* map = icicle_panel_->view()->map();
  std::vector<Place> places;
  if (map && data_.cloud && map->has({level, node}))
    if (const auto points = map->members({level, node}); !points.empty())
      places.push_back(place_of(*data_.cloud, session_.selection().frame, points, palette_of(state().theme).ball,
                                tr("level %1, ball %2").arg(level).arg(node).toStdString()));
  view_->set_places(std::move(places));
}

}  // namespace erwin::ui
