#include "ui/scene/surface_layer.h"

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkFloatArray.h>
#include <vtkIdTypeArray.h>
#include <vtkLookupTable.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "ui/scene/colour_scale.h"
#include "ui/scene/prepared_points.h"
#include "ui/scene/scene_actors.h"
#include "ui/scene/solid_shapes.h"
#include "ui/scene/surface_prop.h"

namespace erwin::ui {

namespace {

// More than these would take seconds to make and could not be told apart.
constexpr std::size_t most_sticks = 200'000;

Vec3 place_of(const PointCloud& cloud, std::int64_t frame, std::uint32_t point) {
  const float* p = &cloud.positions(frame)[3 * static_cast<std::size_t>(point)];
  return {p[0], p[1], p[2]};
}

// Borrowed from what the layer keeps alive as long as it shows it; VTK does not write to its inputs.
template <typename VtkArray, typename Number>
vtkSmartPointer<VtkArray> borrowed(const std::vector<Number>& numbers, int components) {
  auto array = vtkSmartPointer<VtkArray>::New();
  array->SetNumberOfComponents(components);
  array->SetArray(const_cast<Number*>(numbers.data()), static_cast<vtkIdType>(numbers.size()), 1);
  return array;
}

vtkSmartPointer<vtkLookupTable> table_of(const LegendScale& scale) {
  auto table = vtkSmartPointer<vtkLookupTable>::New();
  const int size = scale.steps > 1 ? scale.steps : 256;
  table->SetNumberOfTableValues(size);
  table->SetTableRange(0, 1);
  for (int i = 0; i < size; ++i) {
    const Rgb c = scale_colour(scale, (i + 0.5) / size);
    table->SetTableValue(i, c.r / 255.0, c.g / 255.0, c.b / 255.0);
  }
  table->SetNanColor(no_number.r / 255.0, no_number.g / 255.0, no_number.b / 255.0, 1);
  return table;
}

}  // namespace

SurfaceLayer::SurfaceLayer()
    : faces_(vtkSmartPointer<SurfaceProp>::New()),
      sticks_(vtkSmartPointer<vtkPolyData>::New()),
      stick_actor_(lit_actor(sticks_)) {}

SurfaceLayer::~SurfaceLayer() = default;

void SurfaceLayer::attach(vtkRenderer& cloud, vtkRenderer&) {
  faces_->SetVisibility(false);
  cloud.AddViewProp(faces_);
  stick_actor_->SetVisibility(false);
  cloud.AddActor(stick_actor_);
}

void SurfaceLayer::update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  note_.clear();
  const PreparedSurfacePtr& surface = metrics.points->surface;
  faces_->SetVisibility(surface != nullptr);
  if (surface) {
    if (!shown_ || shown_->shape != surface->shape) take_shape(*surface->shape);
    colour_faces(*surface, metrics.points->colours);
    for (const Pile& pile : piles_) set_look(*pile.actor->GetProperty(), state);
  } else {
    piles_.clear();
    faces_->clear();
  }
  shown_ = surface;
  has_sticks_ = state.cells != CellStyle::Off && !data.cloud->cells().lines.empty();
  if (has_sticks_) make_sticks(*data.cloud, state, metrics);
}

void SurfaceLayer::explain(Legend& legend) const {
  if (!note_.empty()) legend.notes.push_back(note_);
}

void SurfaceLayer::show_part(double from, double to) {
  faces_->show_part(from, to);
  stick_actor_->SetVisibility(has_sticks_ && from == 0);
}

void SurfaceLayer::set_look(vtkProperty& look, const SceneState& state) {
  const bool wire = state.cells == CellStyle::Wireframe;
  look.SetLighting(!wire);
  if (wire)
    look.SetRepresentationToWireframe();
  else
    look.SetRepresentationToSurface();
  look.SetLineWidth(static_cast<float>(state.text_scale));
  look.SetEdgeVisibility(state.cells == CellStyle::Edges);
  const Rgb edge = palette_of(Theme::Dark).background;  // dark lines on either theme
  look.SetEdgeColor(edge.r / 255.0, edge.g / 255.0, edge.b / 255.0);
}

