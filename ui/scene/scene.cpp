#include "ui/scene/scene.h"

#include <vtkCamera.h>
#include <vtkMatrix4x4.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ui/scene/cloud_prop.h"
#include "ui/scene/depth_shade_prop.h"
#include "ui/scene/kept_picture.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

constexpr std::int64_t largest_ball_style = 200'000;
constexpr double shade_reach = 1.5;  // pixels, on displays of plain density

double half_tangent(const Camera& camera) {
  return std::tan(camera.view_angle * 0.00872664625997);
}

// Of a view: unit vectors and the distance to the focus.
struct Eye {
  Vec3 forward, right, up;
  double distance;
};

Vec3 crossed(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double make_unit(Vec3& v) {
  const double length = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  for (double& x : v) x /= std::max(length, 1e-300);
  return length;
}

Eye eye_of(const Camera& camera) {
  Eye eye;
  for (std::size_t k = 0; k < 3; ++k) eye.forward[k] = camera.focus[k] - camera.position[k];
  eye.distance = make_unit(eye.forward);
  eye.right = crossed(eye.forward, camera.up);
  make_unit(eye.right);
  eye.up = crossed(eye.right, eye.forward);
  return eye;
}

}  // namespace

Scene::Scene(vtkRenderWindow& window)
    : points_(std::make_shared<PreparedPoints>()),
      renderer_(vtkSmartPointer<vtkRenderer>::New()),
      front_(vtkSmartPointer<vtkRenderer>::New()),
      cloud_(vtkSmartPointer<CloudProp>::New()),
      keep_(vtkSmartPointer<KeepProp>::New()),
      shade_(vtkSmartPointer<DepthShadeProp>::New()),
      layers_(make_layers()) {
  renderer_->AddViewProp(cloud_);
  front_->SetActiveCamera(renderer_->GetActiveCamera());
  front_->SetLayer(1);
  window.SetNumberOfLayers(2);
  window.AddRenderer(renderer_);
  window.AddRenderer(front_);
  keep_->set_picture(cloud_->kept());
  for (const auto& layer : layers_) layer->attach(*renderer_, *front_);
  renderer_->AddViewProp(keep_);
  renderer_->AddViewProp(shade_);
}

Scene::~Scene() = default;

void Scene::update(const SceneData& data, const SceneState& state, PreparedPointsPtr points) {
  const bool moved = data.cloud != data_.cloud || state.frame != state_.frame || data.moved != data_.moved;
  data_ = data;
  state_ = state;
  const Rgb background = palette_of(state.theme).background;
  renderer_->SetBackground(background.r / 255.0, background.g / 255.0, background.b / 255.0);
  if (data_.cloud) {
    take_points(points ? std::move(points) : prepare_points(data_, state_, points_), moved);
    for (const auto& layer : layers_) layer->update(data_, state_, metrics());
    for (const auto& layer : layers_) layer->explain(legend_);
  }
  legend_actors_.show(*front_, legend_, state_);
  set_camera(state.camera);
}

void Scene::take_points(PreparedPointsPtr points, bool moved) {
  if (moved || points->order != points_->order)
    cloud_->set_points(data_.cloud, state_.frame, points->order, data_.moved);
  if (points != points_) cloud_->set_colours(&points->colours);  // else they are on the card
  points_ = std::move(points);
  legend_ = points_->colours.legend;
  if (moved) spacing_ = point_spacing(*data_.cloud, state_.frame);
  cloud_->set_look({style(), disc_radius(), std::max(1.0, 2 * state_.point_size * state_.text_scale)});
}

SceneMetrics Scene::metrics() const {
  return {disc_radius(), spacing_, points_.get()};
}

PointStyle Scene::style() const {
  if (state_.style != PointStyle::Auto) return state_.style;
  if (data_.cloud && shows_faces(*data_.cloud, state_)) return PointStyle::None;
  return data_.cloud && data_.cloud->size() > largest_ball_style ? PointStyle::Pixels : PointStyle::Spheres;
}

double Scene::disc_radius() const {
  return ui::disc_radius(state_, spacing_);
}

void Scene::draw_all() {
  front_->DrawOn();
  parts_ = Parts::All;
  restart();
}

void Scene::draw_first(std::int64_t count) {
  front_->DrawOn();
  parts_ = Parts::First;
  begin_ = 0;
  end_ = data_.cloud ? std::clamp(count, std::int64_t{0}, data_.cloud->size()) : 0;
  set_part();
}

