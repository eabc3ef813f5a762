#include "ui/scene/clip_plane.h"

#include <cmath>

#include "core/base/error.h"
#include "ui/scene/numbers.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

namespace {

constexpr const char* how = "Write it as x<0.5, z>2 or 1,1,0<3; off: nothing is cut";
constexpr const char* axes = "xyz";

}  // namespace

std::string to_string(const std::optional<ClipPlane>& clip) {
  if (!clip) return "off";
  const auto& normal = clip->normal;
  for (std::size_t k = 0; k < 3; ++k)
    if (std::abs(normal[k]) == 1 && normal[(k + 1) % 3] == 0 && normal[(k + 2) % 3] == 0)
      return axes[k] + std::string(normal[k] > 0 ? "<" : ">") + exact_number(normal[k] * clip->limit);
  return exact_number(normal[0]) + "," + exact_number(normal[1]) + "," + exact_number(normal[2]) + "<" +
         exact_number(clip->limit);
}

std::optional<ClipPlane> clip_from(const std::string& text) {
  if (text == "off") return std::nullopt;
  const std::size_t sign = text.find_first_of("<>");
  const auto limit = sign == std::string::npos ? std::nullopt : number_in(std::string_view(text).substr(sign + 1));
  if (!limit) reject_option("clip", text, how);
  ClipPlane clip;
  const std::string side = text.substr(0, sign);
  if (const std::size_t axis = side.size() == 1 ? std::string_view(axes).find(side[0]) : std::string_view::npos;
      axis != std::string_view::npos) {
    clip.normal[axis] = 1;
  } else {
    const std::vector<double> numbers = numbers_in(side);
    if (numbers.size() != 3 || (numbers[0] == 0 && numbers[1] == 0 && numbers[2] == 0))
      reject_option("clip", text, how);
    clip.normal = {numbers[0], numbers[1], numbers[2]};
  }
  clip.limit = *limit;
  if (text[sign] == '>') {
    for (double& x : clip.normal) x = -x;
    clip.limit = -clip.limit;
  }
  // -0 would be printed.
  for (double& x : clip.normal) x += 0.0;
  clip.limit += 0.0;
  return clip;
}

std::vector<char> clipped_points(const PointCloud& cloud, const ClipPlane& clip, std::int64_t frame) {
  const auto positions = cloud.positions(frame);
  const auto origin = cloud.origin();
  const double limit =
      clip.limit - clip.normal[0] * origin[0] - clip.normal[1] * origin[1] - clip.normal[2] * origin[2];
  std::vector<char> away(static_cast<std::size_t>(cloud.size()));
  for (std::size_t i = 0; i < away.size(); ++i)
    away[i] = clip.normal[0] * positions[3 * i] + clip.normal[1] * positions[3 * i + 1] +
                  clip.normal[2] * positions[3 * i + 2] >
              limit;
  return away;
}

ClipPlane plane_of_view(const Camera& camera, const PointCloud& cloud) {
  ClipPlane clip;
  double length = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    clip.normal[k] = camera.position[k] - camera.focus[k];
    length += clip.normal[k] * clip.normal[k];
  }
  for (std::size_t k = 0; k < 3; ++k) {
    clip.normal[k] /= std::sqrt(length);
    clip.limit += clip.normal[k] * (camera.focus[k] + cloud.origin()[k]);
  }
  return clip;
}

}  // namespace erwin::ui
