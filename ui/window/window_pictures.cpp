// Several pictures in one window: one camera, one legend, and one file where they are saved.

#include <QFrame>
#include <QImage>
#include <QPainter>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>

#include "ui/panels/legend_bar.h"
#include "ui/scene/scene_view.h"
#include "ui/window/main_window.h"

namespace erwin::ui {

SceneView* MainWindow::add_picture(QSplitter* where, const QString& name) {
  auto* frame = new QFrame;
  frame->setObjectName("pictureFrame");
  auto* layout = new QVBoxLayout(frame);
  layout->setContentsMargins(2, 2, 2, 2);
  auto* view = new SceneView;
  layout->addWidget(view);
  view->setAccessibleName(name);
  where->addWidget(frame);
  connect(view, &SceneView::camera_moved, this, [this, view](const Camera& camera) { share_camera(view, camera); });
  connect(view, &SceneView::state_edited, this, [this, view](const SceneState& edited) { take_edit(view, edited); });
  connect(view, &SceneView::points_chosen, this, [this, view](const std::vector<std::int64_t>& points) {
    if (view != side_ || !beside_cloud_) choose_points(points);  // else they are another cloud's
  });
  return view;
}

std::vector<SceneView*> MainWindow::pictures() const {
  std::vector<SceneView*> shown{view_};
  for (SceneView* view : head_views_)
    if (!view->parentWidget()->isHidden()) shown.push_back(view);
  if (side_ && !side_->parentWidget()->isHidden()) shown.push_back(side_);
  return shown;
}

// Another sample's camera looks at the same place of its box.
void MainWindow::share_camera(const SceneView* from, const Camera& camera) {
  const Camera own = from == side_ && boxes_ ? carried(camera, boxes_->reversed()) : camera;
  for (SceneView* view : pictures())
    if (view != from) view->follow_camera(view == side_ && boxes_ ? carried(own, *boxes_) : own);
}

// Of a picture among several its colours, query and title are its own; what a person changes there is common to all,
// but layer and head of the second one, which are those compared with.
void MainWindow::take_edit(const SceneView* view, const SceneState& edited) {
  SceneState next = state();
  if (pictures().size() == 1) {
    const auto told = next.range;
    next = edited;
    next.range = told;  // the picture's own may be a lock's
    return change(next, true);
  }
  const SceneState& before = view->scene().state();
  if (edited.level != before.level) next.level = edited.level;
  if (edited.frame != before.frame) next.frame = edited.frame;
  next.dim = edited.dim;
  next.query.branch = edited.query.branch;
  if (view == side_) {
    Against against = against_from(next.against);
    if (edited.query.layer != before.query.layer) against.layer = edited.query.layer;
    if (edited.query.head != before.query.head) against.head = edited.query.head;
    next.against = to_string(against);
  } else if (!shows_heads()) {
    next.query.layer = edited.query.layer;
    next.query.head = edited.query.head;
  }
  change(next, true);
}

// All pictures have the same ends of their colours, or they could not be compared by eye.
void MainWindow::give_ranges(std::span<Tile> tiles) {
  if (!data_.cloud) return;
  lock_.apply(tiles, &view_->scene().colours());
  if (tiles.size() > 1) share_range(tiles);
}

void MainWindow::show_pictures(const SceneState& shown) {
  if (!derive_heads()) return;
  show_side(shown);
  show_heads(shown);
  pictures_title_ = QString::fromStdString(shown.title);
  if (shows_heads() && data_.what_if && !head_rows_->changed) pictures_title_ += tr(" (these pictures: without it)");
  if (beside_cloud_ && !shows_heads())
    pictures_title_ += tr(" beside ") + QString::fromStdString(beside_cloud_->sample);
  show_legend_bar();
}

void MainWindow::show_legend_bar() {
  const bool several = data_.cloud && pictures().size() > 1;
  legend_bar_->setVisible(several && state().legend);
  if (several) legend_bar_->show_legend(pictures_title_, view_->scene().legend());
}

Picture MainWindow::picture() {
  const std::vector<SceneView*> shown = pictures();
  if (shown.size() == 1) return view_->picture();
  const double ratio = devicePixelRatioF();
  const QSize bar = legend_bar_->isHidden() ? QSize() : legend_bar_->size();
  const QSize size(pictures_->width(), pictures_->height() + std::max(0, bar.height()));
  QImage image((QSizeF(size) * ratio).toSize(), QImage::Format_RGB888);
  image.fill(palette().color(QPalette::Window));
  QPainter painter(&image);
  for (SceneView* view : shown) {
    const Picture part = view->picture();
    painter.drawImage(QPointF(view->mapTo(pictures_, QPoint())) * ratio,
                      QImage(part.rgb.data(), part.width, part.height, 3 * part.width, QImage::Format_RGB888));
  }
  if (!bar.isEmpty()) {
    const QImage legend = legend_bar_->grab().toImage();
    painter.drawImage(QRectF(QPointF(0, pictures_->height()) * ratio, QSizeF(bar) * ratio), legend);
  }
  painter.end();
  Picture result{image.width(), image.height(), {}};
  for (int y = 0; y < image.height(); ++y)
    result.rgb.insert(result.rgb.end(), image.constScanLine(y), image.constScanLine(y) + 3 * image.width());
  return result;
}

}  // namespace erwin::ui
