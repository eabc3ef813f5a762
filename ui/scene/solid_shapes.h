#pragma once
// Many small lit bodies in one mesh: sticks between points, arrows.

#include <vtkSmartPointer.h>

#include <array>

#include "ui/scene/camera.h"
#include "ui/scene/colour.h"

class vtkActor;
class vtkCellArray;
class vtkFloatArray;
class vtkPoints;
class vtkPolyData;
class vtkUnsignedCharArray;

namespace erwin::ui {

class SolidShapes {
public:
  SolidShapes();
  ~SolidShapes();

  // A six-sided rod; each half in the colour of its end.
  void add_stick(const Vec3& from, const Vec3& to, double radius, Rgb from_colour, Rgb to_colour);
  // A rod with a head that takes the last third, `radius` that of the rod. Nothing where from and to are one place.
  void add_arrow(const Vec3& from, const Vec3& to, double radius, Rgb colour);
  void move_to(vtkPolyData& data);

private:
  // Across: two directions at right angles to the axis and to each other.
  struct Frame {
    Vec3 along, u, v;
    double length;
  };
  static Frame frame_of(const Vec3& from, const Vec3& to);
  // A ring of corners at `place`; slope: how far its normals lean forward. Returns the first corner's number.
  long long ring(const Frame& frame, const Vec3& place, double radius, double slope, Rgb colour);
  void join(long long first, long long second);

  vtkSmartPointer<vtkPoints> points_;
  vtkSmartPointer<vtkCellArray> faces_;
  vtkSmartPointer<vtkFloatArray> normals_;
  vtkSmartPointer<vtkUnsignedCharArray> colours_;
};

// An actor that is lit and takes the colours of `data`'s points.
vtkSmartPointer<vtkActor> lit_actor(vtkPolyData* data);

}  // namespace erwin::ui