void Scene::draw_more(std::int64_t count) {
  const std::int64_t all = data_.cloud ? data_.cloud->size() : 0;
  // Without a card, making the programs of points, of keeping a picture and of text each takes as long as a part: the
  // first three parts of all make one each. What was not kept is drawn again.
  if (ready_ != Ready::All) ready_ = count >= all ? Ready::All : static_cast<Ready>(static_cast<int>(ready_) + 1);
  front_->SetDraw(ready_ == Ready::All);
  if (parts_ != Parts::More || ready_ < Ready::All) {
    parts_ = Parts::More;
    restart();
  }
  last_ = (all > 0 && end_ == all) || count >= all;
  begin_ = end_;
  end_ = std::clamp(begin_ + count, std::int64_t{0}, all);
  set_part();
}

bool Scene::complete() const {
  return !data_.cloud || (end_ == data_.cloud->size() && (parts_ != Parts::More || last_));
}

// What is on the card of the last picture is worth nothing any more.
void Scene::restart() {
  begin_ = end_ = 0;
  last_ = false;
  if (parts_ == Parts::All && data_.cloud) end_ = data_.cloud->size();
  set_part();
}

void Scene::set_part() {
  const double all = data_.cloud && data_.cloud->size() > 0 ? static_cast<double>(data_.cloud->size()) : 1;
  cloud_->set_part(begin_, end_);
  for (const auto& layer : layers_)
    layer->show_part(static_cast<double>(begin_) / all, static_cast<double>(end_) / all);
  keep_->set_keep(parts_ == Parts::More && !complete() && ready_ != Ready::Points);
  shade_->SetVisibility(state_.edl && data_.cloud && complete() && parts_ != Parts::First);
  shade_->set_reach(shade_reach * state_.text_scale);
}

void Scene::set_camera(const Camera& camera) {
  state_.camera = camera;
  vtkCamera* vtk = renderer_->GetActiveCamera();
  vtk->SetPosition(camera.position.data());
  vtk->SetFocalPoint(camera.focus.data());
  vtk->SetViewUp(camera.up.data());
  vtk->SetViewAngle(camera.view_angle);
  // What is in the focus keeps its size when the projection changes.
  vtk->SetParallelProjection(state_.projection == Projection::Orthographic);
  vtk->SetParallelScale(eye_of(camera).distance * half_tangent(camera));
  if (data_.cloud)
    for (const auto& layer : layers_) layer->camera_moved(state_, metrics());
  restart();
  renderer_->ResetCameraClippingRange();  // around what the first part shows: later ones show less
}

std::array<double, 16> Scene::world_to_clip() const {
  const double aspect = static_cast<double>(state_.width) / std::max(1, state_.height);
  vtkMatrix4x4* matrix = renderer_->GetActiveCamera()->GetCompositeProjectionTransformMatrix(aspect, -1, 1);
  std::array<double, 16> result;
  std::copy_n(matrix->GetData(), 16, result.begin());
  return result;
}

PickRay Scene::ray_at(double x, double y, double pixels) const {
  const Eye eye = eye_of(state_.camera);
  const double half = half_tangent(state_.camera), pixel = 2 * half / std::max(1, state_.height);
  const double right = (x - 0.5 * state_.width) * pixel, up = (0.5 * state_.height - y) * pixel;
  PickRay ray;
  ray.origin = state_.camera.position;
  ray.direction = eye.forward;
  // From the eye through the pixel, or beside the eye straight ahead.
  const bool parallel = state_.projection == Projection::Orthographic;
  Vec3& shifted = parallel ? ray.origin : ray.direction;
  const double by = parallel ? eye.distance : 1;
  for (std::size_t k = 0; k < 3; ++k) shifted[k] += by * (right * eye.right[k] + up * eye.up[k]);
  (parallel ? ray.radius : ray.slope) = by * pixels * pixel;
  return ray;
}

// Places on the screen.
class Scene::Projector {
public:
  explicit Projector(const Scene& scene)
      : matrix_(scene.world_to_clip()),
        state_(scene.state_),
        eye_(eye_of(state_.camera)),
        parallel_(state_.projection == Projection::Orthographic),
        half_(half_tangent(state_.camera)) {}

  // A ball of some size, in the cloud's unit.
  Screen operator()(const float* p, double size) const {
    double clip[4], depth = 0;
    for (std::size_t row = 0; row < 4; ++row)
      clip[row] =
          matrix_[4 * row] * p[0] + matrix_[4 * row + 1] * p[1] + matrix_[4 * row + 2] * p[2] + matrix_[4 * row + 3];
    for (std::size_t k = 0; k < 3; ++k) depth += eye_.forward[k] * (p[k] - state_.camera.position[k]);
    const double per_unit = 0.5 * state_.height / ((parallel_ ? eye_.distance : depth) * half_);
    return {0.5 * state_.width * (clip[0] / clip[3] + 1),
            0.5 * state_.height * (1 - clip[1] / clip[3]),
            depth,
            size * per_unit,
            size,
            1 / per_unit};
  }

private:
  std::array<double, 16> matrix_;
  const SceneState& state_;
  Eye eye_;
  bool parallel_;
  double half_;
};

