#include "ui/scene/scene_view.h"

#include <vtkCallbackCommand.h>
#include <vtkCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkNew.h>
#include <vtkOpenGLFramebufferObject.h>
#include <vtkOpenGLState.h>
#include <vtkUnsignedCharArray.h>

#include <QElapsedTimer>
#include <QOpenGLContext>
#include <QOpenGLExtraFunctions>
#include <algorithm>

#include "ui/instruments/rubber_band.h"
#include "ui/instruments/strip.h"
#include "ui/instruments/time_bar.h"

namespace erwin::ui {

namespace {

constexpr int between_parts_ms = 4;  // whatever came during a part has its turn before the next one

}  // namespace

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
  connect_timers();
}

SceneView::~SceneView() {
  worker_.cancel();
  card_worker_.cancel();
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
  overlay_ratio_ = devicePixelRatioF();
  overlay_.start(overlay_ratio_);
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

void SceneView::redraw_scene() {
  scene_dirty_ = true;
  update();
}

void SceneView::paintGL() {
  if (!ready_) return;
  if (overlay_ratio_ != devicePixelRatioF()) {  // moved to another screen
    overlay_.stop();
    overlay_ratio_ = devicePixelRatioF();
    overlay_.start(overlay_ratio_);
  }
  if (scene_dirty_ || part_due_) draw_scene();
  blit();
  draw_instruments();
  if (overlay_.wants_frame()) QTimer::singleShot(0, this, [this] { update(); });
  Q_EMIT painted();
}

// All of the picture, a moving one of some of the points, or the next part of one at rest.
void SceneView::draw_scene() {
  QElapsedTimer clock;
  clock.start();
  const std::int64_t total = shown_data_.cloud ? shown_data_.cloud->size() : 0;
  const bool whole = total <= pace_.part() && (!moving_ || whole_ms_ < 1.5 * FramePace::moving_ms);
  // Only a part that goes on from the one before adds to it.
  const std::int64_t before = adding_ && !scene_dirty_ ? scene_->drawn() : 0;
  adding_ = !whole && !moving_;
  if (whole)
    scene_->draw_all();
  else if (moving_)
    scene_->draw_first(std::min(total, pace_.moving()));
  else
    scene_->draw_more(pace_.part());
  scene_dirty_ = part_due_ = false;
  render_part();
  // What software OpenGL has put off until the next event would be missing from the account.
  if (total > 0) context()->functions()->glFinish();
  frame_ms_ = static_cast<double>(clock.nsecsElapsed()) * 1e-6;
  if (whole) whole_ms_ = frame_ms_;
  pace_.drew(scene_->drawn() - before, frame_ms_);
  if (!moving_ && !scene_->complete()) more_.start(between_parts_ms);
  tell_drawing();
}

void SceneView::render_part() {
  // Qt and ImGui have changed OpenGL's state behind the back of VTK's record of it.
  vtkOpenGLState* gl = window_->GetState();
  gl->Reset();
  gl->Push();
  gl->vtkglDepthFunc(GL_LEQUAL);
  window_->Render();
  gl->Pop();
}

void SceneView::tell_drawing() {
  const qint64 total = shown_data_.cloud ? shown_data_.cloud->size() : 0;
  const qint64 drawn = std::min<qint64>(scene_->drawn(), total);
  const auto& scale = scene_->legend().scale;
  if (drawn == told_drawn_ && total == told_total_ && scale == told_scale_) return;
  told_drawn_ = drawn;
  told_total_ = total;
  told_scale_ = scale;
  // After painting: whoever listens may ask for another picture.
  ++telling_;
  QTimer::singleShot(0, this, [this, drawn, total] {
    --telling_;
    Q_EMIT drawing_changed(drawn, total);
  });
}

void SceneView::draw_instruments() {
  SceneState edited = state_;
  bool changed = false;
  TimeBarAnswer time;
  const int frames = data_.cloud ? static_cast<int>(data_.cloud->frames()) : 0;
  overlay_.draw(width(), height(), overlay_ratio_, state_.theme == Theme::Dark, [&] {
    if (!places_.empty()) draw_places(places_, scene_->world_to_clip(), width(), height());
    if (!shape_.empty()) draw_rubber_band(shape_, state_.theme == Theme::Dark);
    changed = strip_shown_ && draw_strip(data_, edited);
    time = draw_time_bar(state_.frame, frames, playing(), width(), height());
    if (meter_shown_) draw_meter({frame_ms_, told_drawn_, told_total_, resident_memory()}, width(), height());
    if (card_) draw_probe_card(*card_, cursor_.x(), cursor_.y(), width(), height());
  });
  if (changed) edit(edited);
  if (time.frame) show_frame(*time.frame);
  if (time.toggled) QTimer::singleShot(0, this, [this] { set_playing(!playing()); });
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
  if (waiting_) prepare_now();
  Picture result{state_.width, state_.height, {}};
  if (!ready_) return result;
  makeCurrent();
  if (scene_dirty_ || moving_ || !scene_->complete()) {
    moving_ = scene_dirty_ = part_due_ = false;
    settle_.stop();
    more_.stop();
    scene_->draw_all();
    render_part();
    tell_drawing();
  }
  vtkOpenGLState* gl = window_->GetState();
  gl->Reset();
  gl->Push();
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

}  // namespace erwin::ui
