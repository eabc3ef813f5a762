#include "ui/scene/legend_actors.h"

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

#include <cmath>
#include <cstdio>

namespace erwin::ui {

namespace {

constexpr int small_text = 13, title_text = 15, ticks = 5, bar_rows = 128;
constexpr double edge = 22, bar_width = 16, column = 132;

}  // namespace

std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value == 0 ? 0.0 : value);
  return text;
}

void LegendActors::text(vtkRenderer& renderer, const std::string& what, double x, double y, int size, Rgb colour,
                        bool bold) {
  vtkNew<vtkTextActor> actor;
  actor->SetInput(what.c_str());
  actor->SetPosition(x, y);
  vtkTextProperty* property = actor->GetTextProperty();
  property->SetFontFamilyToArial();
  property->SetFontSize(size);
  property->SetBold(bold);
  property->SetColor(colour.r / 255.0, colour.g / 255.0, colour.b / 255.0);
  property->SetVerticalJustificationToCentered();
  renderer.AddActor2D(actor);
  props_.emplace_back(actor);
}

void LegendActors::rectangle(vtkRenderer& renderer, double x, double y, double width, double height,
                             const std::vector<Rgb>& rows) {
  vtkNew<vtkPoints> points;
  vtkNew<vtkCellArray> cells;
  vtkNew<vtkUnsignedCharArray> colours;
  colours->SetNumberOfComponents(3);
  const auto count = static_cast<vtkIdType>(rows.size());
  for (vtkIdType row = 0; row <= count; ++row) {
    const double at = y + height * static_cast<double>(row) / static_cast<double>(count);
    points->InsertNextPoint(x, at, 0);
    points->InsertNextPoint(x + width, at, 0);
  }
  for (vtkIdType row = 0; row < count; ++row) {
    const vtkIdType quad[4] = {2 * row, 2 * row + 1, 2 * row + 3, 2 * row + 2};
    cells->InsertNextCell(4, quad);
    const Rgb& c = rows[static_cast<std::size_t>(row)];
    const unsigned char rgb[3] = {c.r, c.g, c.b};
    colours->InsertNextTypedTuple(rgb);
  }
  vtkNew<vtkPolyData> data;
  data->SetPoints(points);
  data->SetPolys(cells);
  data->GetCellData()->SetScalars(colours);
  vtkNew<vtkPolyDataMapper2D> mapper;
  mapper->SetInputData(data);
  vtkNew<vtkActor2D> actor;
  actor->SetMapper(mapper);
  renderer.AddActor2D(actor);
  props_.emplace_back(actor);
}

double LegendActors::bar(vtkRenderer& renderer, const LegendScale& scale, const SceneState& state, double top) {
  const double s = state.text_scale, x = state.width - s * column;
  const double height = std::min(s * 220, 0.4 * state.height);
  const Palette palette = palette_of(state.theme);
  const std::string unit = scale.unit.empty() ? std::string() : " [" + scale.unit + "]";
  text(renderer, scale.title + unit, x, top, static_cast<int>(s * title_text), palette.text, true);
  const double bottom = top - s * 22 - height;
  std::vector<Rgb> rows;
  for (int row = 0; row < bar_rows; ++row) rows.push_back(scale_colour(scale, (row + 0.5) / bar_rows));
  rectangle(renderer, x, bottom, s * bar_width, height, rows);
  for (int tick = 0; tick < ticks; ++tick) {
    const double t = static_cast<double>(tick) / (ticks - 1);
    const double value = scale.logarithmic ? scale.minimum * std::pow(scale.maximum / scale.minimum, t)
                                           : scale.minimum + t * (scale.maximum - scale.minimum);
    const double y = bottom + t * height;
    rectangle(renderer, x + s * bar_width, y - 0.5, s * 5, 1, {palette.faint});
    text(renderer, short_number(value), x + s * (bar_width + 10), y, static_cast<int>(s * small_text), palette.text);
  }
  return bottom - s * 26;
}

void LegendActors::show(vtkRenderer& renderer, const Legend& legend, const SceneState& state) {
  for (const auto& prop : props_) renderer.RemoveActor2D(prop);
  props_.clear();
  const Palette palette = palette_of(state.theme);
  const double s = state.text_scale;
  if (!state.title.empty())
    text(renderer, state.title, s * edge, s * edge, static_cast<int>(s * title_text), palette.faint);
  if (!state.legend) return;
  double y = state.height - s * edge - 4;
  if (legend.scale) y = bar(renderer, *legend.scale, state, y);
  const double x = state.width - s * column;
  for (const LegendSwatch& swatch : legend.swatches) {
    rectangle(renderer, x, y - s * 6, s * 12, s * 12, {swatch.colour});
    text(renderer, swatch.text, x + s * 20, y, static_cast<int>(s * small_text), palette.text);
    y -= s * 21;
  }
  for (const std::string& note : legend.notes) {
    text(renderer, note, x, y, static_cast<int>(s * small_text), palette.faint);
    y -= s * 20;
  }
}

}  // namespace erwin::ui
