#include "ui/scene/camera.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/engine/sample_comparison.h"
#include "ui/scene/numbers.h"

namespace erwin::ui {

namespace {

Vec3 operator+(const Vec3& a, const Vec3& b) {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}
Vec3 operator-(const Vec3& a, const Vec3& b) {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
Vec3 operator*(double s, const Vec3& a) {
  return {s * a[0], s * a[1], s * a[2]};
}
double dot(const Vec3& a, const Vec3& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
Vec3 unit(const Vec3& a) {
  return (1 / std::max(std::sqrt(dot(a, a)), 1e-300)) * a;
}

constexpr double radians(double degrees) {
  return degrees * std::numbers::pi / 180;
}

// Rodrigues' rotation about a unit axis.
Vec3 turned(const Vec3& v, const Vec3& axis, double degrees) {
  const double c = std::cos(radians(degrees)), s = std::sin(radians(degrees));
  return c * v + s * cross(axis, v) + ((1 - c) * dot(axis, v)) * axis;
}

// What the picture keeps free around the cloud; left and right more, for the legend.
constexpr double margin = 1.12, sides = 0.82;

}  // namespace

int guess_up_axis(const Bounds& box) {
  std::array<std::pair<double, int>, 3> extents;
  for (int k = 0; k < 3; ++k) extents[k] = {box.maximum[k] - box.minimum[k], k};
  std::sort(extents.begin(), extents.end());
  return extents[0].first < 0.9 * extents[1].first ? extents[0].second : 2;
}

Camera fit_camera(const PointCloud& cloud, double azimuth, double elevation, double aspect, std::int64_t frame) {
  Bounds box = cloud.bounds(frame);
  Vec3 middle;
  for (int k = 0; k < 3; ++k) {
    box.minimum[k] -= cloud.origin()[k];
    box.maximum[k] -= cloud.origin()[k];
    middle[k] = 0.5 * (box.minimum[k] + box.maximum[k]);
  }
  Vec3 up{}, along{};
  if (cloud.dimension() == 2) {
    up = {0, 1, 0};
    along = {0, 0, -1};
    azimuth = elevation = 0;  // a plane is looked at from above
  } else {
    const int up_axis = guess_up_axis(box);
    int a = (up_axis + 1) % 3, b = (up_axis + 2) % 3;
    if (box.maximum[b] - box.minimum[b] > box.maximum[a] - box.minimum[a]) std::swap(a, b);
    up[up_axis] = 1;
    along[a] = 1;
  }
  const Vec3 side = cross(up, along);
  const double az = radians(azimuth), el = radians(elevation);
  const Vec3 from = std::cos(el) * (-std::cos(az) * along + std::sin(az) * side) + std::sin(el) * up;

  Camera camera;
  camera.focus = middle;
  // Looking straight down, "up" in the picture is the direction of travel.
  camera.up = std::abs(elevation) > 89 ? std::cos(az) * along - std::sin(az) * side : up;
  const Vec3 forward = -1 * from, right = unit(cross(forward, camera.up)), over = cross(right, forward);
  const double tangent = std::tan(radians(camera.view_angle / 2));
  // Near enough for the points themselves, not for the corners of their box: those are mostly empty.
  const auto positions = cloud.positions(frame);
  const std::int64_t step = std::max<std::int64_t>(1, cloud.size() / 100'000);
  double distance = 0;
  for (std::int64_t point = 0; point < cloud.size(); point += step) {
    Vec3 d;
    for (int k = 0; k < 3; ++k) d[k] = positions[static_cast<std::size_t>(3 * point + k)] - middle[k];
    const double half = std::max(std::abs(dot(d, over)), std::abs(dot(d, right)) / (aspect * sides));
    distance = std::max(distance, margin * half / tangent - dot(d, forward));
  }
  if (!(distance > 0)) distance = 1;  // one point, or all in one place
  camera.position = middle + distance * from;
  return camera;
}

Camera camera_from(const std::string& text, const PointCloud& cloud, double aspect, std::int64_t frame) {
  static const std::map<std::string, std::pair<double, double>> presets{
      {"iso", {-38, 22}},  {"front", {0, 0}}, {"back", {180, 0}},  {"left", {90, 0}},
      {"right", {-90, 0}}, {"top", {0, 90}},  {"bottom", {0, -90}}};
  if (const auto preset = presets.find(text); preset != presets.end())
    return fit_camera(cloud, preset->second.first, preset->second.second, aspect, frame);
  const std::vector<double> n = numbers_in(text);
  if (n.size() == 2) return fit_camera(cloud, n[0], std::clamp(n[1], -90.0, 90.0), aspect, frame);
  if (n.size() == 10 && n[9] > 0.1 && n[9] < 170)
    return {{n[0], n[1], n[2]}, {n[3], n[4], n[5]}, {n[6], n[7], n[8]}, n[9]};
  throw Error(ErrorKind::Config, "this camera is not understood", "camera " + text,
              "Use iso, front, back, left, right, top, bottom, AZIMUTH,ELEVATION in degrees, or ten numbers: position, "
              "focus, up, view angle");
}

std::string to_string(const Camera& camera) {
  std::string text;
  for (const Vec3& v : {camera.position, camera.focus, camera.up})
    for (const double x : v) text += exact_number(x) + ",";
  return text + exact_number(camera.view_angle);
}

Camera carried(const Camera& camera, const BoxToBox& boxes) {
  Camera there = camera;
  there.position = boxes.place(camera.position);
  there.focus = boxes.place(camera.focus);
  return there;
}

Camera aim_at(const Camera& from, const PointCloud& cloud, std::span<const std::int32_t> points, double least,
              std::int64_t frame) {
  if (points.empty()) return from;
  const auto positions = cloud.positions(frame);
  Vec3 low, high;
  low.fill(std::numeric_limits<double>::infinity());
  high.fill(-std::numeric_limits<double>::infinity());
  for (const std::int32_t point : points)
    for (std::size_t k = 0; k < 3; ++k) {
      const double x = positions[static_cast<std::size_t>(point) * 3 + k];
      low[k] = std::min(low[k], x);
      high[k] = std::max(high[k], x);
    }
  const Vec3 half = 0.5 * (high - low);
  const double radius = std::max(least, std::sqrt(dot(half, half)));
  Camera to = from;
  to.focus = 0.5 * (low + high);
  const double distance = margin * radius / std::sin(radians(from.view_angle / 2));
  to.position = to.focus + (distance > 0 ? distance : 1) * unit(from.position - from.focus);
  return to;
}

Camera orbit(const Camera& camera, double around, double over) {
  const Vec3 up = unit(camera.up);
  Vec3 arm = turned(camera.position - camera.focus, up, -around);
  const Vec3 right = unit(cross(up, arm));
  // Stops short of the poles, where left and right would swap.
  const double elevation = std::asin(std::clamp(dot(unit(arm), up), -1.0, 1.0)) * 180 / std::numbers::pi;
  const double allowed = std::clamp(elevation + over, -88.0, 88.0) - elevation;
  if (std::abs(elevation) < 89) arm = turned(arm, right, -allowed);
  Camera moved = camera;
  moved.position = camera.focus + arm;
  return moved;
}

Camera pan(const Camera& camera, double right, double up) {
  const Vec3 arm = camera.focus - camera.position;
  const double height = 2 * std::sqrt(dot(arm, arm)) * std::tan(radians(camera.view_angle / 2));
  const Vec3 side = unit(cross(arm, camera.up)), over = unit(cross(side, arm));
  const Vec3 shift = (-right * height) * side + (-up * height) * over;
  Camera moved = camera;
  moved.position = camera.position + shift;
  moved.focus = camera.focus + shift;
  return moved;
}

Camera zoom(const Camera& camera, double factor) {
  Camera moved = camera;
  moved.position = camera.focus + (1 / std::clamp(factor, 0.01, 100.0)) * (camera.position - camera.focus);
  return moved;
}

}  // namespace erwin::ui
