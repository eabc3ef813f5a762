#include "ui/scene/attention_layer.h"

#include <vtkActor.h>
#include <vtkCellArray.h>
#include <vtkCellData.h>
#include <vtkFloatArray.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPointGaussianMapper.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>

#include "ui/scene/attention_marks.h"
#include "ui/scene/prepared_points.h"
#include "ui/scene/scene_actors.h"
#include "ui/scene/tree_actors.h"

namespace erwin::ui {

namespace {

// A ring with a dark rim, so that it shows on any colour; its middle leaves the point itself visible.
const char* const ring_shader =
    "//VTK::Color::Impl\n"
    "float away = length(offsetVCVSOutput.xy);\n"
    "if (away > 1.0 || away < 0.58) discard;\n"
    "if (away > 0.9 || away < 0.66) { ambientColor = vec3(1.0) - ambientColor; diffuseColor = vec3(1.0) - "
    "diffuseColor; }\n";

// A flat disc with a darker rim: not to be taken for a point's ball.
const char* const node_shader =
    "//VTK::Color::Impl\n"
    "float away = length(offsetVCVSOutput.xy);\n"
    "if (away > 1.0) discard;\n"
    "if (away > 0.82) { ambientColor *= 0.65; diffuseColor *= 0.65; }\n";

constexpr int stroke_widths = 6;
constexpr double thinnest = 1.2, widest = 6.5;  // pixels
constexpr std::int64_t most_spokes = 200'000;

vtkSmartPointer<vtkPointGaussianMapper> disc_mapper(vtkPolyData* data, const char* shader) {
  auto mapper = vtkSmartPointer<vtkPointGaussianMapper>::New();
  mapper->SetInputData(data);
  mapper->EmissiveOff();
  mapper->SetSplatShaderCode(shader);
  mapper->SetTriangleScale(1);
  use_direct_colours(mapper, false);
  return mapper;
}

// Pieces of line, each in one colour.
class Lines {
public:
  Lines() { colours_->SetNumberOfComponents(3); }
  void add(const std::array<float, 3>& from, const std::array<float, 3>& to, Rgb colour) {
    const vtkIdType ends[2] = {points_->InsertNextPoint(from.data()), points_->InsertNextPoint(to.data())};
    cells_->InsertNextCell(2, ends);
    const unsigned char rgb[3] = {colour.r, colour.g, colour.b};
    colours_->InsertNextTypedTuple(rgb);
  }
  void move_to(vtkPolyData& data) {
    data.SetPoints(points_);
    data.SetLines(cells_);
    data.GetCellData()->SetScalars(colours_);
    data.Modified();
  }

private:
  vtkNew<vtkPoints> points_;
  vtkNew<vtkCellArray> cells_;
  vtkNew<vtkUnsignedCharArray> colours_;
};

vtkSmartPointer<vtkActor> line_actor(vtkPolyData* lines) {
  vtkNew<vtkPolyDataMapper> mapper;
  mapper->SetInputData(lines);
  use_direct_colours(mapper, true);
  return flat_actor(mapper);
}

// The same ends a little farther from the eye: on the same pixels, but behind.
void put_behind(vtkPolyData& lines, vtkPolyData& behind, const SceneState& state) {
  constexpr double share = 0.002;
  const Camera& camera = state.camera;
  vtkNew<vtkPoints> ends;
  for (vtkIdType i = 0; i < lines.GetNumberOfPoints(); ++i) {
    double p[3];
    lines.GetPoint(i, p);
    const bool parallel = state.projection == Projection::Orthographic;
    double moved[3];
    for (std::size_t k = 0; k < 3; ++k)
      moved[k] = p[k] + share * ((parallel ? camera.focus[k] : p[k]) - camera.position[k]);
    ends->InsertNextPoint(moved);
  }
  behind.SetPoints(ends);
  behind.Modified();
}

}  // namespace

AttentionLayer::AttentionLayer()
    : outlines_(std::make_unique<OutlineActors>()),
      ring_(vtkSmartPointer<vtkPolyData>::New()),
      nodes_(vtkSmartPointer<vtkPolyData>::New()),
      spokes_(vtkSmartPointer<vtkPolyData>::New()),
      ring_mapper_(disc_mapper(ring_, ring_shader)),
      node_mapper_(disc_mapper(nodes_, node_shader)),
      ring_actor_(flat_actor(ring_mapper_)),
      node_actor_(flat_actor(node_mapper_)),
      spoke_actor_(line_actor(spokes_)) {
  node_mapper_->SetScaleArray("size");
  node_mapper_->SetScaleFactor(1);
  for (int i = 0; i < stroke_widths; ++i) {
    Stroke stroke;
    stroke.lines = vtkSmartPointer<vtkPolyData>::New();
    stroke.rim_lines = vtkSmartPointer<vtkPolyData>::New();
    stroke.rim = line_actor(stroke.rim_lines);
    stroke.rim->GetMapper()->ScalarVisibilityOff();
    stroke.line = line_actor(stroke.lines);
    strokes_.push_back(std::move(stroke));
  }
}

AttentionLayer::~AttentionLayer() = default;

void AttentionLayer::attach(vtkRenderer& cloud, vtkRenderer& front) {
  for (vtkActor* actor : {spoke_actor_.Get(), node_actor_.Get()}) {
    actor->SetVisibility(false);
    cloud.AddActor(actor);
  }
  outlines_->attach(front);
  for (const Stroke& stroke : strokes_)
    for (vtkActor* actor : {stroke.rim.Get(), stroke.line.Get()}) {
      actor->SetVisibility(false);
      front.AddActor(actor);
    }
  ring_actor_->SetVisibility(false);
  front.AddActor(ring_actor_);
}

void AttentionLayer::update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  const OutlineMesh& outlines = metrics.points->query_outlines;
  if (outlines.empty())
    outlines_->hide();
  else
    outlines_->show(outlines, 1.5 * state.text_scale, state.outline == OutlineShape::Sphere ? 0.06 : 0.12);
  place_ring(data, state);
  place_lines(data, state);
  place_nodes(data, state, metrics);
}

