#pragma once
// Faces in piles, of which a render may draw only some.

#include <vtkProp.h>
#include <vtkSmartPointer.h>

#include <array>
#include <vector>

class vtkActor;

namespace erwin::ui {

class SurfaceProp : public vtkProp {
public:
  static SurfaceProp* New();
  vtkTypeMacro(SurfaceProp, vtkProp)

      void add(vtkActor* pile);
  void clear();
  // The next renders draw only the piles of this share of all, 0 to 1.
  void show_part(double from, double to);

  int RenderOpaqueGeometry(vtkViewport* viewport) override;
  vtkTypeBool HasTranslucentPolygonalGeometry() override { return 0; }
  double* GetBounds() override;
  void ReleaseGraphicsResources(vtkWindow* window) override;

protected:
  SurfaceProp() = default;
  ~SurfaceProp() override = default;

private:
  std::vector<vtkSmartPointer<vtkActor>> piles_;
  std::vector<vtkSmartPointer<vtkActor>> gone_;  // whose graphics resources the next render releases
  double from_ = 0, to_ = 1;
};

}  // namespace erwin::ui
