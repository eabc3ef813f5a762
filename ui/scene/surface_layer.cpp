#include "ui/scene/surface_layer.h"

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkFloatArray.h>
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
#include <cmath>

#include "ui/scene/field_values.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/scene_actors.h"
#include "ui/scene/solid_shapes.h"

namespace erwin::ui {

namespace {

// More than these would take seconds to make and could not be told apart.
constexpr std::size_t most_sticks = 200'000;

Vec3 place_of(const PointCloud& cloud, std::int64_t frame, std::uint32_t point) {
  const float* p = &cloud.positions(frame)[3 * static_cast<std::size_t>(point)];
  return {p[0], p[1], p[2]};
}

void append_cells(vtkCellArray& cells, const std::vector<std::uint32_t>& corners, int width) {
  for (std::size_t i = 0; i + static_cast<std::size_t>(width) <= corners.size(); i += static_cast<std::size_t>(width)) {
    cells.InsertNextCell(width);
    for (int k = 0; k < width; ++k) cells.InsertCellPoint(corners[i + static_cast<std::size_t>(k)]);
  }
}

}  // namespace

bool shows_faces(const PointCloud& cloud, const SceneState& state) {
  return state.cells != CellStyle::Auto && state.cells != CellStyle::Off &&
         (!cloud.cells().triangles.empty() || !cloud.cells().quads.empty());
}

std::vector<float> point_normals(const PointCloud& cloud, std::int64_t frame) {
  const auto positions = cloud.positions(frame);
  std::vector<float> normals(positions.size());
  const auto add_face = [&](const std::uint32_t* corner, std::size_t count) {
    const auto at = [&](std::size_t i) { return &positions[3 * static_cast<std::size_t>(corner[i])]; };
    float a[3], b[3];
    for (std::size_t k = 0; k < 3; ++k) {
      // A quad's diagonals span twice its area, however it is bent.
      a[k] = at(count == 4 ? 2 : 1)[k] - at(0)[k];
      b[k] = at(count == 4 ? 3 : 2)[k] - at(count == 4 ? 1 : 0)[k];
    }
    const float n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    for (std::size_t i = 0; i < count; ++i) {
      float* sum = &normals[3 * static_cast<std::size_t>(corner[i])];
      const float side = sum[0] * n[0] + sum[1] * n[1] + sum[2] * n[2] < 0 ? -1.0f : 1.0f;
      for (std::size_t k = 0; k < 3; ++k) sum[k] += side * n[k];
    }
  };
  const Cells& cells = cloud.cells();
  for (std::size_t i = 0; i + 3 <= cells.triangles.size(); i += 3) add_face(&cells.triangles[i], 3);
  for (std::size_t i = 0; i + 4 <= cells.quads.size(); i += 4) add_face(&cells.quads[i], 4);
  for (std::size_t i = 0; i + 3 <= normals.size(); i += 3) {
    const float length = std::hypot(normals[i], normals[i + 1], normals[i + 2]);
    if (length > 0)
      for (std::size_t k = 0; k < 3; ++k) normals[i + k] /= length;
  }
  return normals;
}

SurfaceLayer::SurfaceLayer()
    : faces_(vtkSmartPointer<vtkPolyData>::New()),
      sticks_(vtkSmartPointer<vtkPolyData>::New()),
      face_actor_(lit_actor(faces_)),
      stick_actor_(lit_actor(sticks_)) {}

SurfaceLayer::~SurfaceLayer() = default;

void SurfaceLayer::attach(vtkRenderer& cloud, vtkRenderer&) {
  for (vtkActor* actor : {face_actor_.Get(), stick_actor_.Get()}) {
    actor->SetVisibility(false);
    cloud.AddActor(actor);
  }
}

void SurfaceLayer::update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  const PointCloud& cloud = *data.cloud;
  const bool faces = shows_faces(cloud, state);
  note_.clear();
  face_actor_->SetVisibility(faces);
  if (faces) {
    if (cloud_ != data.cloud || frame_ != state.frame) take_faces(cloud, state.frame, cloud_ != data.cloud);
    cloud_ = data.cloud;
    frame_ = state.frame;
    colour_faces(data, state, *metrics.colours);
    vtkProperty& look = *face_actor_->GetProperty();
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
  const bool sticks = state.cells != CellStyle::Off && !cloud.cells().lines.empty();
  stick_actor_->SetVisibility(sticks);
  if (sticks) make_sticks(cloud, state, metrics);
}

void SurfaceLayer::explain(Legend& legend) const {
  if (!note_.empty()) legend.notes.push_back(note_);
}

void SurfaceLayer::take_faces(const PointCloud& cloud, std::int64_t frame, bool new_cells) {
  const auto positions = cloud.positions(frame);
  vtkNew<vtkFloatArray> array;
  array->SetNumberOfComponents(3);
  // Borrowed from the cloud, which cloud_ keeps alive; VTK does not write to its inputs.
  array->SetArray(const_cast<float*>(positions.data()), static_cast<vtkIdType>(positions.size()), 1);
  vtkNew<vtkPoints> points;
  points->SetData(array);
  faces_->SetPoints(points);
  if (new_cells) {
    vtkNew<vtkCellArray> polygons;
    append_cells(*polygons, cloud.cells().triangles, 3);
    append_cells(*polygons, cloud.cells().quads, 4);
    faces_->SetPolys(polygons);
  }
  const std::vector<float> found = point_normals(cloud, frame);
  vtkNew<vtkFloatArray> normals;
  normals->SetNumberOfComponents(3);
  normals->SetNumberOfTuples(cloud.size());
  std::copy(found.begin(), found.end(), normals->GetPointer(0));
  faces_->GetPointData()->SetNormals(normals);
}

// Between its points a face shows numbers in between, not colours in between: the share of the scale is interpolated
// and looked up in every pixel. Where points carry other colours than the scale's, these are interpolated.
void SurfaceLayer::colour_faces(const SceneData& data, const SceneState& state, const PointColours& colours) {
  vtkPolyDataMapper& mapper = *static_cast<vtkPolyDataMapper*>(face_actor_->GetMapper());
  const Field* field = shown_field(data, state);
  const bool plain = field && colours.legend.scale && colours.sizes.empty();
  mapper.SetInterpolateScalarsBeforeMapping(plain);
  if (!plain) {
    use_direct_colours(&mapper, false);
    vtkNew<vtkUnsignedCharArray> array;
    array->SetNumberOfComponents(3);
    array->SetNumberOfTuples(data.cloud->size());
    std::copy_n(&colours.rgb.front().r, 3 * colours.rgb.size(), array->GetPointer(0));
    faces_->GetPointData()->SetScalars(array);
    faces_->Modified();
    return;
  }
  const LegendScale& scale = *colours.legend.scale;
  vtkNew<vtkFloatArray> shares;
  shares->SetNumberOfTuples(data.cloud->size());
  const int component = field->components() == 1 ? 0 : std::min(state.component, field->components() - 1);
  for_each_value(*field, component, state.frame, [&](std::size_t point, double value) {
    shares->SetValue(static_cast<vtkIdType>(point), static_cast<float>(share_of(value, scale)));
  });
  faces_->GetPointData()->SetScalars(shares);
  faces_->Modified();
  vtkNew<vtkLookupTable> table;
  const int size = scale.steps > 1 ? scale.steps : 256;
  table->SetNumberOfTableValues(size);
  table->SetTableRange(0, 1);
  for (int i = 0; i < size; ++i) {
    const Rgb c = scale_colour(scale, (i + 0.5) / size);
    table->SetTableValue(i, c.r / 255.0, c.g / 255.0, c.b / 255.0);
  }
  table->SetNanColor(no_number.r / 255.0, no_number.g / 255.0, no_number.b / 255.0, 1);
  mapper.SetColorModeToMapScalars();
  mapper.SetLookupTable(table);
  mapper.UseLookupTableScalarRangeOn();
}

void SurfaceLayer::make_sticks(const PointCloud& cloud, const SceneState& state, const SceneMetrics& metrics) {
  const std::vector<std::uint32_t>& lines = cloud.cells().lines;
  const std::size_t count = std::min(lines.size() / 2, most_sticks);
  if (count < lines.size() / 2) note_ = std::to_string(count) + " of " + std::to_string(lines.size() / 2) + " lines";
  const PointColours& colours = *metrics.colours;
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
