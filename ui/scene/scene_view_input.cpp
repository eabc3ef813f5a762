// The view's mouse and keys, and what moves by itself: the camera in flight, a trajectory that plays.

#include <QGuiApplication>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QStyleHints>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/tree/pick.h"
#include "ui/scene/points_in_shape.h"
#include "ui/scene/scene_view.h"

namespace erwin::ui {

namespace {

constexpr int settle_ms = 160;      // after this long without a move the picture is completed
constexpr int after_input_ms = 40;  // the next part waits this long for more input
constexpr int hover_ms = 250, follow_ms = 60, flight_ms = 300;
constexpr int frame_interval_ms = 100;
constexpr double key_degrees = 5, key_shift = 0.05, key_zoom = 1.12;
constexpr std::int64_t largest_for_discs = 200'000;  // beyond it points are pixels and are found through the tree
constexpr double half_degree = 0.00872664625997;     // half a degree in radians

Vec3 normalised(Vec3 v) {
  const double size = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  for (double& x : v) x /= std::max(size, 1e-300);
  return v;
}

Vec3 between(const Vec3& a, const Vec3& b, double share) {
  Vec3 v;
  for (std::size_t k = 0; k < 3; ++k) v[k] = a[k] + share * (b[k] - a[k]);
  return v;
}

}  // namespace

void SceneView::connect_timers() {
  settle_.setSingleShot(true);
  more_.setSingleShot(true);
  hover_.setSingleShot(true);
  connect(&settle_, &QTimer::timeout, this, [this] {
    moving_ = false;
    part_due_ = true;
    update();
  });
  connect(&more_, &QTimer::timeout, this, [this] {
    part_due_ = true;
    update();
  });
  connect(&hover_, &QTimer::timeout, this, [this] { ask_for_card(); });
  play_.setInterval(frame_interval_ms);
  connect(&play_, &QTimer::timeout, this, [this] {
    const int frames = data_.cloud ? static_cast<int>(data_.cloud->frames()) : 0;
    if (frames < 2) return set_playing(false);
    if (!waiting_ && !scene_dirty_) show_frame((state_.frame + 1) % frames);  // never more than can be drawn
  });
  flight_.setDuration(flight_ms);
  flight_.setEasingCurve(QEasingCurve::InOutCubic);
  const auto wake = [this](void (SceneView::*receive)()) {
    return [this, receive] {
      QMetaObject::invokeMethod(
          this, [this, receive] { (this->*receive)(); }, Qt::QueuedConnection);
    };
  };
  points_box_.set_listener(wake(&SceneView::receive_points));
  card_box_.set_listener(wake(&SceneView::receive_card));
}

std::int64_t SceneView::pick(const QPointF& at) const {
  if (!shown_data_.cloud) return -1;
  // What is seen is what is meant; only beside all discs, and where points are mere pixels, the nearest one near the
  // ray.
  const double ratio = devicePixelRatioF();
  const bool few = shown_data_.cloud->size() <= largest_for_discs;
  const double x = at.x() * ratio, y = at.y() * ratio;
  if (const std::int64_t seen = few ? scene_->disc_at(x, y) : scene_->node_disc_at(x, y); seen >= 0) return seen;
  const BallTreePtr tree = pick_tree();
  if (!tree || shown_data_.cloud->dimension() != 3) return -1;
  const PickRay ray = scene_->ray_at(x, y, 4 * ratio);
  const auto hit = pick_point(*tree, shown_data_.cloud->positions(shown_state_.frame), ray);
  return hit ? hit->point : -1;
}

// ---- Moving the camera ----

void SceneView::moving() {
  moving_ = true;
  more_.stop();
  settle_.start(settle_ms);
}

void SceneView::input_comes_first() {
  if (more_.isActive()) more_.start(after_input_ms);
}

void SceneView::move_camera(const Camera& camera) {
  follow_camera(camera);
  Q_EMIT camera_moved(camera);
}

void SceneView::follow_camera(const Camera& camera) {
  if (camera_moved_ && camera == state_.camera) return;
  camera_moved_ = true;
  state_.camera = shown_state_.camera = camera;
  state_.look = shown_state_.look = to_string(camera);
  scene_->set_camera(camera);
  drop_card();
  moving();
  redraw_scene();
}

void SceneView::orbit_by(double around, double over) {
  flight_.stop();
  move_camera(orbit(state_.camera, around, over));
}
void SceneView::pan_by(double right, double up) {
  flight_.stop();
  move_camera(pan(state_.camera, right, up));
}
void SceneView::zoom_by(double factor) {
  flight_.stop();
  move_camera(zoom(state_.camera, factor));
}

void SceneView::fly_to(std::span<const std::int32_t> points) {
  if (!shown_data_.cloud || points.empty()) return;
  const auto positions = shown_data_.cloud->positions(shown_state_.frame);
  Vec3 low, high;
  low.fill(HUGE_VAL);
  high.fill(-HUGE_VAL);
  for (const std::int32_t point : points)
    for (std::size_t k = 0; k < 3; ++k) {
      const double x = positions[static_cast<std::size_t>(point) * 3 + k];
      low[k] = std::min(low[k], x);
      high[k] = std::max(high[k], x);
    }
  double radius = 2 * scene_->disc_radius();
  for (std::size_t k = 0; k < 3; ++k) radius = std::max(radius, 0.5 * (high[k] - low[k]));
  const Camera from = state_.camera;
  Camera to = from;
  to.focus = between(low, high, 0.5);
  Vec3 back;
  for (std::size_t k = 0; k < 3; ++k) back[k] = from.position[k] - from.focus[k];
  back = normalised(back);
  const double distance = 1.8 * radius / std::tan(from.view_angle * half_degree);
  for (std::size_t k = 0; k < 3; ++k) to.position[k] = to.focus[k] + distance * back[k];
  flight_.stop();
  flight_.disconnect(this);
  connect(&flight_, &QVariantAnimation::valueChanged, this, [this, from, to](const QVariant& share) {
    Camera now = to;
    now.position = between(from.position, to.position, share.toDouble());
    now.focus = between(from.focus, to.focus, share.toDouble());
    move_camera(now);
  });
  flight_.setStartValue(0.0);
  flight_.setEndValue(1.0);
  flight_.start();
}

// ---- Time ----

void SceneView::show_frame(int frame) {
  if (!data_.cloud || frame == state_.frame) return;
  SceneState edited = state_;
  edited.frame = std::clamp(frame, 0, static_cast<int>(data_.cloud->frames()) - 1);
  moving();
  edit(edited);
}

void SceneView::step_frame(int by) {
  if (!data_.cloud) return;
  set_playing(false);
  show_frame(std::clamp(state_.frame + by, 0, static_cast<int>(data_.cloud->frames()) - 1));
}

void SceneView::set_playing(bool playing) {
  const bool can = playing && data_.cloud && data_.cloud->frames() > 1;
  if (can == play_.isActive()) return;
  if (can)
    play_.start();
  else
    play_.stop();
  if (!can) ask_for_frame_tree();
  Q_EMIT playing_changed(can);
  update();
}

// After what goes on now: whoever answers changes the scene.
void SceneView::edit(const SceneState& edited) {
  QTimer::singleShot(0, this, [this, edited] { Q_EMIT state_edited(edited); });
}

// ---- The card below the cursor ----

void SceneView::set_strip(bool shown) {
  if (shown == strip_shown_) return;
  strip_shown_ = shown;
  update();
}

void SceneView::set_meter(bool shown) {
  meter_shown_ = shown;
  update();
}

void SceneView::set_probe(bool shown) {
  probe_shown_ = shown;
  if (!shown) drop_card();
}

void SceneView::drop_card() {
  hover_.stop();
  tell_hovered(-1);
  card_worker_.cancel("card");
  card_box_.take();
  if (!card_) return;
  card_ = nullptr;
  update();
}

void SceneView::ask_for_card() {
  const bool free = grab_ == Grab::None && rect().contains(cursor_.toPoint()) && !moving_ &&
                    !overlay_.covers(cursor_.x(), cursor_.y());
  const std::int64_t point = free ? pick(cursor_) : -1;
  if (point < 0) return drop_card();
  tell_hovered(point);
  if (!probe_shown_) return;
  card_worker_.post(
      [this, data = shown_data_, state = shown_state_, point](std::stop_token stop) {
        auto card = std::make_shared<ProbeCard>(make_probe_card(data, state, point));
        if (!stop.stop_requested()) card_box_.put(std::move(card));
      },
      "card");
}

void SceneView::tell_hovered(qint64 point) {
  if (std::exchange(hovered_, point) != point) Q_EMIT point_hovered(point);
}

void SceneView::set_places(std::vector<Place> places) {
  if (places_ == places) return;
  places_ = std::move(places);
  update();
}

void SceneView::receive_card() {
  if (auto card = card_box_.take()) {
    card_ = std::move(card);
    update();
  }
}

// ---- Choosing points ----

void SceneView::start_lasso() {
  lasso_next_ = true;
  setFocus(Qt::ShortcutFocusReason);
}

void SceneView::draw_shape_to(const QPointF& at) {
  if ((at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
  if (!dragged_) return;
  if (!lasso_)
    shape_ = {{pressed_.x(), pressed_.y()}, {at.x(), pressed_.y()}, {at.x(), at.y()}, {pressed_.x(), at.y()}};
  else if (shape_.empty())
    shape_ = {{pressed_.x(), pressed_.y()}, {at.x(), at.y()}};
  else
    shape_.push_back({at.x(), at.y()});
}

void SceneView::choose_points() {
  lasso_next_ = false;
  const auto shape = std::exchange(shape_, {});
  if (!shown_data_.cloud) return;
  Q_EMIT points_chosen(points_in_shape(shown_data_, shown_state_, scene_->world_to_clip(), width(), height(), shape));
}

// ---- Events ----

void SceneView::mousePressEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  input_comes_first();
  if (grab_ == Grab::None && !overlay_.covers(at.x(), at.y()) && grab_points(*event)) return;
  if (grab_ == Grab::None) {
    const bool shape = event->button() == Qt::LeftButton && ((event->modifiers() & Qt::ShiftModifier) || lasso_next_);
    grab_ = overlay_.covers(at.x(), at.y()) ? Grab::Strip : shape ? Grab::Shape : Grab::Scene;
    lasso_ = lasso_next_ || (event->modifiers() & Qt::ControlModifier);
    pressed_ = last_ = at;
    dragged_ = false;
    if (grab_ != Grab::Strip) flight_.stop();
  }
  if (grab_ == Grab::Strip && event->button() == Qt::LeftButton) overlay_.mouse_button(0, true, at.x(), at.y());
  update();
}

void SceneView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  cursor_ = at;
  input_comes_first();
  overlay_.mouse_moved(at.x(), at.y());
  if (grab_ == Grab::Scene) {
    if ((at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
    const QPointF by = (at - last_) / std::max(1, height());
    if (dragged_) {
      if (event->buttons() & Qt::LeftButton)
        move_camera(orbit(state_.camera, 220 * by.x(), 220 * by.y()));
      else if (event->buttons() & Qt::RightButton)
        move_camera(zoom(state_.camera, std::exp(-3 * by.y())));
      else
        move_camera(pan(state_.camera, by.x(), -by.y()));
      last_ = at;
    }
  } else if (grab_ == Grab::Shape) {
    draw_shape_to(at);
  } else if (grab_ == Grab::Points) {
    drag_points_to(at);
  } else if (!hover_.isActive()) {
    hover_.start(card_ ? follow_ms : hover_ms);
  }
  update();
}

void SceneView::mouseReleaseEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  input_comes_first();
  if (event->button() == Qt::LeftButton) {
    if (grab_ == Grab::Strip)
      overlay_.mouse_button(0, false, at.x(), at.y());
    else if (grab_ == Grab::Points)
      drop_points(dragged_);
    else if (grab_ == Grab::Shape && dragged_)
      choose_points();
    else if (grab_ != Grab::None && !dragged_)
      Q_EMIT point_clicked(pick(at));
  }
  if (event->buttons() == Qt::NoButton) grab_ = Grab::None;
  update();
}

void SceneView::wheelEvent(QWheelEvent* event) {
  const double steps = event->angleDelta().y() / 120.0;
  if (overlay_.covers(event->position().x(), event->position().y()))
    overlay_.wheel(steps);
  else
    zoom_by(std::pow(key_zoom, steps));
  event->accept();
  update();
}

void SceneView::leaveEvent(QEvent*) {
  overlay_.mouse_left();
  cursor_ = {-1, -1};
  drop_card();
  update();
}

void SceneView::keyPressEvent(QKeyEvent* event) {
  input_comes_first();
  const bool shift = event->modifiers() & Qt::ShiftModifier;
  const auto arrow = [&](double right, double up) {
    if (shift)
      pan_by(-key_shift * right, -key_shift * up);
    else
      orbit_by(key_degrees * right, -key_degrees * up);
  };
  if (event->modifiers() & (Qt::ControlModifier | Qt::AltModifier)) return QOpenGLWidget::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Left:
      return arrow(-1, 0);
    case Qt::Key_Right:
      return arrow(1, 0);
    case Qt::Key_Up:
      return arrow(0, 1);
    case Qt::Key_Down:
      return arrow(0, -1);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom_by(key_zoom);
    case Qt::Key_Minus:
      return zoom_by(1 / key_zoom);
    case Qt::Key_Home:
      return look("iso");
    case Qt::Key_Space:
      return set_playing(!playing());
    default:
      QOpenGLWidget::keyPressEvent(event);
  }
}

}  // namespace erwin::ui