void AttentionLayer::place_ring(const SceneData& data, const SceneState& state) {
  const std::int64_t point = state.query.point;
  const bool asked = point >= 0 && point < data.cloud->size();
  ring_actor_->SetVisibility(asked);
  if (!asked) return;
  const float* p = &data.cloud->positions(state.frame)[static_cast<std::size_t>(point) * 3];
  query_ = {p[0], p[1], p[2]};
  vtkNew<vtkPoints> centre;
  centre->InsertNextPoint(p);
  vtkNew<vtkUnsignedCharArray> colour;
  colour->SetNumberOfComponents(3);
  const Rgb query = palette_of(state.theme).query;
  const unsigned char rgb[3] = {query.r, query.g, query.b};
  colour->InsertNextTypedTuple(rgb);
  ring_->SetPoints(centre);
  ring_->GetPointData()->SetScalars(colour);
  ring_->Modified();
}

void AttentionLayer::place_lines(const SceneData& data, const SceneState& state) {
  std::vector<Lines> lines(strokes_.size());
  std::vector<bool> used(strokes_.size());
  for (const ScoreLine& line : score_lines(data, state)) {
    const auto width = static_cast<std::size_t>(std::lround(line.width * (stroke_widths - 1)));
    lines[width].add(line.from, line.to, line.colour);
    used[width] = true;
  }
  const Rgb background = palette_of(state.theme).background;
  for (std::size_t i = 0; i < strokes_.size(); ++i) {
    const Stroke& stroke = strokes_[i];
    lines[i].move_to(*stroke.lines);
    stroke.rim_lines->SetLines(stroke.lines->GetLines());
    const double width =
        state.text_scale * (thinnest + (widest - thinnest) * static_cast<double>(i) / (stroke_widths - 1));
    stroke.line->GetProperty()->SetLineWidth(static_cast<float>(width));
    stroke.rim->GetProperty()->SetLineWidth(static_cast<float>(width + 2 * state.text_scale));
    stroke.rim->GetProperty()->SetColor(background.r / 255.0, background.g / 255.0, background.b / 255.0);
    for (vtkActor* actor : {stroke.rim.Get(), stroke.line.Get()}) actor->SetVisibility(used[i]);
  }
}

void AttentionLayer::place_nodes(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  const std::vector<NodeMark>& nodes = metrics.points->nodes;
  has_nodes_ = !nodes.empty();
  has_spokes_ = has_nodes_ && data.cloud->size() <= most_spokes;
  if (nodes.empty()) return;
  const PointColours& colours = metrics.points->colours;
  const auto positions = data.cloud->positions(state.frame);
  vtkNew<vtkPoints> centres;
  vtkNew<vtkUnsignedCharArray> rgb;
  rgb->SetNumberOfComponents(3);
  vtkNew<vtkFloatArray> sizes;
  sizes->SetName("size");
  Lines spokes;
  for (const NodeMark& node : nodes) {
    const Rgb colour = colours.rgb[static_cast<std::size_t>(node.middle)];
    centres->InsertNextPoint(node.centre.data());
    const unsigned char values[3] = {colour.r, colour.g, colour.b};
    rgb->InsertNextTypedTuple(values);
    const float radius = node_disc_radius(node, colours.sizes, metrics.disc_radius);
    sizes->InsertNextValue(radius);
    if (has_spokes_ && radius > 0)
      for (const std::int32_t point : node.points) {
        const float* p = &positions[static_cast<std::size_t>(point) * 3];
        spokes.add(node.centre, {p[0], p[1], p[2]}, colour);
      }
  }
  nodes_->SetPoints(centres);
  nodes_->GetPointData()->SetScalars(rgb);
  nodes_->GetPointData()->AddArray(sizes);
  nodes_->Modified();
  spokes.move_to(*spokes_);
  spoke_actor_->GetProperty()->SetLineWidth(static_cast<float>(state.text_scale));
}

void AttentionLayer::show_part(double from, double) {
  node_actor_->SetVisibility(has_nodes_ && from == 0);
  spoke_actor_->SetVisibility(has_spokes_ && from == 0);
}

void AttentionLayer::camera_moved(const SceneState& state, const SceneMetrics& metrics) {
  // The ring keeps its size on the screen, but for what its point's disc asks.
  if (ring_actor_->GetVisibility()) {
    const double pixel = state.text_scale * pixel_size_at(query_, state);
    ring_mapper_->SetScaleFactor(std::clamp(1.6 * metrics.disc_radius, 9 * pixel, 17 * pixel));
  }
  for (const Stroke& stroke : strokes_)
    if (stroke.line->GetVisibility()) put_behind(*stroke.lines, *stroke.rim_lines, state);
}

}  // namespace erwin::ui
