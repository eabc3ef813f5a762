// What the engine works out only when somebody asks: summaries of a layer, who looks at the query, all heads. Colours
// ask for their field, a panel asks while it can be seen.

#include <QDockWidget>
#include <QFileDialog>
#include <algorithm>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "ui/panels/heads_panel.h"
#include "ui/panels/matrix_panel.h"
#include "ui/panels/point_sets.h"
#include "ui/scene/legend.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_attention_panels() {
  QDockWidget* heads = add_dock("panel-heads", tr("Heads"), heads_panel_ = new HeadsPanel, Qt::BottomDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-log"), heads);
  docks_.at("panel-histogram")->raise();
  QDockWidget* matrix =
      add_dock("panel-matrix", tr("Matrix"), matrix_panel_ = new MatrixPanel, Qt::RightDockWidgetArea);
  tabifyDockWidget(docks_.at("panel-tree"), matrix);
  docks_.at("panel-query")->raise();
  connect(matrix, &QDockWidget::visibilityChanged, this, [this](bool visible) {
    if (visible) refresh();
  });
  connect(matrix_panel_, &MatrixPanel::wanted, this,
          [this](const MatrixRequest& request) { engine_->show_matrix(request); });
  connect(matrix_panel_, &MatrixPanel::cell_hovered, this, &MainWindow::point_at_cell);
  connect(matrix_panel_, &MatrixPanel::point_chosen, this, [this](qint64 point) { ask(point); });
  connect(matrix_panel_, &MatrixPanel::part_chosen, this, [this](const MatrixPart& part) {
    SceneState next = state();
    next.matrix = part;
    change(next, true);  // a walk over the matrix is one step
  });
  connect(matrix_panel_, &MatrixPanel::scale_wanted, this, &MainWindow::switch_matrix_scale);
  connect(matrix_panel_, &MatrixPanel::save_wanted, this, &MainWindow::choose_matrix_file);
  connect(view_, &SceneView::point_hovered, this, [this](qint64 point) {
    if (is_seen("panel-matrix")) matrix_panel_->mark_point(point);
  });
  connect(heads, &QDockWidget::visibilityChanged, this, [this](bool visible) {
    if (!visible) return;
    if (!answered_ || !answered_->heads) asked_heads_ = nullptr;  // what was cancelled is asked for again
    refresh();
  });
  connect(heads_panel_, &HeadsPanel::head_chosen, this, &MainWindow::choose_head);
}

void MainWindow::make_attention_actions() {
  actions_->on("summarise", [this] {
    if (!data_.prediction || shows_probe()) return;
    asked_summary_ = {data_.prediction, {-1, summarised_layer(), state().query.head, Branch::All}, {}};
    engine_->summarise(summarised_layer(), state().query.head);
  });
  actions_->on("matrix-whole", [this] { matrix_panel_->view()->show_whole(); });
  actions_->on("matrix-scale", [this] { switch_matrix_scale(); });
  actions_->on("save-matrix", [this] { choose_matrix_file(); });
  for (const auto& [name, field] :
       {std::pair("colour-looks-at-point", looks_at_point), std::pair("colour-looks-at-ball", looks_at_ball)})
    colour_on_request(name, field, "there is nobody to ask who looks at them",
                      "Open a checkpoint and click a point; layers without balls have none to ask for");
}

void MainWindow::switch_matrix_scale() {
  SceneState next = state();
  next.matrix_log = !next.matrix_log;
  change(next);
}

void MainWindow::colour_on_request(const char* action, const char* field, const char* why_not, const char* hint) {
  actions_->on(action, [this, wanted = std::string(field), why_not, hint] {
    attempt([&] {
      if (!is_on_request(data_, state(), wanted)) throw Error(ErrorKind::Config, why_not, wanted, hint);
      colour_by(ColourBy::Field, wanted);
    });
  });
}

void MainWindow::choose_head(int layer, int head) {
  SceneState next = state();
  next.query.layer = layer;
  next.query.head = head;
  change(next);
}

