#include "ui/scene/screen_actors.h"

#include <vtkActor2D.h>
#include <vtkCellArray.h>
#include <vtkCellData.h>
#include <vtkNew.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper2D.h>
#include <vtkRenderer.h>
#include <vtkTextActor.h>
#include <vtkTextProperty.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>

namespace erwin::ui {

namespace {

// Four-cornered shapes, each in one colour.
class Quads {
public:
  Quads() { colours_->SetNumberOfComponents(3); }
  void add(const double (&corners)[4][2], Rgb colour) {
    const vtkIdType first = points_->GetNumberOfPoints();
    for (const auto& corner : corners) points_->InsertNextPoint(corner[0], corner[1], 0);
    const vtkIdType quad[4] = {first, first + 1, first + 2, first + 3};
    cells_->InsertNextCell(4, quad);
    const unsigned char rgb[3] = {colour.r, colour.g, colour.b};
    colours_->InsertNextTypedTuple(rgb);
  }
  void add_box(double x0, double y0, double x1, double y1, Rgb colour) {
    add({{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}, colour);
  }
  vtkSmartPointer<vtkActor2D> actor() {
    vtkNew<vtkPolyData> data;
    data->SetPoints(points_);
    data->SetPolys(cells_);
    data->GetCellData()->SetScalars(colours_);
    vtkNew<vtkPolyDataMapper2D> mapper;
    mapper->SetInputData(data);
    auto made = vtkSmartPointer<vtkActor2D>::New();
    made->SetMapper(mapper);
    return made;
  }

private:
  vtkNew<vtkPoints> points_;
  vtkNew<vtkCellArray> cells_;
  vtkNew<vtkUnsignedCharArray> colours_;
};

}  // namespace

void ScreenActors::clear() {
  for (const auto& prop : props_) renderer_->RemoveViewProp(prop);
  props_.clear();
}

void ScreenActors::add(vtkProp* prop) {
  renderer_->AddViewProp(prop);
  props_.emplace_back(prop);
}

void ScreenActors::text(const std::string& what, double x, double y, double size, Rgb colour, bool bold,
                        TextSide side) {
  vtkNew<vtkTextActor> actor;
  actor->SetInput(what.c_str());
  actor->SetPosition(x, y);
  vtkTextProperty* property = actor->GetTextProperty();
  property->SetFontFamilyToArial();
  property->SetFontSize(static_cast<int>(size));
  property->SetBold(bold);
  property->SetColor(colour.r / 255.0, colour.g / 255.0, colour.b / 255.0);
  property->SetVerticalJustificationToCentered();
  if (side == TextSide::Right) property->SetJustificationToRight();
  if (side == TextSide::Middle) property->SetJustificationToCentered();
  add(actor);
}

void ScreenActors::rectangle(double x, double y, double width, double height, const std::vector<Rgb>& rows) {
  Quads quads;
  const double step = height / static_cast<double>(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row)
    quads.add_box(x, y + step * static_cast<double>(row), x + width, y + step * static_cast<double>(row + 1),
                  rows[row]);
  add(quads.actor());
}

void ScreenActors::bars_to_the_left(double x, double y, double height, double width, const std::vector<double>& lengths,
                                    Rgb colour) {
  const double longest = lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
  if (!(longest > 0)) return;
  Quads quads;
  const double step = height / static_cast<double>(lengths.size());
  for (std::size_t row = 0; row < lengths.size(); ++row)
    if (lengths[row] > 0)
      quads.add_box(x - std::max(1.0, width * lengths[row] / longest), y + step * static_cast<double>(row), x,
                    y + step * static_cast<double>(row + 1), colour);
  add(quads.actor());
}

void ScreenActors::line(double x0, double y0, double x1, double y1, double width, Rgb colour) {
  const double length = std::hypot(x1 - x0, y1 - y0);
  if (!(length > 0)) return;
  const double u = 0.5 * width * (y1 - y0) / length, v = -0.5 * width * (x1 - x0) / length;
  Quads quads;
  quads.add({{x0 + u, y0 + v}, {x1 + u, y1 + v}, {x1 - u, y1 - v}, {x0 - u, y0 - v}}, colour);
  add(quads.actor());
}

double text_width(const std::string& text, double size) {
  return 0.56 * size * static_cast<double>(text.size());
}

}  // namespace erwin::ui
