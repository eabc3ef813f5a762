#include "ui/scene/tree_actors.h"

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkCellData.h>
#include <vtkNew.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <vector>

#include "ui/scene/scene_actors.h"

namespace erwin::ui {

namespace {

vtkSmartPointer<vtkActor> cell_actor(vtkPolyData* data) {
  vtkNew<vtkPolyDataMapper> mapper;
  mapper->SetInputData(data);
  use_direct_colours(mapper, true);
  return flat_actor(mapper);
}

template <std::size_t Corners>
void fill(vtkPolyData& data, vtkPoints* points, const std::vector<std::array<std::int32_t, Corners>>& cells,
          const std::vector<Rgb>& colours) {
  vtkNew<vtkCellArray> array;
  for (const auto& cell : cells) {
    vtkIdType corners[Corners];
    std::copy(cell.begin(), cell.end(), corners);
    array->InsertNextCell(static_cast<vtkIdType>(Corners), corners);
  }
  vtkNew<vtkUnsignedCharArray> rgb;
  rgb->SetNumberOfComponents(3);
  rgb->SetNumberOfTuples(static_cast<vtkIdType>(colours.size()));
  if (!colours.empty()) std::copy_n(&colours.front().r, 3 * colours.size(), rgb->GetPointer(0));
  data.SetPoints(points);
  if constexpr (Corners == 2)
    data.SetLines(array);
  else
    data.SetPolys(array);
  data.GetCellData()->SetScalars(rgb);
  data.Modified();
}

}  // namespace

OutlineActors::OutlineActors()
    : lines_(vtkSmartPointer<vtkPolyData>::New()),
      faces_(vtkSmartPointer<vtkPolyData>::New()),
      line_actor_(cell_actor(lines_)),
      face_actor_(cell_actor(faces_)) {
  hide();
}

OutlineActors::~OutlineActors() = default;

void OutlineActors::attach(vtkRenderer& renderer) {
  renderer.AddActor(face_actor_);
  renderer.AddActor(line_actor_);
}

void OutlineActors::show(const OutlineMesh& mesh, double line_width, double face_opacity) {
  vtkNew<vtkPoints> points;
  points->SetNumberOfPoints(static_cast<vtkIdType>(mesh.corners.size()));
  for (std::size_t i = 0; i < mesh.corners.size(); ++i)
    points->SetPoint(static_cast<vtkIdType>(i), mesh.corners[i].data());
  fill(*lines_, points, mesh.lines, mesh.line_colours);
  fill(*faces_, points, mesh.faces, mesh.face_colours);
  line_actor_->GetProperty()->SetLineWidth(static_cast<float>(line_width));
  face_actor_->GetProperty()->SetOpacity(face_opacity);
  has_lines_ = !mesh.lines.empty();
  has_faces_ = !mesh.faces.empty() && face_opacity > 0;
  set_visibility();
}

void OutlineActors::hide() {
  has_lines_ = has_faces_ = false;
  set_visibility();
}

void OutlineActors::show_only(bool lines, bool faces) {
  lines_wanted_ = lines;
  faces_wanted_ = faces;
  set_visibility();
}

void OutlineActors::set_visibility() {
  line_actor_->SetVisibility(has_lines_ && lines_wanted_);
  face_actor_->SetVisibility(has_faces_ && faces_wanted_);
}

}  // namespace erwin::ui
