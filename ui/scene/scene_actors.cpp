#include "ui/scene/scene_actors.h"

#include <vtkActor.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>

namespace erwin::ui {

vtkSmartPointer<vtkActor> flat_actor(vtkPolyDataMapper* mapper) {
  auto actor = vtkSmartPointer<vtkActor>::New();
  actor->SetMapper(mapper);
  actor->GetProperty()->LightingOff();
  actor->GetProperty()->SetAmbient(1);
  actor->GetProperty()->SetDiffuse(0);
  return actor;
}

void use_direct_colours(vtkPolyDataMapper* mapper, bool per_cell) {
  mapper->SetColorModeToDirectScalars();
  if (per_cell)
    mapper->SetScalarModeToUseCellData();
  else
    mapper->SetScalarModeToUsePointData();
  mapper->ScalarVisibilityOn();
}

}  // namespace erwin::ui
