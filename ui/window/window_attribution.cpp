// What the selection missed, and where a prediction comes from: asked of the engine, shown in the panels, marked in the
// picture.

#include <QDockWidget>
#include <QFileDialog>
#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/tree/slot_search.h"
#include "ui/panels/attribution_panel.h"
#include "ui/panels/panel_parts.h"
#include "ui/panels/query_panel.h"
#include "ui/scene/block_marks.h"
#include "ui/scene/scene_view.h"
#include "ui/scene/tree_nodes.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_attribution() {
  QDockWidget* dock = add_dock("panel-attribution", tr("Attribution"),
                               new PanelScroll(attribution_panel_ = new AttributionPanel), Qt::RightDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-what-if"), dock);
  dock->hide();  // until it is asked for: the row of titles has little room
  docks_.at("panel-query")->raise();
  connect(attribution_panel_, &AttributionPanel::wanted, this, [this] { attempt([&] { attribute(); }); });
  connect(attribution_panel_, &AttributionPanel::block_marked, this, &MainWindow::mark_block);
  connect(query_panel_, &QueryPanel::block_marked, this, &MainWindow::mark_block);
  connect(attribution_panel_, &AttributionPanel::block_chosen, this, [this](int block) {
    mark_block(block);
    if (const auto points = marked_block_points(data_, state()); !points.empty()) view_->fly_to(points);
  });
  connect(attribution_panel_, &AttributionPanel::colour_wanted, this,
          [this](const QString& field) { colour_by(ColourBy::Field, field.toStdString()); });
  connect(view_, &SceneView::point_hovered, this, [this](qint64 point) {
    if (is_seen("panel-attribution")) attribution_panel_->hover_block(block_of(point));
  });
}

void MainWindow::make_attribution_actions() {
  actions_->on("misses", [this] {
    SceneState next = state();
    next.misses = !next.misses;
    change(next);
  });
  actions_->on("attribute", [this] { attempt([&] { attribute(); }); });
  actions_->on("save-attribution", [this] {
    if (attribution_panel_->csv().isEmpty()) return;
    const QString path =
        QFileDialog::getSaveFileName(this, tr("Save attribution"), "attribution.csv", tr("CSV (*.csv)"));
    if (!path.isEmpty()) attempt([&] { save_attribution(path); });
  });
  actions_->on("colour-contribution", [this] {
    attempt([&] {
      if (!data_.attribution)
        throw Error(ErrorKind::Config, "there are no contributions to colour by", contribution_field,
                    "Query a point and press A: attribute");
      colour_by(ColourBy::Field, contribution_field);
    });
  });
}

// Of the layer's block under a point, or -1.
std::int64_t MainWindow::block_of(std::int64_t point) const {
  const LayerInfo* layer = data_.cloud && point >= 0 ? shown_layer(data_, state()) : nullptr;
  if (!layer || !layer->slots || layer->block_size <= 0) return -1;
  const std::int64_t slot = slot_of_point(*layer->slots, point);
  return slot < 0 ? -1 : slot / layer->block_size;
}

void MainWindow::mark_block(int block) {
  SceneState next = state();
  next.marked_block = {next.query.layer, block};
  change(next, true);  // walking along a table is one step
}

void MainWindow::attribute() {
  const SceneState now = state();
  if (!data_.prediction || !model_ || shows_probe() || now.query.point < 0)
    throw Error(ErrorKind::Config, "there is no prediction to attribute", "point " + std::to_string(now.query.point),
                "Open a cloud and a checkpoint, and click a point");
  docks_.at("panel-attribution")->show();
  docks_.at("panel-attribution")->raise();
  engine_->attribute(attribution_panel_->request(now));
}

void MainWindow::save_attribution(const QString& path) {
  const QString csv = attribution_panel_->csv();
  if (csv.isEmpty())
    throw Error(ErrorKind::Config, "there is no attribution to write", path.toStdString(),
                "Query a point and attribute its prediction: action attribute");
  write_text_atomically(path.toStdString(), csv.toStdString());
  say(tr("wrote %1").arg(path));
}

// Once for every prediction and question, while misses are shown.
void MainWindow::ask_missed() {
  const SceneState now = state();
  const LayerInfo* layer = data_.prediction ? shown_layer(data_, now) : nullptr;
  if (!now.misses || !layer || layer->kind != LayerKind::Nsa || !model_ || shows_probe() || now.query.point < 0) return;
  QueryRequest request = now.query;
  request.branch = Branch::All;  // what is missed does not depend on what is looked at
  const Asked wanted{data_.prediction, request, {}};
  if (asked_missed_ == wanted) return;
  asked_missed_ = wanted;
  engine_->ask_missed(request);
}

void MainWindow::derive_attribution() {
  const QueryRequest asked = state().query;
  if (asked.point < 0) return;
  // A run with changes selects otherwise; what was missed is told of the network as it is.
  const bool changed = data_.query && data_.query->changed;
  if (const auto& missed = answered_->missed;
      missed && !changed && missed->request == QueryRequest{asked.point, asked.layer, asked.head, Branch::All})
    data_.missed = missed;
  if (const auto& view = answered_->attribution;
      view && view->result.request.point == asked.point && view->result.request.layer == asked.layer)
    data_.attribution = view;
}

}  // namespace erwin::ui
