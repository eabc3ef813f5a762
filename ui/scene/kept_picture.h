#pragma once
// The picture of a large cloud so far, colours and depths, between the renders that add to it.

#include <vtkProp.h>

#include <memory>

#include "ui/scene/gl_program.h"

namespace erwin::ui {

// Both calls within a render, the context current.
class KeptPicture {
public:
  KeptPicture();
  void keep(vtkOpenGLRenderWindow& window);
  // Nothing where none of the window's size was kept.
  void bring_back(vtkOpenGLRenderWindow& window);
  void release();

private:
  GlProgram copy_;
  unsigned colour_ = 0, depth_ = 0, empty_array_ = 0;
  int width_ = 0, height_ = 0;
};

// Keeps what its renderer has drawn before it, where it is told to.
class KeepProp : public vtkProp {
public:
  static KeepProp* New();
  vtkTypeMacro(KeepProp, vtkProp)

      void set_picture(std::shared_ptr<KeptPicture> picture);
  void set_keep(bool keep) { keep_ = keep; }
  int RenderOpaqueGeometry(vtkViewport* viewport) override;
  vtkTypeBool HasTranslucentPolygonalGeometry() override { return 0; }
  double* GetBounds() override { return nullptr; }

protected:
  KeepProp();
  ~KeepProp() override = default;

private:
  std::shared_ptr<KeptPicture> picture_;
  bool keep_ = false;
};

}  // namespace erwin::ui
