// Points that a drag moves in the plane that faces the eye.

#include <QGuiApplication>
#include <QMouseEvent>
#include <QStyleHints>

#include "ui/scene/scene_view.h"

namespace erwin::ui {

void SceneView::start_moving() {
  move_next_ = true;
  setFocus(Qt::ShortcutFocusReason);
}

void SceneView::stop_moving() {
  move_next_ = false;
  if (grab_ == Grab::Points) drop_points(false);
}

bool SceneView::grab_points(const QMouseEvent& event) {
  constexpr auto keys = Qt::AltModifier | Qt::ShiftModifier;
  if (event.button() != Qt::LeftButton || !shown_data_.cloud) return false;
  if (!move_next_ && (event.modifiers() & keys) != keys) return false;
  move_next_ = false;
  flight_.stop();
  grab_ = Grab::Points;
  pressed_ = last_ = event.position();
  dragged_ = false;
  drop_card();
  const std::int64_t point = pick(pressed_);
  grabbed_ = state_.camera.focus;
  if (point >= 0) {
    const auto positions = shown_positions(shown_data_, shown_state_);
    for (std::size_t k = 0; k < 3; ++k) grabbed_[k] = positions[static_cast<std::size_t>(3 * point) + k];
  }
  Q_EMIT points_grabbed(point);
  return true;
}

std::array<double, 3> SceneView::in_plane_of_grab(const QPointF& at) const {
  const double ratio = devicePixelRatioF();
  const PickRay ray = scene_->ray_at(at.x() * ratio, at.y() * ratio, 1);
  double along = 0, away = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double normal = state_.camera.focus[k] - state_.camera.position[k];
    along += normal * ray.direction[k];
    away += normal * (grabbed_[k] - ray.origin[k]);
  }
  std::array<double, 3> place;
  for (std::size_t k = 0; k < 3; ++k) place[k] = ray.origin[k] + away / along * ray.direction[k];
  return place;
}

void SceneView::drag_points_to(const QPointF& at) {
  if ((at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
  if (!dragged_) return;
  const auto from = in_plane_of_grab(pressed_), to = in_plane_of_grab(at);
  Q_EMIT points_dragged({to[0] - from[0], to[1] - from[1], to[2] - from[2]});
}

void SceneView::drop_points(bool here) {
  grab_ = Grab::None;
  Q_EMIT points_dropped(here);
}

}  // namespace erwin::ui
