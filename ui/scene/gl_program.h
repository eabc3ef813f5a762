#pragma once
// The scene's own OpenGL, for the two things that VTK's mappers do too slowly: many points, and shading by depth. Used
// only while VTK draws, with its context current.

#include <array>
#include <string>

class vtkViewport;
class vtkOpenGLRenderWindow;

namespace erwin::ui {

// Column-major, as OpenGL wants it.
using GlMatrix = std::array<float, 16>;

// A linked shader program; made anew after release, as when a window moves to another context.
class GlProgram {
public:
  // geometry may be null. Text without the #version line.
  GlProgram(const char* vertex, const char* geometry, const char* fragment, std::array<const char*, 2> inputs = {});
  GlProgram(const GlProgram&) = delete;
  GlProgram& operator=(const GlProgram&) = delete;

  // Binds it, after taking away what VTK believes to be bound. False where the driver refuses it, which is logged once.
  bool use(vtkOpenGLRenderWindow& window);
  void release();

  void set(const char* name, const GlMatrix& value) const;
  void set(const char* name, float value) const;
  void set(const char* name, float x, float y) const;
  void set(const char* name, float x, float y, float z, float w) const;
  void set(const char* name, int value) const;

private:
  bool build();
  const char *vertex_, *geometry_, *fragment_;
  std::array<const char*, 2> inputs_;
  unsigned id_ = 0;
  bool refused_ = false;
};

// The window that a viewport belongs to.
vtkOpenGLRenderWindow& gl_window(vtkViewport& viewport);

}  // namespace erwin::ui
