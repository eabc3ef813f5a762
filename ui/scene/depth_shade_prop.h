#pragma once
// Eye-dome lighting: what lies behind its surroundings on the screen is darkened, which shows the shape of points that
// have no normals. After Boucheny, "Visualisation scientifique de grands volumes de donnees" (2009), at one scale.

#include <vtkProp.h>

#include "ui/scene/gl_program.h"

namespace erwin::ui {

// Shades what its renderer has drawn before; add it last. Leaves the background alone.
class DepthShadeProp : public vtkProp {
public:
  static DepthShadeProp* New();
  vtkTypeMacro(DepthShadeProp, vtkProp)

      // How far on the screen surroundings reach, in pixels.
      void set_reach(double pixels) {
    reach_ = pixels;
  }
  int RenderOverlay(vtkViewport* viewport) override;
  vtkTypeBool HasTranslucentPolygonalGeometry() override { return 0; }
  double* GetBounds() override { return nullptr; }
  void ReleaseGraphicsResources(vtkWindow* window) override;

protected:
  DepthShadeProp();
  ~DepthShadeProp() override = default;

private:
  GlProgram program_;
  unsigned depth_ = 0, empty_array_ = 0;
  int width_ = 0, height_ = 0;
  double reach_ = 1.5;
};

}  // namespace erwin::ui
