#pragma once
// The scene in the window: a QOpenGLWidget that hosts VTK's drawing, the ImGui instruments on top, the mouse and the
// keys.
//
// No event waits for a large cloud. What is linear in its points (colours, order, the card below the cursor) is made on
// a thread of the view's own and shown when it is there; meanwhile the picture stays as it was. While something moves,
// a fair subset of the points is drawn; at rest the picture is completed in parts of less than 100 ms, and any input
// comes first. drawing_changed says how far it is.

#include <vtkSmartPointer.h>

#include <QOpenGLWidget>
#include <QSurfaceFormat>
#include <QTimer>
#include <QVariantAnimation>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine/mailbox.h"
#include "core/engine/worker.h"
#include "ui/instruments/meter.h"
#include "ui/instruments/overlay.h"
#include "ui/instruments/places.h"
#include "ui/instruments/probe_card.h"
#include "ui/scene/frame_pace.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/scene/prepared_points.h"
#include "ui/scene/scene.h"

class QKeyEvent;
class QMouseEvent;
class vtkCallbackCommand;
class vtkGenericOpenGLRenderWindow;

namespace erwin::ui {

class SceneView : public QOpenGLWidget {
  Q_OBJECT
public:
  explicit SceneView(QWidget* parent = nullptr);
  ~SceneView() override;

  // For QSurfaceFormat::setDefaultFormat, before the QApplication.
  static QSurfaceFormat surface_format();

  // Size and camera of the state are the view's own: the size is the widget's, the camera the mouse's.
  void show_scene(const SceneData& shown, const SceneState& state);
  // Clicks are answered with points of this tree, which was built from the first frame's positions.
  void set_pick_tree(BallTreePtr tree);

  // ---- Camera, for actions; the mouse and the view's own keys do the same ----
  // As the camera option of `render`; keeps fitting while the window changes until something else moves the camera.
  void look(const std::string& camera);
  void orbit_by(double around, double over);  // degrees
  void pan_by(double right, double up);       // shares of the picture's height
  void zoom_by(double factor);
  // Keeps the direction and comes so near that these points fill the picture: a ball, a selected block.
  void fly_to(std::span<const std::int32_t> points);

  // As another view has it; camera_moved is not told.
  void follow_camera(const Camera& camera);
  const Camera& camera() const { return state_.camera; }

  // ---- Choosing points: Shift and a drag draws a box, Ctrl, Shift and a drag a lasso. All points inside count, hidden
  // behind others or not, but those that are left out of the picture. ----
  // The next drag draws a lasso without any key.
  void start_lasso();

  // ---- Moving points: Alt, Shift and a drag. The view says by how much; whoever listens moves them. ----
  // The next drag moves points without any key.
  void start_moving();
  // Ends a drag that moves points as if it had not been; nothing where there is none.
  void stop_moving();

  // ---- Trajectories: the time bar does the same; every change of frame is a state_edited ----
  void step_frame(int by);
  void set_playing(bool playing);
  bool playing() const { return play_.isActive(); }

  // The controls in the upper left corner; on from the start.
  void set_strip(bool shown);
  // Frame time and memory in the corner.
  void set_meter(bool shown);
  bool meter() const { return meter_shown_; }
  // The card beside the cursor; on from the start.
  void set_probe(bool shown);
  bool probe() const { return probe_shown_; }

  // What another view points at, as boxes over the picture; empty: nothing.
  void set_places(std::vector<Place> places);
  const std::vector<Place>& places() const { return places_; }

  const Scene& scene() const { return *scene_; }
  bool covered_by_strip(const QPoint& at) const { return overlay_.covers(at.x(), at.y()); }
  // The scene as it is at rest, complete, without the instruments. Waits for all of it.
  Picture picture();
  // The point under a place in logical pixels, or -1.
  std::int64_t pick(const QPointF& at) const;
  // Everything asked for is in the picture and nothing moves.
  bool settled() const;
  // The card that is shown; null where there is none.
  const ProbeCard* probe_card() const { return card_ ? card_.get() : nullptr; }

Q_SIGNALS:
  void point_clicked(qint64 point);
  void points_chosen(const std::vector<std::int64_t>& points);  // ascending; empty where the shape holds none
  void points_grabbed(qint64 point);                            // a drag begins there; -1: beside all points
  // Since the grab, in the cloud's unit and in the plane that faces the eye at the grabbed point.
  void points_dragged(const std::array<double, 3>& by);
  void points_dropped(bool here);                      // false: they go back
  void camera_moved(const erwin::ui::Camera& camera);  // by anything but follow_camera
  void point_hovered(qint64 point);                    // under a cursor that rests; -1: none
  // An instrument was used: query, level, dim or frame of the state are new.
  void state_edited(const erwin::ui::SceneState& state);
  // The picture holds `drawn` of `total` points; all of them where it is complete.
  void drawing_changed(qint64 drawn, qint64 total);
  void playing_changed(bool playing);
  void painted();

protected:
  void initializeGL() override;
  void resizeGL(int width, int height) override;
  void paintGL() override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

private:
  // scene_view.cpp: the picture
  void release_gl();
  void redraw_scene();
  void draw_scene();
  void render_part();
  void blit();
  void draw_instruments();
  void tell_drawing();