std::vector<Scene::Screen> Scene::project_all() const {
  const Projector project(*this);
  const auto positions = shown_positions(data_, state_);
  const std::vector<float>& sizes = colours().sizes;
  const bool pixels = style() == PointStyle::Pixels;
  std::vector<Screen> all(static_cast<std::size_t>(data_.cloud->size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double relative = sizes.empty() ? 1.0 : sizes[i];
    all[i] = project(&positions[3 * i], relative * disc_radius());
    if (!pixels) continue;
    all[i].size = 0;
    all[i].radius = relative > 0 ? std::max(0.5, relative * state_.point_size * state_.text_scale) : 0;
  }
  return all;
}

// Nodes are flat discs that face the eye.
void Scene::meet_nodes(double x, double y, Hit& hit) const {
  const Projector project(*this);
  for (const NodeMark& node : points_->nodes) {
    const Screen disc = project(node.centre.data(), node_disc_radius(node, colours().sizes, disc_radius()));
    if (!(disc.depth > 0) || !(std::hypot(disc.x - x, disc.y - y) <= disc.radius) || disc.depth >= hit.depth) continue;
    hit = {node.middle, disc.depth};
  }
}

std::int64_t Scene::node_disc_at(double x, double y) const {
  Hit hit{-1, std::numeric_limits<double>::infinity()};
  meet_nodes(x, y, hit);
  return hit.point;
}

std::int64_t Scene::disc_at(double x, double y) const {
  Hit hit{-1, std::numeric_limits<double>::infinity()};
  const bool balls = style() == PointStyle::Spheres;
  const std::vector<Screen> all = project_all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double away = std::hypot(all[i].x - x, all[i].y - y) / all[i].radius;
    if (!(all[i].depth > 0) || !(away <= 1)) continue;
    const double surface = all[i].depth - (balls ? all[i].size * std::sqrt(1 - away * away) : 0);
    if (surface < hit.depth) hit = {static_cast<std::int64_t>(i), surface};
  }
  meet_nodes(x, y, hit);
  return hit.point;
}

std::vector<Scene::Located> Scene::locate(const std::vector<std::int64_t>& points) const {
  const bool balls = style() == PointStyle::Spheres;
  const double shade = state_.edl ? shade_reach * state_.text_scale : 0;
  const std::vector<Screen> all = project_all();
  std::vector<Located> result;
  for (const std::int64_t point : points) {
    const Screen& s = all[static_cast<std::size_t>(point)];
    Located at{s.x, s.y, s.depth > 0 && s.x >= 0 && s.y >= 0 && s.x < state_.width && s.y < state_.height, false,
               colours().rgb[static_cast<std::size_t>(point)]};
    // Discs about as near are drawn in either order; a ball's surface bulges towards the eye by its radius.
    const double limit = balls ? s.depth - s.size : s.depth + 0.5 * disc_radius();
    // Nearer than the limit within so many pixels?
    const auto is_before = [&](const Screen& other, double reach, double nearer) {
      const double away = std::max(0.0, std::hypot(other.x - s.x, other.y - s.y) - reach) / other.radius;
      return away < 1 && other.depth - (balls ? other.size * std::sqrt(1 - away * away) : 0) < nearer;
    };
    // A pixel of rounding; depth lighting looks farther, but darkens only behind a real step.
    const auto covers = [&](const Screen& other) {
      if (&other == &s || !(other.depth > 0) || !(other.radius > 0)) return false;
      return is_before(other, 1, limit) || (shade > 0 && is_before(other, 1 + shade, limit - 0.6 * shade * s.pixel));
    };
    at.visible =
        at.inside && s.radius > 0 && style() != PointStyle::None && std::none_of(all.begin(), all.end(), covers);
    result.push_back(at);
  }
  return result;
}

std::vector<std::int32_t> target_points(const SceneData& data, const SceneState& state) {
  if (const auto only = only_ball(data, state)) return only->points;
  if (state.query.point < 0) return {};
  const auto level = shown_level(data, state, state.level);
  if (!level) return {};
  const std::int64_t node = node_of_query(*level, data, state);
  if (node < 0) return {};
  const auto points = level->points(node);
  return {points.begin(), points.end()};
}

}  // namespace erwin::ui
