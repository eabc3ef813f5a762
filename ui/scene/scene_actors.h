#pragma once
// VTK actors as the scene uses them: flat, in exactly the colours they are given.

#include <vtkSmartPointer.h>

class vtkActor;
class vtkPolyDataMapper;

namespace erwin::ui {

// No lighting: what the colours are is what reaches the screen.
vtkSmartPointer<vtkActor> flat_actor(vtkPolyDataMapper* mapper);

// Colours (unsigned char, 3 components) are taken as they are: no lookup table, no interpolation.
void use_direct_colours(vtkPolyDataMapper* mapper, bool per_cell);

}  // namespace erwin::ui