  // scene_view_data.cpp: what is shown
  void refresh();
  // What the worker makes of a wish; the wish itself, for it may be an older one.
  struct Made {
    std::uint64_t wish = 0;
    SceneData data;
    SceneState state;
    PreparedPointsPtr points;
  };
  void fit_to_widget(SceneState& state) const;
  void show_made(const Made& made);
  void receive_points();
  void prepare_now();
  bool is_large() const;
  BallTreePtr pick_tree() const;
  void ask_for_frame_tree();

  // scene_view_input.cpp: mouse, keys, time
  void connect_timers();
  void move_camera(const Camera& camera);
  void moving();
  void input_comes_first();
  void show_frame(int frame);
  void ask_for_card();
  void drop_card();
  void receive_card();
  void tell_hovered(qint64 point);
  void draw_shape_to(const QPointF& at);
  void choose_points();
  void edit(const SceneState& edited);

  // scene_view_drag.cpp: points that are moved
  bool grab_points(const QMouseEvent& event);
  void drag_points_to(const QPointF& at);
  void drop_points(bool here);
  std::array<double, 3> in_plane_of_grab(const QPointF& at) const;

  vtkSmartPointer<vtkGenericOpenGLRenderWindow> window_;
  vtkSmartPointer<vtkCallbackCommand> answers_;
  std::unique_ptr<Scene> scene_;
  Overlay overlay_;
  double overlay_ratio_ = 0;

  // What is wanted, and what the scene shows of it.
  SceneData data_, shown_data_;
  SceneState state_, shown_state_;
  PreparedPointsPtr points_;
  std::uint64_t wish_ = 0;  // counts changes of data_ and state_ that need other points
  bool waiting_ = false;    // for the newest wish
  bool strip_shown_ = true;
  std::string camera_text_ = "iso";
  bool camera_moved_ = false, scene_dirty_ = true, part_due_ = false, ready_ = false;
  bool adding_ = false;  // the last picture was a part at rest

  FramePace pace_;
  QTimer settle_, more_, hover_, play_;
  QVariantAnimation flight_;
  bool moving_ = false;
  qint64 told_drawn_ = -1, told_total_ = -1;
  std::optional<LegendScale> told_scale_;
  int telling_ = 0;  // what was told last is not heard yet
  double frame_ms_ = 0, whole_ms_ = 0;  // of the last part, and of the last picture drawn in one go
  bool meter_shown_ = false, probe_shown_ = true;
  std::vector<Place> places_;
  qint64 hovered_ = -1;

  BallTreePtr pick_tree_;
  struct FrameTree {
    PointCloudPtr cloud;
    std::int64_t frame = 0;
    BallTreePtr tree;
  };
  std::shared_ptr<const FrameTree> frame_tree_;
  std::shared_ptr<const ProbeCard> card_;
  QPointF cursor_{-1, -1};

  enum class Grab { None, Strip, Scene, Shape, Points } grab_ = Grab::None;
  QPointF pressed_, last_;
  bool dragged_ = false;
  bool lasso_ = false, lasso_next_ = false, move_next_ = false;
  std::array<double, 3> grabbed_{};           // where points were grabbed, relative to the cloud's origin
  std::vector<std::array<double, 2>> shape_;  // corners in logical pixels, while it is drawn

  Mailbox<Made> points_box_;
  Mailbox<ProbeCard> card_box_;
  Mailbox<FrameTree> tree_box_;
  Worker worker_, card_worker_;  // last: their threads use the mailboxes
};

}  // namespace erwin::ui
