// The shown layer, head or network beside another one: numbers, differences, and two pictures with one camera.

#include <QFileDialog>
#include <QFrame>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>

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
  auto* frame = new QFrame;
  frame->setObjectName("pictureFrame");
  auto* layout = new QVBoxLayout(frame);
  layout->setContentsMargins(2, 2, 2, 2);
  layout->addWidget(side_ = new SceneView);
  side_->setAccessibleName(tr("Picture to compare with"));
  pictures_->addWidget(frame);
  pictures_->setSizes({1000, 1000});
  connect(view_, &SceneView::camera_moved, side_, &SceneView::follow_camera);
  connect(side_, &SceneView::camera_moved, view_, &SceneView::follow_camera);
  connect(side_, &SceneView::point_clicked, this, [this](qint64 point) { ask(point); });
  connect(side_, &SceneView::points_chosen, this,
          [this](const std::vector<std::int64_t>& points) { choose_points(points); });
  // Layer and head of the second picture's strip are those compared with; all else is common to both.
  connect(side_, &SceneView::state_edited, this, [this](const SceneState& edited) {
    SceneState next = edited;
    const SceneState now = state();
    Against against = against_from(now.against);
    against.layer = edited.query.layer;
    against.head = edited.query.head;
    next.against = to_string(against);
    next.query = now.query;
    next.query.branch = edited.query.branch;
    next.range = now.range;
    change(next, true);
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

// Both pictures share the colours' ends, or they could not be compared by eye.
void MainWindow::show_side(SceneState& shown) {
  const bool visible = beside_ && data_.comparison && data_.prediction;
  if (visible && !side_) make_side();
  if (side_) side_->parentWidget()->setVisible(visible);
  if (!visible) return;
  const SceneData other = side_data();
  SceneState beside = shown;
  beside.query = data_.comparison->other;
  const Field *left = shown_field(data_, shown), *right = shown_field(other, beside);
  if (left && right && left != right && left->components() == 1 && !shown.range &&
      shown.range_mode == RangeMode::Data) {
    const auto a = left->range(), b = right->range();
    if (a && b) shown.range = FieldRange{std::min(a->minimum, b->minimum), std::max(a->maximum, b->maximum)};
    const bool weights = shown.colour_by == ColourBy::Attention || shown.colour_by == ColourBy::Compressed;
    if (shown.range && weights && shown.logarithmic.value_or(true)) shown.range->minimum = shown.range->maximum / 1000;
    beside.range = shown.range;
  }
  beside.legend = false;  // it is the first picture's
  beside.title = tr("compared with %1").arg(QString::fromStdString(to_string(data_.comparison->against))).toStdString();
  side_->set_pick_tree(opened_->tree);
  side_->follow_camera(view_->camera());  // first: it fits nothing by itself then
  side_->show_scene(other, beside);
}

}  // namespace erwin::ui
