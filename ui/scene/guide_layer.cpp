#include "ui/scene/guide_layer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ui/scene/numbers.h"

namespace erwin::ui {

namespace {

constexpr double edge = 22, longest_bar = 120, text_size = 12, axis_length = 26;

// In the unit that gives the shortest number.
std::string label_of(double length, const std::string& unit) {
  if (unit == "m") {
    constexpr std::pair<double, const char*> metres[] = {{1000, "km"}, {1, "m"}, {0.01, "cm"}, {0.001, "mm"}};
    for (const auto& [size, name] : metres)
      if (length >= size * 0.999) return short_number(length / size) + " " + name;
    return short_number(length / 1e-6) + " um";
  }
  return short_number(length) + (unit.empty() ? "" : " " + unit);
}

}  // namespace

ScaleBar scale_bar_for(double pixel, const std::string& unit, double most) {
  if (!(pixel > 0) || !std::isfinite(pixel)) return {};
  const double power = std::pow(10, std::floor(std::log10(pixel * most)));
  ScaleBar bar;
  for (const double step : {1, 2, 5})
    if (step * power <= pixel * most * (1 + 1e-9)) bar.length = step * power;
  bar.pixels = bar.length / pixel;
  bar.label = label_of(bar.length, unit);
  return bar;
}

std::array<Rgb, 3> axis_colours(Theme theme) {
  if (theme == Theme::Dark) return {{{240, 110, 100}, {110, 200, 110}, {120, 165, 250}}};
  return {{{190, 40, 35}, {20, 115, 40}, {35, 80, 190}}};
}

void GuideLayer::attach(vtkRenderer&, vtkRenderer& front) {
  actors_.attach(front);
}

void GuideLayer::update(const SceneData& data, const SceneState&, const SceneMetrics&) {
  unit_ = data.cloud->unit();
  dimension_ = data.cloud->dimension();
}

void GuideLayer::camera_moved(const SceneState& state, const SceneMetrics&) {
  actors_.clear();
  if (state.scale_bar) draw_scale_bar(state);
  if (state.axes) draw_axes(state);
}

void GuideLayer::draw_scale_bar(const SceneState& state) {
  const Palette palette = palette_of(state.theme);
  const double s = state.text_scale;
  const ScaleBar bar = scale_bar_for(pixel_size_at(state.camera.focus, state), unit_, s * longest_bar);
  if (bar.label.empty()) return;
  const double right = state.width - s * edge, left = right - bar.pixels, y = s * edge;
  actors_.line(left, y, right, y, 2 * s, palette.text);
  for (const double x : {left, right}) actors_.line(x, y - 4 * s, x, y + 4 * s, 2 * s, palette.text);
  // In perspective a length holds at one depth only.
  const bool parallel = state.projection == Projection::Orthographic;
  actors_.text(bar.label + (parallel ? "" : " at the centre"), right, y + 14 * s, s * text_size, palette.text, false,
               TextSide::Right);
}

void GuideLayer::draw_axes(const SceneState& state) {
  const double s = state.text_scale;
  const Camera& camera = state.camera;
  Vec3 forward, right, up;
  const auto shrink = [](Vec3& v) {
    const double length = std::max(std::hypot(v[0], v[1], v[2]), 1e-300);
    for (double& x : v) x /= length;
  };
  const auto cross = [](const Vec3& a, const Vec3& b) {
    return Vec3{a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
  };
  for (std::size_t k = 0; k < 3; ++k) forward[k] = camera.focus[k] - camera.position[k];
  shrink(forward);
  right = cross(forward, camera.up);
  shrink(right);
  up = cross(right, forward);
  // The axis that points away is drawn first, the nearest last.
  std::array<std::size_t, 3> order{0, 1, 2};
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return forward[a] > forward[b]; });
  const double x = s * (edge + 34), y = s * (edge + 62);
  const auto colours = axis_colours(state.theme);
  constexpr const char* names[] = {"x", "y", "z"};
  for (const std::size_t axis : order) {
    if (static_cast<int>(axis) >= dimension_) continue;
    const double dx = right[axis], dy = up[axis];
    actors_.line(x, y, x + s * axis_length * dx, y + s * axis_length * dy, 2.5 * s, colours[axis]);
    if (std::hypot(dx, dy) > 0.2)
      actors_.text(names[axis], x + s * (axis_length + 9) * dx, y + s * (axis_length + 9) * dy, s * text_size,
                   colours[axis], true, TextSide::Middle);
  }
}

}  // namespace erwin::ui
