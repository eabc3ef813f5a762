// The shown layer, head or network beside another one: numbers, differences, and two pictures with one camera.

#include <QFileDialog>
#include <QSplitter>

#include "core/base/error.h"
#include "ui/scene/scene_view.h"
#include "ui/window/actions.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

void MainWindow::make_compare_actions() {
  actions_->on("compare-keep", [this] { keep_to_compare(); });
  actions_->on("compare-checkpoint", [this] { choose_other_checkpoint(); });
  actions_->on("compare-none", [this] { attempt([this] { set_option("against", "none"); }); });
  actions_->on("compare-side", [this] {
    beside_ = !beside_;
    if (beside_ && state().against == "none") keep_to_compare();
    refresh();
  });
  actions_->on("colour-difference", [this] {
    attempt([this] {
      const SceneState now = state();
      if (!against_from(now.against).sample.empty())
        throw Error(ErrorKind::Config, "two samples have no difference", now.against,
                    "Their points are different ones. The query panel compares how their values are distributed");
      const std::string wanted = now.query.point >= 0 ? attention_difference : prediction_difference;
      if (!is_on_request(data_, now, wanted))
        throw Error(ErrorKind::Config, "there is no difference to show", wanted,
                    "Click a point and keep a layer to compare with (K), or choose a checkpoint (Ctrl+Shift+K)");
      colour_by(ColourBy::Field, wanted);
    });
  });
}

void MainWindow::keep_to_compare() {
  if (!data_.prediction) return;
  SceneState next = state();
  Against against = against_from(next.against);
  against.layer = next.query.layer;
  against.head = next.query.head;
  next.against = to_string(against);
  change(next);
}

void MainWindow::choose_other_checkpoint() {
  const QString path = QFileDialog::getOpenFileName(this, tr("Compare with a checkpoint"));
  if (!path.isEmpty()) attempt([&] { set_option("against", path.toStdString()); });
}

// As soon as there is something to compare with; its fields, numbers and picture are all of one answer.
void MainWindow::ask_comparison() {
  const SceneState now = state();
  if (now.against == "none") {
    asked_other_.clear();
    return;
  }
  const Against against = against_from(now.against);
  if (!against.sample.empty()) return;  // see ask_sample
  if (!against.checkpoint.empty() && answered_->other != against.checkpoint) {
    if (asked_other_ != against.checkpoint) io_->open_other(against.checkpoint);
    asked_other_ = against.checkpoint;
    return;
  }
  const Asked wanted{data_.prediction, now.query, now.against};
  if (asked_comparison_ == wanted) return;
  asked_comparison_ = wanted;
  engine_->compare(against, now.query);
}

void MainWindow::derive_comparison() {
  const SceneState now = state();
  const auto& made = answered_->comparison;
  if (made && made->shown == now.query && to_string(made->against) == now.against) data_.comparison = made;
}

void MainWindow::make_side() {
  side_ = add_picture(pictures_, tr("Picture to compare with"));
  pictures_->setSizes(QList<int>(pictures_->count(), 1000));
  connect(side_, &SceneView::point_clicked, this, [this](qint64 point) {
    if (beside_cloud_)
      ask_beside(point);
    else
      ask(point);
  });
}

SceneData MainWindow::side_data() const {
  SceneData other = data_;
  const Comparison& made = *data_.comparison;
  other.query = made.view;
  other.gates = nullptr;
  other.summary = nullptr;
  other.who_looks = nullptr;
  if (made.prediction) {
    auto prediction = std::make_shared<Prediction>(*data_.prediction);
    std::erase_if(prediction->fields, [](const Field& field) { return field.name() != "target"; });
    prediction->fields.push_back(*made.prediction);
    prediction->layers = made.layers;
    other.prediction = prediction;
  }
  return other;
}

// The picture at the right, where there is one: the other sample, or the other side of the comparison.
std::optional<Tile> MainWindow::side_tile(const SceneState& shown) const {
  if (!beside_ || shows_heads()) return {};
  if (beside_cloud_ && data_.cloud) return Tile{sample_data(), sample_state(shown)};
  if (!data_.comparison || !data_.prediction) return {};
  Tile tile{side_data(), shown};
  tile.state.query = data_.comparison->other;
  tile.state.title =
      tr("compared with %1").arg(QString::fromStdString(to_string(data_.comparison->against))).toStdString();
  return tile;
}

void MainWindow::show_side(const SceneState& shown) {
  std::vector<Tile> tiles{{data_, shown}};
  if (auto side = side_tile(shown)) tiles.push_back(std::move(*side));
  const bool visible = tiles.size() > 1;
  if (visible && !side_) make_side();
  if (side_) side_->parentWidget()->setVisible(visible);
  boxes_.reset();
  if (shows_heads()) return;
  give_ranges(tiles);
  if (visible) {
    for (Tile& tile : tiles) tile.state.legend = false;  // they have one below them
    const Tile& other = tiles.back();
    if (beside_cloud_) boxes_ = box_to_box(*data_.cloud, shown.frame, *other.data.cloud, other.state.frame);
    side_->set_pick_tree(beside_cloud_ ? beside_cloud_->tree : opened_->tree);
    // First: it fits nothing by itself then.
    side_->follow_camera(boxes_ ? carried(view_->camera(), *boxes_) : view_->camera());
    side_->show_scene(other.data, other.state);
  }
  view_->show_scene(tiles.front().data, tiles.front().state);
}

}  // namespace erwin::ui