// What the colours and the panels show, where it is not there and was not asked for yet.
void MainWindow::ask_what_is_shown() {
  if (!data_.prediction || !model_ || shows_probe()) return;
  const SceneState now = state();
  const QueryRequest& query = now.query;
  if (now.colour_by == ColourBy::Field && is_reach_field(now.field) && is_on_request(data_, now, now.field)) {
    ask_reach();
  } else if (now.colour_by == ColourBy::Field && is_set_field(now.field)) {
    ask_set();
  } else if (now.colour_by == ColourBy::Field && is_compared_field(now.field)) {
    // Of the comparison, which is asked for as soon as there is something to compare with.
  } else if (now.colour_by == ColourBy::Field && is_on_request(data_, now, now.field)) {
    const bool who = is_who_looks_field(now.field), is_recall = meaning_of_recall_field(now.field) != nullptr;
    const Asked wanted =
        who ? Asked{data_.prediction, query, now.field}
            : Asked{data_.prediction, {-1, is_recall ? query.layer : summarised_layer(), query.head, Branch::All}, {}};
    Asked& asked = who ? asked_who_looks_ : is_recall ? asked_recall_ : asked_summary_;
    if (!(asked == wanted)) {
      asked = wanted;
      if (who)
        engine_->ask_who_looks(query, now.field);
      else if (is_recall)
        engine_->recall(query.layer, query.head);
      else
        engine_->summarise(summarised_layer(), query.head);
    }
  }
  ask_comparison();
  if (is_seen("panel-heads") && asked_heads_ != data_.prediction) {
    asked_heads_ = data_.prediction;
    engine_->glance_at_heads();
  }
}

// Of what was worked out, what belongs to the question that is shown.
void MainWindow::derive_attention() {
  const QueryRequest asked = state().query;
  if (const auto& summary = answered_->summary;
      summary && summary->layer == summarised_layer() && summary->head == asked.head)
    data_.summary = summary;
  if (const auto& recall = answered_->recall; recall && recall->layer == asked.layer && recall->head == asked.head)
    data_.recall = recall;
  if (const auto& who = answered_->who_looks; who && asked.point >= 0 && who->request == asked) data_.who_looks = who;
  derive_reach();
  derive_set();
  derive_comparison();
}

void MainWindow::show_attention_panels(const SceneState& shown) {
  const bool own = data_.prediction && answered_ && data_.prediction == answered_->prediction;
  heads_panel_->show_heads(own ? answered_->heads : nullptr, data_, shown);
  if (is_seen("panel-matrix")) matrix_panel_->show_matrix(own ? answered_->matrix : nullptr, data_, shown);
}

// The boxes of a cell's two nodes in the picture.
void MainWindow::point_at_cell(int row, int column) {
  std::vector<Place> places;
  if (row >= 0 && data_.cloud) {
    const auto add = [&](bool rows, int cell, Rgb colour, const QString& name) {
      const auto points = matrix_panel_->points_of(rows, cell);
      if (!points.empty())
        places.push_back(place_of(*data_.cloud, session_.selection().frame, points, colour, name.toStdString()));
    };
    add(false, column, palette_of(state().theme).query, tr("keys: %1").arg(matrix_panel_->name_of(false, column)));
    add(true, row, palette_of(state().theme).ball, tr("queries: %1").arg(matrix_panel_->name_of(true, row)));
  }
  view_->set_places(std::move(places));
}

void MainWindow::choose_matrix_file() {
  if (!matrix_panel_->has_matrix()) return;
  const QString path =
      QFileDialog::getSaveFileName(this, tr("Save matrix"), "matrix.png", tr("PNG (*.png);;CSV (*.csv)"));
  if (!path.isEmpty()) attempt([&] { save_matrix(path); });
}

void MainWindow::save_matrix(const QString& path) {
  if (!matrix_panel_->has_matrix())
    throw Error(ErrorKind::Config, "there is no matrix to write", path.toStdString(),
                "Open a cloud and a checkpoint, and show the panel Matrix (Alt+9)");
  if (path.endsWith(".csv", Qt::CaseInsensitive)) {
    write_text_atomically(path.toStdString(), matrix_panel_->csv());
  } else if (path.endsWith(".png", Qt::CaseInsensitive)) {
    const QImage image = matrix_panel_->picture();
    write_file_atomically(path.toStdString(), [&](const std::filesystem::path& temporary) {
      if (!image.save(QString::fromStdString(temporary.string()), "PNG"))
        throw Error(ErrorKind::Io, "the picture cannot be written", path.toStdString());
    });
  } else {
    throw Error(ErrorKind::Config, "this kind of file is not known", path.toStdString(), "Name it .png or .csv");
  }
  say(tr("wrote %1").arg(path));
}

}  // namespace erwin::ui
