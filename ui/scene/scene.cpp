#include "ui/scene/scene.h"

#include <vtkActor.h>
#include <vtkCamera.h>
#include <vtkCellArray.h>
#include <vtkCellData.h>
#include <vtkFloatArray.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkPointData.h>
#include <vtkPointGaussianMapper.h>
#include <vtkPoints.h>
#include <vtkPolyData.h>
#include <vtkPolyDataMapper.h>
#include <vtkProperty.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkUnsignedCharArray.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace erwin::ui {

namespace {

// A disc shaded like a ball: its middle carries the point's exact colour.
const char* const ball_shader =
    "//VTK::Color::Impl\n"
    "float away = dot(offsetVCVSOutput.xy, offsetVCVSOutput.xy);\n"
    "if (away > 1.0) discard;\n"
    "float shade = away < 0.2 ? 1.0 : 0.45 + 0.55 * sqrt((1.0 - away) / 0.8);\n"
    "ambientColor *= shade; diffuseColor *= shade;\n";

// A ring with a dark rim, so that it shows on any colour; its middle leaves the point itself visible.
const char* const ring_shader =
    "//VTK::Color::Impl\n"
    "float away = length(offsetVCVSOutput.xy);\n"
    "if (away > 1.0 || away < 0.58) discard;\n"
    "if (away > 0.9 || away < 0.66) { ambientColor = vec3(1.0) - ambientColor; diffuseColor = vec3(1.0) - "
    "diffuseColor; }\n";

constexpr std::int64_t largest_ball_style = 200'000;

vtkSmartPointer<vtkActor> flat_actor(vtkPolyDataMapper* mapper) {
  auto actor = vtkSmartPointer<vtkActor>::New();
  actor->SetMapper(mapper);
  actor->GetProperty()->LightingOff();
  actor->GetProperty()->SetAmbient(1);
  actor->GetProperty()->SetDiffuse(0);
  return actor;
}

// Colours reach the screen as they are: no lookup table, no interpolation.
void use_direct_colours(vtkPolyDataMapper* mapper, bool per_cell) {
  mapper->SetColorModeToDirectScalars();
  if (per_cell)
    mapper->SetScalarModeToUseCellData();
  else
    mapper->SetScalarModeToUsePointData();
  mapper->ScalarVisibilityOn();
}

vtkSmartPointer<vtkPointGaussianMapper> disc_mapper(vtkPolyData* data, const char* shader) {
  auto mapper = vtkSmartPointer<vtkPointGaussianMapper>::New();
  mapper->SetInputData(data);
  mapper->EmissiveOff();
  mapper->SetSplatShaderCode(shader);
  mapper->SetTriangleScale(1);
  use_direct_colours(mapper, false);
  return mapper;
}

struct Corners {
  Vec3 low, high;
};

template <typename Points>
Corners corners_of(const PointCloud& cloud, const Points& points, std::int64_t frame) {
  Corners box;
  box.low.fill(std::numeric_limits<double>::infinity());
  box.high.fill(-std::numeric_limits<double>::infinity());
  const auto positions = cloud.positions(frame);
  for (const auto point : points)
    for (std::size_t k = 0; k < 3; ++k) {
      const double x = positions[static_cast<std::size_t>(point) * 3 + k];
      box.low[k] = std::min(box.low[k], x);
      box.high[k] = std::max(box.high[k], x);
    }
  return box;
}

// Edges of axis-aligned boxes with one colour each.
class BoxEdges {
public:
  void add(const Corners& box, double grow, Rgb colour) {
    const vtkIdType first = points_->GetNumberOfPoints();
    for (int corner = 0; corner < 8; ++corner) {
      double p[3];
      for (int k = 0; k < 3; ++k) p[k] = (corner >> k & 1) ? box.high[k] + grow : box.low[k] - grow;
      points_->InsertNextPoint(p);
    }
    const unsigned char rgb[3] = {colour.r, colour.g, colour.b};
    for (int corner = 0; corner < 8; ++corner)
      for (int k = 0; k < 3; ++k) {
        if (corner >> k & 1) continue;
        const vtkIdType edge[2] = {first + corner, first + (corner | 1 << k)};
        lines_->InsertNextCell(2, edge);
        colours_->InsertNextTypedTuple(rgb);
      }
  }
  void move_to(vtkPolyData& data) {
    data.SetPoints(points_);
    data.SetLines(lines_);
    data.GetCellData()->SetScalars(colours_);
    data.Modified();
  }
  BoxEdges() { colours_->SetNumberOfComponents(3); }

private:
  vtkNew<vtkPoints> points_;
  vtkNew<vtkCellArray> lines_;
  vtkNew<vtkUnsignedCharArray> colours_;
};

// Points of the ball of `level` that holds a point; empty where the tree has no nodes.
std::vector<std::int32_t> ball_of_level(const BallTree& tree, int level, std::int64_t point) {
  if (tree.levels.empty()) return {};
  const TreeLevel& nodes =
      tree.levels[static_cast<std::size_t>(std::clamp(level, 0, static_cast<int>(tree.levels.size()) - 1))];
  const std::int64_t slot = tree.point_slot[static_cast<std::size_t>(point)];
  const auto next = std::upper_bound(nodes.slot_begin.begin(), nodes.slot_begin.end(), slot);
  std::vector<std::int32_t> members;
  for (auto s = static_cast<std::size_t>(*(next - 1)); s < static_cast<std::size_t>(*next); ++s)
    if (tree.slot_mask[s]) members.push_back(tree.slot_point[s]);
  return members;
}

// Radius of every point's disc in multiples of disc_radius(): what is dimmed also shrinks, or it would hide what is
// marked.
std::vector<float> relative_sizes(const SceneData& data, const SceneState& state) {
  std::vector<float> sizes(static_cast<std::size_t>(data.cloud->size()), 1.0f);
  if (!data.query || state.query.point < 0 || marks_of(state) == SelectionMarks::Off) return sizes;
  std::fill(sizes.begin(), sizes.end(), static_cast<float>(1 - 0.6 * state.dim));
  const auto restore = [&](std::int32_t point) { sizes[static_cast<std::size_t>(point)] = 1; };
  for (const std::int32_t point : data.query->ball) restore(point);
  for (const MarkedBlock& block : data.query->blocks)
    for (const std::int32_t point : block.points) restore(point);
  restore(static_cast<std::int32_t>(state.query.point));
  return sizes;
}

}  // namespace

