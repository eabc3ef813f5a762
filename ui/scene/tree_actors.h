#pragma once
// An OutlineMesh on the screen: lines of a constant width and faint faces.

#include <vtkSmartPointer.h>

#include "ui/scene/tree_outlines.h"

class vtkActor;
class vtkPolyData;
class vtkRenderer;

namespace erwin::ui {

class OutlineActors {
public:
  OutlineActors();
  ~OutlineActors();

  // Invisible until something is shown.
  void attach(vtkRenderer& renderer);
  // line_width in pixels; face_opacity 0 to 1.
  void show(const OutlineMesh& mesh, double line_width, double face_opacity);
  void hide();
  // Of what is shown, only this; both until told otherwise.
  void show_only(bool lines, bool faces);

private:
  void set_visibility();
  vtkSmartPointer<vtkPolyData> lines_, faces_;
  vtkSmartPointer<vtkActor> line_actor_, face_actor_;
  bool has_lines_ = false, has_faces_ = false, lines_wanted_ = true, faces_wanted_ = true;
};

}  // namespace erwin::ui