void SurfaceLayer::take_shape(const SurfaceShape& shape) {
  if (!shown_ || shown_->shape->faces != shape.faces) make_piles(*shape.faces);
  for (std::size_t i = 0; i < piles_.size(); ++i) {
    vtkNew<vtkPoints> points;
    points->SetData(borrowed<vtkFloatArray>(shape.piles[i].positions, 3));
    piles_[i].data->SetPoints(points);
    piles_[i].data->GetPointData()->SetNormals(borrowed<vtkFloatArray>(shape.piles[i].normals, 3));
  }
}

void SurfaceLayer::make_piles(const FacePiles& faces) {
  static_assert(std::is_same_v<vtkIdType, long long>, "FacePiles numbers corners as VTK does");
  piles_.clear();
  faces_->clear();
  for (const FacePiles::Pile& pile : faces.piles) {
    vtkNew<vtkCellArray> cells;
    cells->SetData(borrowed<vtkIdTypeArray>(pile.begin, 1), borrowed<vtkIdTypeArray>(pile.corners, 1));
    Pile made;
    made.data = vtkSmartPointer<vtkPolyData>::New();
    made.data->SetPolys(cells);
    made.actor = lit_actor(made.data);
    faces_->add(made.actor);
    piles_.push_back(std::move(made));
  }
}

// Between its points a face shows numbers in between, not colours in between: the share of the scale is interpolated
// and looked up in every pixel. Where points carry other colours than the scale's, these are interpolated.
void SurfaceLayer::colour_faces(const PreparedSurface& surface, const PointColours& colours) {
  const bool plain = !surface.shares.empty();
  const auto table = plain ? table_of(*colours.legend.scale) : nullptr;
  for (std::size_t i = 0; i < piles_.size(); ++i) {
    auto& mapper = *static_cast<vtkPolyDataMapper*>(piles_[i].actor->GetMapper());
    mapper.SetInterpolateScalarsBeforeMapping(plain);
    vtkPointData& data = *piles_[i].data->GetPointData();
    if (plain) {
      data.SetScalars(borrowed<vtkFloatArray>(surface.shares[i], 1));
      mapper.SetColorModeToMapScalars();
      mapper.SetLookupTable(table);
      mapper.UseLookupTableScalarRangeOn();
    } else {
      vtkNew<vtkUnsignedCharArray> array;
      array->SetNumberOfComponents(3);
      array->SetNumberOfTuples(static_cast<vtkIdType>(surface.rgb[i].size()));
      if (!surface.rgb[i].empty())
        std::copy_n(&surface.rgb[i].front().r, 3 * surface.rgb[i].size(), array->GetPointer(0));
      data.SetScalars(array);
      use_direct_colours(&mapper, false);
    }
    piles_[i].data->Modified();
  }
}

void SurfaceLayer::make_sticks(const PointCloud& cloud, const SceneState& state, const SceneMetrics& metrics) {
  const std::vector<std::uint32_t>& lines = cloud.cells().lines;
  const std::size_t count = std::min(lines.size() / 2, most_sticks);
  if (count < lines.size() / 2) note_ = std::to_string(count) + " of " + std::to_string(lines.size() / 2) + " lines";
  const PointColours& colours = metrics.points->colours;
  const auto size = [&](std::uint32_t point) { return colours.sizes.empty() ? 1.0f : colours.sizes[point]; };
  SolidShapes shapes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t a = lines[2 * i], b = lines[2 * i + 1];
    const double thin = std::min(size(a), size(b));
    if (thin > 0)
      shapes.add_stick(place_of(cloud, state.frame, a), place_of(cloud, state.frame, b),
                       0.35 * thin * metrics.disc_radius, colours.rgb[a], colours.rgb[b]);
  }
  shapes.move_to(*sticks_);
}

}  // namespace erwin::ui