Scene::Scene(vtkRenderWindow& window)
    : renderer_(vtkSmartPointer<vtkRenderer>::New()),
      front_(vtkSmartPointer<vtkRenderer>::New()),
      points_(vtkSmartPointer<vtkPolyData>::New()),
      boxes_(vtkSmartPointer<vtkPolyData>::New()),
      ring_(vtkSmartPointer<vtkPolyData>::New()),
      point_mapper_(disc_mapper(points_, ball_shader)),
      ring_mapper_(disc_mapper(ring_, ring_shader)),
      point_actor_(flat_actor(point_mapper_)),
      ring_actor_(flat_actor(ring_mapper_)) {
  vtkNew<vtkPolyDataMapper> box_mapper;
  box_mapper->SetInputData(boxes_);
  use_direct_colours(box_mapper, true);
  box_actor_ = flat_actor(box_mapper);
  point_mapper_->SetScaleArray("size");
  renderer_->AddActor(point_actor_);
  front_->AddActor(box_actor_);
  front_->AddActor(ring_actor_);
  front_->SetActiveCamera(renderer_->GetActiveCamera());
  front_->SetLayer(1);
  window.SetNumberOfLayers(2);
  window.AddRenderer(renderer_);
  window.AddRenderer(front_);
  for (vtkActor* actor : {point_actor_.Get(), box_actor_.Get(), ring_actor_.Get()}) actor->SetVisibility(false);
}

Scene::~Scene() = default;

