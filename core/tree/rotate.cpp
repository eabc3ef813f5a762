// The rotation of method 8.1, bit for bit the same on every machine: this file is compiled without contraction into
// fused multiply-adds.

#include <cmath>
#include <numbers>
#include <string>

#include "core/base/error.h"
#include "core/tree/ball_tree.h"
#include "kernels/parallel/parallel.h"

namespace erwin {

std::vector<double> rotation_matrix(int dimension, double degrees) {
  if (dimension != 2 && dimension != 3)
    throw Error(ErrorKind::Config, "only points with 2 or 3 coordinates can be rotated",
                "dimension " + std::to_string(dimension));
  if (!std::isfinite(degrees)) throw Error(ErrorKind::Config, "the rotation angle is not finite", "rotate_degrees");
  const double angle = degrees * std::numbers::pi / 180.0;
  const double c = std::cos(angle), s = std::sin(angle);
  if (dimension == 2) return {c, -s, s, c};
  return {c * c, s * c * (s - 1), s * (s + c * c), s * c, s * s * s + c * c, s * c * (s - 1), -s, s * c, c * c};
}

std::vector<double> rotate_positions(std::span<const double> positions, int dimension, double degrees) {
  const std::vector<double> r = rotation_matrix(dimension, degrees);
  std::vector<double> rotated(positions.size());
  const auto points = static_cast<std::int64_t>(positions.size()) / dimension;
  const double* const from = positions.data();
  parallel_for(0, points, 1 << 14, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const double* const x = from + i * dimension;
      double* const y = rotated.data() + i * dimension;
      if (dimension == 3) {
        for (std::size_t k = 0; k < 3; ++k) y[k] = (x[0] * r[k] + x[1] * r[3 + k]) + x[2] * r[6 + k];
      } else {
        for (std::size_t k = 0; k < 2; ++k) y[k] = x[0] * r[k] + x[1] * r[2 + k];
      }
    }
  });
  return rotated;
}

}  // namespace erwin
