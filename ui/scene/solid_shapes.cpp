#include "ui/scene/solid_shapes.h"

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkFloatArray.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ui/scene/scene_actors.h"

namespace erwin::ui {

namespace {

constexpr int sides = 6;

Vec3 along(const Vec3& from, const Vec3& to, double share) {
  return {from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1]),
          from[2] + share * (to[2] - from[2])};
}

}  // namespace

SolidShapes::SolidShapes()
    : points_(vtkSmartPointer<vtkPoints>::New()),
      faces_(vtkSmartPointer<vtkCellArray>::New()),
      normals_(vtkSmartPointer<vtkFloatArray>::New()),
      colours_(vtkSmartPointer<vtkUnsignedCharArray>::New()) {
  normals_->SetNumberOfComponents(3);
  colours_->SetNumberOfComponents(3);
}

SolidShapes::~SolidShapes() = default;

SolidShapes::Frame SolidShapes::frame_of(const Vec3& from, const Vec3& to) {
  Frame frame;
  for (std::size_t k = 0; k < 3; ++k) frame.along[k] = to[k] - from[k];
  frame.length = std::hypot(frame.along[0], frame.along[1], frame.along[2]);
  if (!(frame.length > 0)) return frame;
  for (double& x : frame.along) x /= frame.length;
  // The axis that the rod follows least is surely not parallel to it.
  std::size_t least = 0;
  for (std::size_t k = 1; k < 3; ++k)
    if (std::abs(frame.along[k]) < std::abs(frame.along[least])) least = k;
  const auto& a = frame.along;
  Vec3 axis{};
  axis[least] = 1;
  Vec3 u{a[1] * axis[2] - a[2] * axis[1], a[2] * axis[0] - a[0] * axis[2], a[0] * axis[1] - a[1] * axis[0]};
  const double size = std::hypot(u[0], u[1], u[2]);
  for (double& x : u) x /= size;
  frame.u = u;
  frame.v = {a[1] * u[2] - a[2] * u[1], a[2] * u[0] - a[0] * u[2], a[0] * u[1] - a[1] * u[0]};
  return frame;
}

long long SolidShapes::ring(const Frame& frame, const Vec3& place, double radius, double slope, Rgb colour) {
  const long long first = points_->GetNumberOfPoints();
  const unsigned char rgb[3] = {colour.r, colour.g, colour.b};
  for (int side = 0; side < sides; ++side) {
    const double angle = 2 * std::numbers::pi * side / sides, c = std::cos(angle), s = std::sin(angle);
    double corner[3];
    float normal[3];
    for (std::size_t k = 0; k < 3; ++k) {
      const double out = c * frame.u[k] + s * frame.v[k];
      corner[k] = place[k] + radius * out;
      normal[k] = static_cast<float>((out + slope * frame.along[k]) / std::sqrt(1 + slope * slope));
    }
    points_->InsertNextPoint(corner);
    normals_->InsertNextTypedTuple(normal);
    colours_->InsertNextTypedTuple(rgb);
  }
  return first;
}

void SolidShapes::join(long long first, long long second) {
  for (int side = 0; side < sides; ++side) {
    const int next = (side + 1) % sides;
    const vtkIdType quad[4] = {first + side, first + next, second + next, second + side};
    faces_->InsertNextCell(4, quad);
  }
}

void SolidShapes::add_stick(const Vec3& from, const Vec3& to, double radius, Rgb from_colour, Rgb to_colour) {
  const Frame frame = frame_of(from, to);
  if (!(frame.length > 0)) return;
  const Vec3 middle = along(from, to, 0.5);
  const long long start = ring(frame, from, radius, 0, from_colour);
  join(start, ring(frame, middle, radius, 0, from_colour));
  const long long half = ring(frame, middle, radius, 0, to_colour);
  join(half, ring(frame, to, radius, 0, to_colour));
}

void SolidShapes::add_arrow(const Vec3& from, const Vec3& to, double radius, Rgb colour) {
  const Frame frame = frame_of(from, to);
  if (!(frame.length > 0)) return;
  const Vec3 neck = along(from, to, 0.65);
  const double head = 2.6 * radius, slope = head / (0.35 * frame.length);
  const long long tail = ring(frame, from, radius, 0, colour);
  join(tail, ring(frame, neck, radius, 0, colour));
  const long long under = ring(frame, neck, radius, -2, colour);
  join(under, ring(frame, neck, head, -2, colour));
  const long long base = ring(frame, neck, head, slope, colour);
  join(base, ring(frame, to, 0, slope, colour));
}

void SolidShapes::move_to(vtkPolyData& data) {
  data.SetPoints(points_);
  data.SetPolys(faces_);
  data.GetPointData()->SetNormals(normals_);
  data.GetPointData()->SetScalars(colours_);
  data.Modified();
}

vtkSmartPointer<vtkActor> lit_actor(vtkPolyData* data) {
  vtkNew<vtkPolyDataMapper> mapper;
  mapper->SetInputData(data);
  use_direct_colours(mapper, false);
  auto actor = vtkSmartPointer<vtkActor>::New();
  actor->SetMapper(mapper);
  actor->GetProperty()->SetAmbient(0.3);
  actor->GetProperty()->SetDiffuse(0.7);
  actor->GetProperty()->SetInterpolationToPhong();
  return actor;
}

}  // namespace erwin::ui
