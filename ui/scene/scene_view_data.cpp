// What the view shows: wishes, what the worker makes of them, and the picture that follows.

#include <vtkGenericOpenGLRenderWindow.h>

#include <algorithm>
#include <utility>

#include "core/engine/cloud_tree.h"
#include "ui/scene/scene_view.h"

namespace erwin::ui {

namespace {

// Up to here colours are made in a few milliseconds, and waiting for another thread would only delay them.
constexpr std::int64_t made_at_once = 10'000;

// The upper left corner is the strip's: the legend's sentences begin to its right.
constexpr double beside_strip = 285;

}  // namespace

bool SceneView::is_large() const {
  return data_.cloud && data_.cloud->size() > made_at_once;
}

void SceneView::show_scene(const SceneData& shown, const SceneState& state) {
  SceneState wanted = state;
  wanted.camera = state_.camera;
  wanted.look = state_.look;
  wanted.width = state_.width;
  wanted.height = state_.height;
  wanted.text_scale = state_.text_scale;
  wanted.notes_left = state_.notes_left;
  if (shown == data_ && wanted == state_) return;
  data_ = shown;
  state_ = wanted;
  refresh();
}

void SceneView::set_pick_tree(BallTreePtr tree) {
  pick_tree_ = std::move(tree);
  frame_tree_ = nullptr;
}

void SceneView::look(const std::string& camera) {
  flight_.stop();
  camera_text_ = camera;
  camera_moved_ = false;
  refresh();
}

void SceneView::fit_to_widget(SceneState& state) const {
  const double ratio = devicePixelRatioF();
  state.width = std::max(16, qRound(width() * ratio));
  state.height = std::max(16, qRound(height() * ratio));
  state.text_scale = ratio;
  state.notes_left = beside_strip;
  state.camera = state_.camera;
  state.look = state_.look;
}

void SceneView::refresh() {
  fit_to_widget(state_);
  const Camera before = state_.camera;
  if (data_.cloud && !camera_moved_) {
    state_.camera =
        camera_from(camera_text_, *data_.cloud, static_cast<double>(state_.width) / state_.height, state_.frame);
    state_.look = camera_text_;
  }
  if (state_.camera != before) Q_EMIT camera_moved(state_.camera);
  window_->SetSize(state_.width, state_.height);
  const bool known = points_ && same_points(data_, state_, shown_data_, shown_state_);
  if (known || !data_.cloud) {
    worker_.cancel();
    show_made({++wish_, data_, state_, data_.cloud ? points_ : nullptr});
  } else if (!is_large()) {
    prepare_now();
  } else {
    waiting_ = true;
    worker_.post(
        [this, wish = ++wish_, data = data_, state = state_, before = points_](std::stop_token stop) {
          auto points = prepare_points(data, state, before);
          if (!stop.stop_requested())
            points_box_.put(std::make_shared<Made>(Made{wish, data, state, std::move(points)}));
        },
        "points");
    // What is shown until then keeps up with the widget and the camera.
    if (points_ && shown_data_.cloud == data_.cloud) show_made({wish_ - 1, shown_data_, shown_state_, points_});
  }
}

void SceneView::prepare_now() {
  worker_.cancel();
  show_made({++wish_, data_, state_, prepare_points(data_, state_, points_)});
}

void SceneView::receive_points() {
  const auto made = points_box_.take();
  // An older wish is shown, too, or a picture that is wished anew all the time would never change; one for another
  // cloud is not.
  if (made && made->wish <= wish_ && waiting_ && made->data.cloud == data_.cloud) show_made(*made);
}

void SceneView::show_made(const Made& made) {
  waiting_ = made.wish < wish_;
  shown_data_ = made.data;
  shown_state_ = made.state;
  points_ = made.points;
  fit_to_widget(shown_state_);
  scene_->update(shown_data_, shown_state_, points_);
  if (card_ && shown_data_.cloud)
    ask_for_card();
  else
    drop_card();
  ask_for_frame_tree();
  redraw_scene();
}

// The tree that belongs to the positions that are shown; null where there is none yet.
BallTreePtr SceneView::pick_tree() const {
  if (!shown_data_.cloud) return nullptr;
  if (shown_state_.frame == 0)
    return pick_tree_ && pick_tree_->point_count == shown_data_.cloud->size() ? pick_tree_ : nullptr;
  const bool fits = frame_tree_ && frame_tree_->cloud == shown_data_.cloud && frame_tree_->frame == shown_state_.frame;
  return fits ? frame_tree_->tree : nullptr;
}

// Clicks into later frames of a large trajectory need a tree of their own; small ones are picked from the picture.
void SceneView::ask_for_frame_tree() {
  if (!shown_data_.cloud || shown_state_.frame == 0 || !is_large() || playing() || pick_tree()) return;
  card_worker_.post(
      [this, cloud = shown_data_.cloud, frame = shown_state_.frame](std::stop_token stop) {
        try {
          auto tree = cloud_tree(*cloud, frame, Job(stop));
          tree_box_.put(std::make_shared<FrameTree>(FrameTree{cloud, frame, std::move(tree)}));
        } catch (const Error&) {
          // Cancelled, or out of memory: then nothing can be picked, and all else goes on.
        }
      },
      "tree");
}

bool SceneView::settled() const {
  return telling_ == 0 && !waiting_ && !moving_ && !playing() && flight_.state() != QAbstractAnimation::Running &&
         !scene_dirty_ && !part_due_ && scene_->complete();
}

}  // namespace erwin::ui
