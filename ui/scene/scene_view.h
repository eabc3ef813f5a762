#pragma once
// The scene in the window: a QOpenGLWidget that hosts VTK's drawing, the ImGui strip on top, and the mouse.

#include <vtkSmartPointer.h>

#include <QOpenGLWidget>
#include <QSurfaceFormat>
#include <memory>
#include <string>

#include "ui/instruments/overlay.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/scene/scene.h"

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
  // Clicks are answered with points of this tree, which was built from the cloud's own positions.
  void set_pick_tree(BallTreePtr tree) { pick_tree_ = std::move(tree); }
  // As the camera option of `render`; keeps fitting while the window changes until the mouse moves the camera.
  void look(const std::string& camera);

  const Scene& scene() const { return *scene_; }
  bool covered_by_strip(const QPoint& at) const { return overlay_.covers(at.x(), at.y()); }
  // The scene as last drawn, without the strip.
  Picture picture();
  // The point under a place in logical pixels, or -1.
  std::int64_t pick(const QPointF& at) const;

Q_SIGNALS:
  void point_clicked(qint64 point);
  // The strip was used: query, level and dim of the state are new.
  void state_edited(const erwin::ui::SceneState& state);
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

private:
  void release_gl();
  void redraw_scene();
  void move_camera(const Camera& camera);
  void refresh();  // hands data and state to the scene
  void blit();

  vtkSmartPointer<vtkGenericOpenGLRenderWindow> window_;
  vtkSmartPointer<vtkCallbackCommand> answers_;
  std::unique_ptr<Scene> scene_;
  Overlay overlay_;
  SceneData data_;
  SceneState state_;
  BallTreePtr pick_tree_;
  std::string camera_text_ = "iso";
  bool camera_moved_ = false, scene_dirty_ = true, ready_ = false;
  enum class Grab { None, Strip, Scene } grab_ = Grab::None;
  QPointF pressed_, last_;
  bool dragged_ = false;
};

}  // namespace erwin::ui
