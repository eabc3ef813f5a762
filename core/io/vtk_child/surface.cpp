#include "core/io/vtk_child/surface.h"

#include <vtkCell.h>
#include <vtkCellType.h>
#include <vtkDataArray.h>
#include <vtkDataSet.h>
#include <vtkDataSetSurfaceFilter.h>
#include <vtkIdList.h>
#include <vtkIdTypeArray.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>

namespace erwin::io {

namespace {

bool is_simple(int type) {
  switch (type) {
    case VTK_EMPTY_CELL:
    case VTK_VERTEX:
    case VTK_POLY_VERTEX:
    case VTK_LINE:
    case VTK_POLY_LINE:
    case VTK_TRIANGLE:
    case VTK_TRIANGLE_STRIP:
    case VTK_POLYGON:
    case VTK_PIXEL:
    case VTK_QUAD:
      return true;
    default:
      return false;
  }
}

class SurfaceBuilder {
public:
  SurfaceBuilder(vtkDataSet* data, vtkIdTypeArray* original) : data_(data), original_(original) {}

  void add_all() {
    for (vtkIdType cell = 0; cell < data_->GetNumberOfCells(); ++cell) {
      data_->GetCellPoints(cell, corners_);
      add(cell, data_->GetCellType(cell));
    }
    if (cut_ > 0)
      surface.remarks.push_back(std::to_string(cut_) + " polygons of more than four corners were cut into triangles.");
    if (lost_ > 0)
      surface.remarks.push_back(std::to_string(lost_) + " polygons could not be cut into triangles and are not shown.");
  }

  Surface surface;

private:
  std::uint32_t corner(vtkIdType index) const { return point(corners_->GetId(index)); }
  std::uint32_t point(vtkIdType id) const {
    return static_cast<std::uint32_t>(original_ ? original_->GetValue(id) : id);
  }

  void add(vtkIdType cell, int type) {
    const vtkIdType count = corners_->GetNumberOfIds();
    switch (type) {
      case VTK_LINE:
      case VTK_POLY_LINE:
        for (vtkIdType i = 0; i + 1 < count; ++i) surface.lines.insert(surface.lines.end(), {corner(i), corner(i + 1)});
        break;
      case VTK_TRIANGLE_STRIP:
        // Every second triangle is turned round to keep the side.
        for (vtkIdType i = 0; i + 2 < count; ++i)
          surface.triangles.insert(surface.triangles.end(), {corner(i), corner(i + 1 + i % 2), corner(i + 2 - i % 2)});
        break;
      case VTK_PIXEL:
        if (count == 4) surface.quads.insert(surface.quads.end(), {corner(0), corner(1), corner(3), corner(2)});
        break;
      case VTK_TRIANGLE:
      case VTK_QUAD:
      case VTK_POLYGON:
        if (count == 3)
          surface.triangles.insert(surface.triangles.end(), {corner(0), corner(1), corner(2)});
        else if (count == 4)
          surface.quads.insert(surface.quads.end(), {corner(0), corner(1), corner(2), corner(3)});
        else if (count > 4)
          cut(cell);
        break;
      default:
        break;
    }
  }

  void cut(vtkIdType cell) {
    vtkNew<vtkIdList> ids;
    vtkNew<vtkPoints> points;
    if (!data_->GetCell(cell)->Triangulate(0, ids, points) || ids->GetNumberOfIds() % 3 != 0) {
      ++lost_;
      return;
    }
    ++cut_;
    for (vtkIdType i = 0; i < ids->GetNumberOfIds(); ++i) surface.triangles.push_back(point(ids->GetId(i)));
  }

  vtkDataSet* data_;
  vtkIdTypeArray* original_;  // null where the cells count the data set's own points
  vtkNew<vtkIdList> corners_;
  std::int64_t cut_ = 0, lost_ = 0;
};

}  // namespace

Surface surface_of(vtkDataSet* data) {
  vtkIdType volumes = 0;
  for (vtkIdType cell = 0; cell < data->GetNumberOfCells(); ++cell) volumes += !is_simple(data->GetCellType(cell));
  if (volumes == 0) {
    SurfaceBuilder builder(data, nullptr);
    builder.add_all();
    return std::move(builder.surface);
  }
  vtkNew<vtkDataSetSurfaceFilter> filter;
  filter->SetInputData(data);
  filter->PassThroughPointIdsOn();
  filter->DelegationOff();
  filter->Update();
  vtkPolyData* faces = filter->GetOutput();
  auto* original = vtkIdTypeArray::SafeDownCast(faces->GetPointData()->GetArray(filter->GetOriginalPointIdsName()));
  Surface surface;
  if (original) {
    SurfaceBuilder builder(faces, original);
    builder.add_all();
    surface = std::move(builder.surface);
  }
  surface.remarks.push_back(std::to_string(volumes) + " volume or curved cells are shown by their outer faces.");
  return surface;
}

}  // namespace erwin::io