void Scene::update(const SceneData& data, const SceneState& state) {
  const bool moved = data.cloud != data_.cloud || state.frame != state_.frame;
  data_ = data;
  state_ = state;
  const Rgb background = palette_of(state.theme).background;
  renderer_->SetBackground(background.r / 255.0, background.g / 255.0, background.b / 255.0);
  if (data_.cloud) {
    if (moved) upload_positions();
    upload_colours();
    place_marks();
    const bool pixels = state.style == PointStyle::Pixels ||
                        (state.style == PointStyle::Auto && data_.cloud->size() > largest_ball_style);
    point_mapper_->SetScaleFactor(pixels ? 0 : disc_radius());
    point_actor_->GetProperty()->SetPointSize(static_cast<float>(std::max(1.0, 2 * state.point_size)));
  }
  legend_.show(*front_, colours_.legend, state_);
  set_camera(state.camera);
}

double Scene::disc_radius() const {
  return spacing_ * std::clamp(state_.point_size, 0.05, 20.0);
}

void Scene::upload_positions() {
  const auto positions = data_.cloud->positions(state_.frame);
  vtkNew<vtkFloatArray> array;
  array->SetNumberOfComponents(3);
  // Borrowed from the cloud, which data_ keeps alive; VTK does not write to its inputs.
  array->SetArray(const_cast<float*>(positions.data()), static_cast<vtkIdType>(positions.size()), 1);
  vtkNew<vtkPoints> points;
  points->SetData(array);
  points_->SetPoints(points);
  const Bounds box = data_.cloud->bounds(state_.frame);
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) squares += std::pow(box.maximum[k] - box.minimum[k], 2);
  // Discs of neighbours on a surface just meet.
  spacing_ = squares > 0 ? 0.55 * std::sqrt(squares / static_cast<double>(data_.cloud->size() + 20)) : 1;
  point_actor_->SetVisibility(true);
}

void Scene::upload_colours() {
  colours_ = colour_points(data_, state_);
  vtkNew<vtkUnsignedCharArray> array;
  array->SetNumberOfComponents(3);
  array->SetNumberOfTuples(data_.cloud->size());
  static_assert(sizeof(Rgb) == 3);
  std::copy_n(&colours_.rgb.front().r, 3 * colours_.rgb.size(), array->GetPointer(0));
  points_->GetPointData()->SetScalars(array);
  const std::vector<float> sizes = relative_sizes(data_, state_);
  vtkNew<vtkFloatArray> size;
  size->SetName("size");
  size->SetNumberOfTuples(static_cast<vtkIdType>(sizes.size()));
  std::copy(sizes.begin(), sizes.end(), size->GetPointer(0));
  points_->GetPointData()->AddArray(size);
  points_->Modified();
}

void Scene::place_marks() {
  const std::int64_t point = state_.query.point;
  const bool asked = point >= 0 && point < data_.cloud->size();
  ring_actor_->SetVisibility(asked);
  box_actor_->SetVisibility(asked);
  if (!asked) return;
  const Palette palette = palette_of(state_.theme);
  BoxEdges edges;
  const double grow = 0.3 * disc_radius();
  if (!data_.query) {
    if (data_.tree)
      edges.add(corners_of(*data_.cloud, ball_of_level(*data_.tree, state_.level, point), state_.frame), grow,
                palette.ball);
  } else {
    if (!data_.query->ball.empty())
      edges.add(corners_of(*data_.cloud, data_.query->ball, state_.frame), grow, palette.ball);
    const auto& blocks = data_.query->blocks;
    if (marks_of(state_) == SelectionMarks::Outline)
      for (const MarkedBlock& block : blocks)
        if (!block.points.empty())
          edges.add(corners_of(*data_.cloud, block.points, state_.frame), grow,
                    rank_colour(block.rank, blocks.back().rank + 1, state_.theme));
  }
  edges.move_to(*boxes_);
  box_actor_->GetProperty()->SetLineWidth(static_cast<float>(1.5 * state_.text_scale));

  const float* p = &data_.cloud->positions(state_.frame)[static_cast<std::size_t>(point) * 3];
  vtkNew<vtkPoints> centre;
  centre->InsertNextPoint(p);
  vtkNew<vtkUnsignedCharArray> colour;
  colour->SetNumberOfComponents(3);
  const unsigned char rgb[3] = {palette.query.r, palette.query.g, palette.query.b};
  colour->InsertNextTypedTuple(rgb);
  ring_->SetPoints(centre);
  ring_->GetPointData()->SetScalars(colour);
  ring_->Modified();
}

