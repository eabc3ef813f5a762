#include "ui/scene/arrow_layer.h"

#include <vtkActor.h>
#include <vtkPolyData.h>
#include <vtkRenderer.h>

#include <algorithm>
#include <cmath>

#include "ui/scene/prepared_points.h"
#include "ui/scene/solid_shapes.h"

namespace erwin::ui {

namespace {

// The points of an even subset: the first ones of the fair order, else every k-th.
std::vector<std::size_t> subset(const SceneData& data, const SceneMetrics& metrics, int wanted) {
  const auto all = static_cast<std::size_t>(data.cloud->size());
  const std::size_t count = std::min(all, static_cast<std::size_t>(wanted));
  std::vector<std::size_t> points(count);
  const std::vector<std::int32_t>* order = metrics.points->order.get();
  for (std::size_t i = 0; i < count; ++i) points[i] = order ? static_cast<std::size_t>((*order)[i]) : i * all / count;
  return points;
}

// Arrows have a range and a map of their own.
LegendScale scale_for(const Field& field, const SceneState& state, int component) {
  SceneState own;
  own.colour_by = ColourBy::Field;
  own.frame = state.frame;
  own.theme = state.theme;
  LegendScale scale = scale_of(field, own, component);
  scale.histogram.reset();
  return scale;
}

}  // namespace

const Field* arrow_field(const SceneData& data, const SceneState& state) {
  const Field* field = state.arrows.empty() ? nullptr : data.cloud->field(state.arrows);
  if (!field && data.prediction && !state.arrows.empty()) field = data.prediction->field(state.arrows);
  return field && (field->components() == 2 || field->components() == 3) ? field : nullptr;
}

ArrowLayer::ArrowLayer() : arrows_(vtkSmartPointer<vtkPolyData>::New()), actor_(lit_actor(arrows_)) {}
ArrowLayer::~ArrowLayer() = default;

void ArrowLayer::attach(vtkRenderer& cloud, vtkRenderer&) {
  actor_->SetVisibility(false);
  cloud.AddActor(actor_);
}

void ArrowLayer::update(const SceneData& data, const SceneState& state, const SceneMetrics& metrics) {
  scale_.reset();
  notes_.clear();
  const Field* field = arrow_field(data, state);
  has_arrows_ = field != nullptr;
  if (field)
    make_arrows(*field, data, state, metrics);
  else if (!state.arrows.empty())
    notes_.push_back("no vector field " + state.arrows);
}

void ArrowLayer::show_part(double from, double) {
  actor_->SetVisibility(has_arrows_ && from == 0);
}

void ArrowLayer::explain(Legend& legend) const {
  const auto same = [](const LegendScale& a, const LegendScale& b) {
    return a.title == b.title && a.map == b.map && a.minimum == b.minimum && a.maximum == b.maximum &&
           a.logarithmic == b.logarithmic && a.steps == b.steps;
  };
  if (!(scale_ && legend.scale && same(*scale_, *legend.scale))) legend.arrows = scale_;
  legend.notes.insert(legend.notes.end(), notes_.begin(), notes_.end());
}

void ArrowLayer::make_arrows(const Field& field, const SceneData& data, const SceneState& state,
                             const SceneMetrics& metrics) {
  const PointCloud& cloud = *data.cloud;
  const int component = std::min(state.arrow_component, field.components() - 1);
  scale_ = scale_for(field, state, component);
  const ColourTable colours(*scale_);
  const double longest = field.range(-1).value_or(FieldRange{}).maximum;
  const std::vector<std::size_t> points = subset(data, metrics, state.arrow_count);
  const Bounds box = cloud.bounds(state.frame);
  double squares = 0;
  for (std::size_t k = 0; k < 3; ++k) squares += std::pow(box.maximum[k] - box.minimum[k], 2);
  // The longest reaches well beyond its neighbours on a surface, and out of its point's ball.
  const double length = 2.2 * state.arrow_length * std::sqrt(squares / static_cast<double>(points.size() + 20));
  const auto positions = cloud.positions(state.frame);
  const auto values = field.frame(state.frame);
  const auto width = static_cast<std::size_t>(field.components());
  SolidShapes shapes;
  for (const std::size_t point : points) {
    Vec3 from, to, vector{};
    for (std::size_t c = 0; c < width; ++c) vector[c] = values[point * width + c] + field.offset();
    const double size = std::hypot(vector[0], vector[1], vector[2]);
    if (!std::isfinite(size) || !(size > 1e-3 * longest)) continue;
    for (std::size_t k = 0; k < 3; ++k) {
      from[k] = positions[3 * point + k];
      to[k] = from[k] + length * vector[k] / longest;
    }
    const double value = component < 0 ? size : vector[static_cast<std::size_t>(component)];
    shapes.add_arrow(from, to, 0.022 * length * std::max(0.5, size / longest), colours(value));
  }
  shapes.move_to(*arrows_);
  if (points.size() < static_cast<std::size_t>(cloud.size()))
    notes_.push_back("arrows at " + std::to_string(points.size()) + " of " + std::to_string(cloud.size()));
}

}  // namespace erwin::ui
