#pragma once
// Where the picture is taken from. No VTK here.

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "core/data/point_cloud.h"

namespace erwin {
struct BoxToBox;
}

namespace erwin::ui {

using Vec3 = std::array<double, 3>;

struct Camera {
  Vec3 position{0, 0, 1}, focus{0, 0, 0}, up{0, 1, 0};  // relative to the cloud's origin
  double view_angle = 30;                               // vertical, degrees
  bool operator==(const Camera&) const = default;
};

// The axis that points up: the shortest of the box where it is clearly the shortest, else z.
int guess_up_axis(const Bounds& box);

// Looks at the middle of the cloud from a direction, from where its points just fit into a picture of that shape.
// azimuth: degrees about the up axis, 0 along the longest horizontal axis from its lower end; elevation: degrees above
// the horizon.
Camera fit_camera(const PointCloud& cloud, double azimuth, double elevation, double aspect, std::int64_t frame = 0);

// "iso", "front", "back", "left", "right", "top", "bottom"; "AZIMUTH,ELEVATION"; or the ten numbers that
// to_string(Camera) prints. Raises Error{Config}.
Camera camera_from(const std::string& text, const PointCloud& cloud, double aspect, std::int64_t frame = 0);
// Position, focus, up, angle with all digits, comma-separated.
std::string to_string(const Camera& camera);

// The same direction, so near that a sphere around the box of these points fills most of the picture; least: the
// sphere's smallest radius. Nothing changes without points.
Camera aim_at(const Camera& from, const PointCloud& cloud, std::span<const std::int32_t> points, double least,
              std::int64_t frame = 0);

// The same view of another cloud, whose box is laid on that of the first (core/engine/sample_comparison.h).
Camera carried(const Camera& camera, const BoxToBox& boxes);

// Turning, shifting and zooming by mouse: angles in degrees, shifts in shares of the picture's height.
Camera orbit(const Camera& camera, double around, double over);
Camera pan(const Camera& camera, double right, double up);
Camera zoom(const Camera& camera, double factor);

}  // namespace erwin::ui
