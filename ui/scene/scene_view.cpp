#include "ui/scene/scene_view.h"

#include <vtkCallbackCommand.h>
#include <vtkCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkNew.h>
#include <vtkOpenGLFramebufferObject.h>
#include <vtkOpenGLState.h>
#include <vtkUnsignedCharArray.h>

#include <QGuiApplication>
#include <QMouseEvent>
#include <QOpenGLContext>
#include <QOpenGLExtraFunctions>
#include <QStyleHints>
#include <QTimer>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "core/tree/pick.h"
#include "ui/instruments/strip.h"

namespace erwin::ui {

QSurfaceFormat SceneView::surface_format() {
  QSurfaceFormat format;
  format.setRenderableType(QSurfaceFormat::OpenGL);
  format.setVersion(3, 2);
  format.setProfile(QSurfaceFormat::CoreProfile);
  format.setDepthBufferSize(24);
  format.setStencilBufferSize(8);
  format.setAlphaBufferSize(8);
  format.setSamples(0);  // what is blitted into it must have as many samples as VTK's own framebuffer
  return format;
}

SceneView::SceneView(QWidget* parent)
    : QOpenGLWidget(parent),
      window_(vtkSmartPointer<vtkGenericOpenGLRenderWindow>::New()),
      answers_(vtkSmartPointer<vtkCallbackCommand>::New()) {
  setFormat(surface_format());
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setMinimumSize(320, 240);
  send_vtk_messages_to_log();
  window_->SetReadyForRendering(false);  // until there is a context
  window_->SetOwnContext(0);
  window_->SetSupportsOpenGL(1);
  window_->SetMultiSamples(0);
  window_->SetFrameBlitModeToNoBlit();  // into Qt's framebuffer, by us
  answers_->SetClientData(this);
  answers_->SetCallback([](vtkObject*, unsigned long event, void* client, void* answer) {
    auto* view = static_cast<SceneView*>(client);
    const bool current = view->context() && QOpenGLContext::currentContext() == view->context();
    if (event == vtkCommand::WindowIsCurrentEvent)
      *static_cast<bool*>(answer) = current;
    else if (event == vtkCommand::WindowMakeCurrentEvent && !current && view->context())
      view->makeCurrent();
  });
  window_->AddObserver(vtkCommand::WindowMakeCurrentEvent, answers_);
  window_->AddObserver(vtkCommand::WindowIsCurrentEvent, answers_);
  scene_ = std::make_unique<Scene>(*window_);
}

SceneView::~SceneView() {
  release_gl();
  // Else the base class would call back into a half-destroyed object.
  if (context()) disconnect(context(), nullptr, this, nullptr);
  scene_.reset();
  window_->RemoveAllObservers();
}

void SceneView::initializeGL() {
  // Again after a move to another top-level window: then there is a new context.
  connect(context(), &QOpenGLContext::aboutToBeDestroyed, this, &SceneView::release_gl, Qt::UniqueConnection);
  window_->SetForceMaximumHardwareLineWidth(1);
  window_->SetReadyForRendering(true);
  window_->SetOwnContext(0);
  window_->OpenGLInitContext();
  overlay_.start(devicePixelRatioF());
  ready_ = scene_dirty_ = true;
}

void SceneView::release_gl() {
  if (!ready_) return;
  ready_ = false;
  makeCurrent();
  overlay_.stop();
  window_->Finalize();
  window_->SetReadyForRendering(false);
  doneCurrent();
}

void SceneView::resizeGL(int, int) {
  refresh();
}

void SceneView::show_scene(const SceneData& shown, const SceneState& state) {
  const Camera camera = state_.camera;
  data_ = shown;
  state_ = state;
  state_.camera = camera;
  refresh();
}

void SceneView::look(const std::string& camera) {
  camera_text_ = camera;
  camera_moved_ = false;
  refresh();
}

void SceneView::refresh() {
  const double ratio = devicePixelRatioF();
  state_.width = std::max(16, qRound(width() * ratio));
  state_.height = std::max(16, qRound(height() * ratio));
  state_.text_scale = ratio;
  if (data_.cloud && !camera_moved_)
    state_.camera =
        camera_from(camera_text_, *data_.cloud, static_cast<double>(state_.width) / state_.height, state_.frame);
  window_->SetSize(state_.width, state_.height);
  scene_->update(data_, state_);
  redraw_scene();
}

void SceneView::redraw_scene() {
  scene_dirty_ = true;
  update();
}

void SceneView::move_camera(const Camera& camera) {
  camera_moved_ = true;
  state_.camera = camera;
  scene_->set_camera(camera);
  redraw_scene();
}

void SceneView::paintGL() {
  if (!ready_) return;
  if (scene_dirty_) {
    scene_dirty_ = false;
    // Qt and ImGui have changed OpenGL's state behind the back of VTK's record of it.
    vtkOpenGLState* gl = window_->GetState();
    gl->Reset();
    gl->Push();
    gl->vtkglDepthFunc(GL_LEQUAL);
    window_->Render();
    gl->Pop();
  }
  blit();
  const SceneState before = state_;
  bool edited = false;
  overlay_.draw(width(), height(), devicePixelRatioF(), state_.theme == Theme::Dark,
                [&] { edited = draw_strip(data_, state_); });
  // After painting: whoever answers may change the scene.
  if (edited)
    QTimer::singleShot(0, this, [this, state = state_] { Q_EMIT state_edited(state); });
  else
    state_ = before;
  if (overlay_.wants_frame()) QTimer::singleShot(0, this, [this] { update(); });
  Q_EMIT painted();
}

// VTK keeps its last picture: a frame that changes only the strip costs no more than this copy.
void SceneView::blit() {
  QOpenGLExtraFunctions* gl = context()->extraFunctions();
  const GLuint target = defaultFramebufferObject();  // another one after every resize
  const int width = state_.width, height = state_.height;
  if (vtkOpenGLFramebufferObject* drawn = window_->GetDisplayFramebuffer(); drawn && drawn->GetFBOIndex()) {
    gl->glDisable(GL_SCISSOR_TEST);
    gl->glBindFramebuffer(GL_READ_FRAMEBUFFER, drawn->GetFBOIndex());
    gl->glReadBuffer(GL_COLOR_ATTACHMENT0);
    gl->glBindFramebuffer(GL_DRAW_FRAMEBUFFER, target);
    const int* size = drawn->GetLastSize();
    gl->glBlitFramebuffer(0, 0, size[0], size[1], 0, 0, width, height, GL_COLOR_BUFFER_BIT, GL_NEAREST);
  }
  gl->glBindFramebuffer(GL_FRAMEBUFFER, target);
  gl->glViewport(0, 0, width, height);
  // Without an opaque alpha the window shows what lies behind it.
  gl->glColorMask(GL_FALSE, GL_FALSE, GL_FALSE, GL_TRUE);
  gl->glClearColor(0, 0, 0, 1);
  gl->glClear(GL_COLOR_BUFFER_BIT);
  gl->glColorMask(GL_TRUE, GL_TRUE, GL_TRUE, GL_TRUE);
}

Picture SceneView::picture() {
  Picture result{state_.width, state_.height, {}};
  if (!ready_) return result;
  makeCurrent();
  vtkOpenGLState* gl = window_->GetState();
  gl->Reset();
  gl->Push();
  if (scene_dirty_) window_->Render();
  scene_dirty_ = false;
  vtkNew<vtkUnsignedCharArray> pixels;
  window_->GetPixelData(0, 0, result.width - 1, result.height - 1, 0, pixels, 0);
  gl->Pop();
  doneCurrent();
  const auto stride = static_cast<std::size_t>(result.width) * 3;
  result.rgb.resize(stride * static_cast<std::size_t>(result.height));
  for (std::size_t row = 0; row < static_cast<std::size_t>(result.height); ++row)
    std::copy_n(pixels->GetPointer(0) + (static_cast<std::size_t>(result.height) - 1 - row) * stride, stride,
                &result.rgb[row * stride]);
  return result;
}

std::int64_t SceneView::pick(const QPointF& at) const {
  if (!data_.cloud) return -1;
  // What is seen is what is meant; only beside all discs, and where points are mere pixels, the nearest one near the
  // ray.
  if (data_.cloud->size() <= 200'000)
    if (const std::int64_t seen = scene_->disc_at(at.x() * devicePixelRatioF(), at.y() * devicePixelRatioF());
        seen >= 0)
      return seen;
  if (!pick_tree_ || pick_tree_->point_count != data_.cloud->size() || data_.cloud->dimension() != 3) return -1;
  const Camera& camera = state_.camera;
  const double half_height = std::tan(camera.view_angle * 0.00872664625997);
  const double x = (2 * at.x() / width() - 1) * half_height * width() / height();
  const double y = (1 - 2 * at.y() / height()) * half_height;
  Vec3 forward, right, up;
  double size = 0;
  for (std::size_t k = 0; k < 3; ++k) size += std::pow(camera.focus[k] - camera.position[k], 2);
  for (std::size_t k = 0; k < 3; ++k) forward[k] = (camera.focus[k] - camera.position[k]) / std::sqrt(size);
  const auto cross = [](const Vec3& a, const Vec3& b) {
    return Vec3{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  right = cross(forward, camera.up);
  const double norm = std::sqrt(right[0] * right[0] + right[1] * right[1] + right[2] * right[2]);
  for (double& r : right) r /= norm;
  up = cross(right, forward);
  PickRay ray;
  ray.origin = camera.position;
  for (std::size_t k = 0; k < 3; ++k) ray.direction[k] = forward[k] + x * right[k] + y * up[k];
  ray.slope = 2 * half_height * 4 / height();  // four logical pixels
  const auto hit = pick_point(*pick_tree_, data_.cloud->positions(state_.frame), ray);
  return hit ? hit->point : -1;
}

void SceneView::mousePressEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (grab_ == Grab::None) {
    grab_ = overlay_.covers(at.x(), at.y()) ? Grab::Strip : Grab::Scene;
    pressed_ = last_ = at;
    dragged_ = false;
  }
  if (grab_ == Grab::Strip && event->button() == Qt::LeftButton) overlay_.mouse_button(0, true, at.x(), at.y());
  update();
}

void SceneView::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  overlay_.mouse_moved(at.x(), at.y());
  if (grab_ == Grab::Scene) {
    if ((at - pressed_).manhattanLength() >= QGuiApplication::styleHints()->startDragDistance()) dragged_ = true;
    const QPointF by = (at - last_) / std::max(1, height());
    const bool shift = event->modifiers() & Qt::ShiftModifier;
    if (dragged_) {
      if ((event->buttons() & Qt::LeftButton) && !shift)
        move_camera(orbit(state_.camera, 220 * by.x(), 220 * by.y()));
      else if (event->buttons() & Qt::RightButton)
        move_camera(zoom(state_.camera, std::exp(-3 * by.y())));
      else
        move_camera(pan(state_.camera, by.x(), -by.y()));
      last_ = at;
    }
  }
  update();
}

void SceneView::mouseReleaseEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (event->button() == Qt::LeftButton) {
    if (grab_ == Grab::Strip)
      overlay_.mouse_button(0, false, at.x(), at.y());
    else if (grab_ == Grab::Scene && !dragged_)
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
    move_camera(zoom(state_.camera, std::pow(1.12, steps)));
  event->accept();
  update();
}

void SceneView::leaveEvent(QEvent*) {
  overlay_.mouse_left();
  update();
}

}  // namespace erwin::ui
