#include "ui/scene/offscreen_scene.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <vtkCallbackCommand.h>
#include <vtkCommand.h>
#include <vtkGenericOpenGLRenderWindow.h>
#include <vtkImageData.h>
#include <vtkLogger.h>
#include <vtkNew.h>
#include <vtkOutputWindow.h>
#include <vtkPNGWriter.h>
#include <vtkPointData.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <string_view>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"

namespace erwin::ui {

namespace {

// Owns an OpenGL context that belongs to no window.
class EglContext {
public:
  EglContext() {
    display_ = open_display();
    if (display_ == EGL_NO_DISPLAY) fail("no EGL display opens");
    eglBindAPI(EGL_OPENGL_API);
    const EGLint wanted[] = {EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE, EGL_OPENGL_BIT, EGL_NONE};
    EGLConfig config = nullptr;
    EGLint found = 0;
    eglChooseConfig(display_, wanted, &config, 1, &found);
    const EGLint version[] = {
        EGL_CONTEXT_MAJOR_VERSION,           3,       EGL_CONTEXT_MINOR_VERSION, 2, EGL_CONTEXT_OPENGL_PROFILE_MASK,
        EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE};
    context_ = eglCreateContext(display_, found > 0 ? config : nullptr, EGL_NO_CONTEXT, version);
    if (context_ == EGL_NO_CONTEXT || !make_current()) fail("no OpenGL 3.2 context without a surface");
  }
  ~EglContext() {
    if (display_ == EGL_NO_DISPLAY) return;
    eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    if (context_ != EGL_NO_CONTEXT) eglDestroyContext(display_, context_);
    eglTerminate(display_);
  }
  EglContext(const EglContext&) = delete;
  EglContext& operator=(const EglContext&) = delete;

  bool make_current() { return eglMakeCurrent(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_) == EGL_TRUE; }
  bool is_current() const { return eglGetCurrentContext() == context_; }

private:
  [[noreturn]] static void fail(const char* detail) {
    throw Error(ErrorKind::Device, "this machine cannot draw without a display", detail,
                "Install Mesa's software renderer (Debian: libegl1 libgl1-mesa-dri)");
  }

  // A GPU's device first, then Mesa's software renderer.
  static EGLDisplay open_display() {
    const auto platform_display =
        reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(eglGetProcAddress("eglGetPlatformDisplayEXT"));
    const auto query_devices = reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(eglGetProcAddress("eglQueryDevicesEXT"));
    if (!platform_display) return EGL_NO_DISPLAY;
    if (query_devices) {
      EGLDeviceEXT devices[16];
      EGLint count = 0;
      if (query_devices(16, devices, &count))
        for (EGLint i = 0; i < count; ++i) {
          const EGLDisplay display = platform_display(EGL_PLATFORM_DEVICE_EXT, devices[i], nullptr);
          if (display != EGL_NO_DISPLAY && eglInitialize(display, nullptr, nullptr)) return display;
        }
    }
    const EGLDisplay display = platform_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    return display != EGL_NO_DISPLAY && eglInitialize(display, nullptr, nullptr) ? display : EGL_NO_DISPLAY;
  }