void Scene::set_camera(const Camera& camera) {
  state_.camera = camera;
  vtkCamera* vtk = renderer_->GetActiveCamera();
  vtk->SetPosition(camera.position.data());
  vtk->SetFocalPoint(camera.focus.data());
  vtk->SetViewUp(camera.up.data());
  vtk->SetViewAngle(camera.view_angle);
  // The ring keeps its size on the screen.
  if (data_.cloud && state_.query.point >= 0 && state_.query.point < data_.cloud->size()) {
    const float* p = &data_.cloud->positions(state_.frame)[static_cast<std::size_t>(state_.query.point) * 3];
    double squares = 0;
    for (std::size_t k = 0; k < 3; ++k) squares += std::pow(p[k] - camera.position[k], 2);
    const double pixel =
        2 * std::sqrt(squares) * std::tan(camera.view_angle * 0.00872664625997) / std::max(1, state_.height);
    ring_mapper_->SetScaleFactor(std::max(1.6 * disc_radius(), 9 * state_.text_scale * pixel));
  }
  renderer_->ResetCameraClippingRange();
}

std::array<double, 16> Scene::world_to_clip() const {
  const double aspect = static_cast<double>(state_.width) / std::max(1, state_.height);
  vtkMatrix4x4* matrix = renderer_->GetActiveCamera()->GetCompositeProjectionTransformMatrix(aspect, -1, 1);
  std::array<double, 16> result;
  std::copy_n(matrix->GetData(), 16, result.begin());
  return result;
}

std::vector<Scene::Screen> Scene::project_all() const {
  const auto m = world_to_clip();
  const auto positions = data_.cloud->positions(state_.frame);
  const std::vector<float> sizes = relative_sizes(data_, state_);
  const double tangent = std::tan(state_.camera.view_angle * 0.00872664625997);
  std::vector<Screen> all(static_cast<std::size_t>(data_.cloud->size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float* p = &positions[3 * i];
    double clip[4];
    for (std::size_t row = 0; row < 4; ++row)
      clip[row] = m[4 * row] * p[0] + m[4 * row + 1] * p[1] + m[4 * row + 2] * p[2] + m[4 * row + 3];
    all[i] = {0.5 * state_.width * (clip[0] / clip[3] + 1), 0.5 * state_.height * (1 - clip[1] / clip[3]), clip[3],
              point_mapper_->GetScaleFactor() == 0
                  ? state_.point_size
                  : sizes[i] * disc_radius() / (clip[3] * tangent) * 0.5 * state_.height};
  }
  return all;
}

std::int64_t Scene::disc_at(double x, double y) const {
  std::int64_t nearest = -1;
  double depth = std::numeric_limits<double>::infinity();
  const std::vector<Screen> all = project_all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!(all[i].depth > 0 && all[i].depth < depth) || std::hypot(all[i].x - x, all[i].y - y) > all[i].radius) continue;
    depth = all[i].depth;
    nearest = static_cast<std::int64_t>(i);
  }
  return nearest;
}

std::vector<Scene::Located> Scene::locate(const std::vector<std::int64_t>& points) const {
  const double tie = 0.5 * disc_radius();
  const std::vector<Screen> all = project_all();
  std::vector<Located> result;
  for (const std::int64_t point : points) {
    const Screen& s = all[static_cast<std::size_t>(point)];
    Located at{s.x, s.y, s.depth > 0 && s.x >= 0 && s.y >= 0 && s.x < state_.width && s.y < state_.height, false,
               colours_.rgb[static_cast<std::size_t>(point)]};
    // A pixel of rounding; and discs about as near are drawn in either order.
    at.visible = at.inside && std::none_of(all.begin(), all.end(), [&](const Screen& other) {
                   return &other != &s && other.depth > 0 && other.depth < s.depth + tie &&
                          std::hypot(other.x - s.x, other.y - s.y) < other.radius + 1;
                 });
    result.push_back(at);
  }
  return result;
}

}  // namespace erwin::ui