  EGLDisplay display_ = EGL_NO_DISPLAY;
  EGLContext context_ = EGL_NO_CONTEXT;
};

// What VTK has to say goes to the log, but for the one thing that is always said and means nothing: its loader of
// OpenGL functions looks for an X display first.
class MessagesToLog : public vtkOutputWindow {
public:
  static MessagesToLog* New() {
    auto* made = new MessagesToLog;
    made->InitializeObjectBase();
    return made;
  }
  void DisplayText(const char* text) override {
    const std::string_view message(text);
    if (message.find("GLEW could not be initialized") == std::string_view::npos) log(LogLevel::Warning, message);
  }
};

}  // namespace

void send_vtk_messages_to_log() {
  vtkLogger::SetStderrVerbosity(vtkLogger::VERBOSITY_OFF);
  vtkNew<MessagesToLog> messages;
  vtkOutputWindow::SetInstance(messages);
}

void write_png(const std::filesystem::path& path, const Picture& picture, const PngTexts& texts) {
  vtkNew<vtkImageData> image;
  image->SetDimensions(picture.width, picture.height, 1);
  image->AllocateScalars(VTK_UNSIGNED_CHAR, 3);
  // VTK's images start with the bottom row.
  const auto stride = static_cast<std::size_t>(picture.width) * 3;
  auto* pixels = static_cast<std::uint8_t*>(image->GetScalarPointer());
  for (std::size_t row = 0; row < static_cast<std::size_t>(picture.height); ++row)
    std::copy_n(&picture.rgb[row * stride], stride,
                pixels + (static_cast<std::size_t>(picture.height) - 1 - row) * stride);
  vtkNew<vtkPNGWriter> writer;
  writer->SetInputData(image);
  writer->WriteToMemoryOn();
  for (const auto& [keyword, text] : texts) writer->AddText(keyword.c_str(), text.c_str());
  writer->Write();
  const vtkUnsignedCharArray* bytes = writer->GetResult();
  write_text_atomically(path, {reinterpret_cast<const char*>(const_cast<vtkUnsignedCharArray*>(bytes)->GetPointer(0)),
                               static_cast<std::size_t>(bytes->GetNumberOfValues())});
}

struct OffscreenScene::Impl {
  EglContext context;
  vtkNew<vtkCallbackCommand> answers;
  vtkNew<vtkGenericOpenGLRenderWindow> window;
  std::unique_ptr<Scene> scene;

  Impl() {
    send_vtk_messages_to_log();
    answers->SetClientData(&context);
    answers->SetCallback([](vtkObject*, unsigned long event, void* client, void* data) {
      auto& egl = *static_cast<EglContext*>(client);
      if (event == vtkCommand::WindowMakeCurrentEvent)
        egl.make_current();
      else if (event == vtkCommand::WindowIsCurrentEvent)
        *static_cast<bool*>(data) = egl.is_current();
    });
    window->AddObserver(vtkCommand::WindowMakeCurrentEvent, answers);
    window->AddObserver(vtkCommand::WindowIsCurrentEvent, answers);
    window->SetOwnContext(0);
    window->SetSupportsOpenGL(1);
    window->SetReadyForRendering(true);
    window->SetForceMaximumHardwareLineWidth(1);
    window->SetMultiSamples(0);
    window->SetFrameBlitModeToNoBlit();
    window->OpenGLInitContext();
    scene = std::make_unique<Scene>(*window);
  }
  ~Impl() {
    scene.reset();
    window->Finalize();  // while the context is current
    window->RemoveAllObservers();
  }
};

OffscreenScene::OffscreenScene() : impl_(std::make_unique<Impl>()) {}
OffscreenScene::~OffscreenScene() = default;
const Scene& OffscreenScene::scene() const {
  return *impl_->scene;
}

Scene& OffscreenScene::scene() {
  return *impl_->scene;
}

Picture OffscreenScene::draw(const SceneData& data, const SceneState& state) {
  if (state.width < 16 || state.height < 16 || state.width > 16384 || state.height > 16384)
    throw Error(ErrorKind::Config, "this picture size is out of range",
                std::to_string(state.width) + "x" + std::to_string(state.height), "Use 16x16 to 16384x16384 pixels");
  require_memory(std::uint64_t{24} * static_cast<std::uint64_t>(state.width) * static_cast<std::uint64_t>(state.height),
                 "the picture");
  impl_->scene->update(data, state);
  impl_->scene->draw_all();
  render();
  return picture();
}

void OffscreenScene::render() {
  const SceneState& state = impl_->scene->state();
  impl_->window->SetSize(state.width, state.height);
  impl_->window->Render();
  impl_->window->WaitForCompletion();
}

Picture OffscreenScene::picture() const {
  const SceneState& state = impl_->scene->state();
  Picture picture{state.width, state.height, {}};
  vtkNew<vtkUnsignedCharArray> pixels;
  impl_->window->GetPixelData(0, 0, state.width - 1, state.height - 1, 0, pixels, 0);
  const auto stride = static_cast<std::size_t>(state.width) * 3;
  picture.rgb.resize(stride * static_cast<std::size_t>(state.height));
  for (std::size_t row = 0; row < static_cast<std::size_t>(state.height); ++row)
    std::copy_n(pixels->GetPointer(0) + (static_cast<std::size_t>(state.height) - 1 - row) * stride, stride,
                &picture.rgb[row * stride]);
  return picture;
}

}  // namespace erwin::ui
