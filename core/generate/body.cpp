#include "core/generate/body.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <numbers>

namespace erwin::generate {

namespace {

// 0 below 0, 1 above 1, smooth between.
double step(double t) {
  t = std::clamp(t, 0.0, 1.0);
  return t * t * t * (t * (6 * t - 15) + 10);
}

double between(double begin, double end, double x) {
  return step((x - begin) / (end - begin));
}

// Moves a point of the cube's surface onto |x|^p + |y|^p + |z|^p = 1.
Vec3 rounded(const Vec3& q, double p) {
  double sum = 0;
  for (const double c : q) sum += std::pow(std::abs(c), p);
  return std::pow(sum, -1 / p) * q;
}

// A flat-topped bump of half-width 1 around 0.
double bump(double t) {
  return std::exp(-t * t * t * t);
}

// Heights of underside and roof line over a place of the superellipsoid, v across.
double underside(const CarShape& car, double u, double v) {
  const double half = car.length / 2, reach = car.wheel_radius;
  const double wheels = bump((u - car.front_wheel) * half / reach) + bump((u - car.rear_wheel) * half / reach);
  return car.clearance - (car.clearance - car.wheel_gap) * wheels * between(0.45, 0.75, std::abs(v));
}

double roof_line(const CarShape& car, double u) {
  const double nose = -1 - car.windscreen_begin;  // negative
  const double fall = std::clamp((u - car.windscreen_begin) / nose, 0.0, 1.0);
  const double front = car.hood - car.nose_drop * fall * fall;
  const double rise = between(car.windscreen_begin, car.windscreen_end, u);
  const double drop = between(car.rear_window_begin, car.rear_window_end, u);
  return car.height * (front + (1 - front) * rise - (1 - car.rear) * drop);
}

double half_width(const CarShape& car, double u, double z) {
  const double roof = car.narrow_roof * between(0.5 * car.height, car.height, z);
  const double ends = u < 0 ? car.narrow_nose * u * u : car.narrow_tail * u * u;
  return car.width / 2 * (1 - roof) * (1 - ends);
}

}  // namespace

Surface box_surface(const BoxGrid& grid) {
  const std::array<int, 3> n{grid.x, grid.y, grid.z};
  Surface surface;
  std::map<std::array<int, 3>, std::uint32_t> known;
  const auto vertex = [&](const std::array<int, 3>& at) {
    const auto [place, fresh] = known.emplace(at, static_cast<std::uint32_t>(surface.vertices.size()));
    if (fresh) {
      Vec3 position;
      for (std::size_t k = 0; k < 3; ++k) position[k] = 2.0 * at[k] / n[k] - 1;
      surface.vertices.push_back(position);
    }
    return place->second;
  };
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t b = (axis + 1) % 3, c = (axis + 2) % 3;
    for (const int side : {0, n[axis]})
      for (int j = 0; j < n[c]; ++j)
        for (int i = 0; i < n[b]; ++i) {
          std::array<int, 3> at{};
          at[axis] = side;
          std::array<std::uint32_t, 4> quad{};
          constexpr int steps[4][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
          for (std::size_t corner = 0; corner < 4; ++corner) {
            at[b] = i + steps[corner][0];
            at[c] = j + steps[corner][1];
            quad[corner] = vertex(at);
          }
          if (side == 0) std::swap(quad[1], quad[3]);
          surface.quads.push_back(quad);
        }
  }
  return surface;
}

Surface sphere(int n, double radius) {
  Surface surface = box_surface({n, n, n});
  for (Vec3& v : surface.vertices) {
    for (double& c : v) c = std::tan(std::numbers::pi / 4 * c);
    v = (radius / norm(v)) * v;
  }
  return surface;
}

CarShape random_car(Random& random) {
  CarShape car;
  car.length = random.uniform(3.8, 5.0);
  car.width = random.uniform(1.65, 1.95);
  car.height = random.uniform(1.3, 1.75);
  car.clearance = random.uniform(0.2, 0.28);
  car.exponent = random.uniform(3.6, 5.5);
  car.hood = random.uniform(0.58, 0.72);
  car.rear = random.uniform(0.62, 0.97);
  car.nose_drop = random.uniform(0.04, 0.16);
  car.windscreen_begin = random.uniform(-0.55, -0.25);
  car.windscreen_end = car.windscreen_begin + random.uniform(0.22, 0.4);
  car.rear_window_begin = random.uniform(0.3, 0.6);
  car.rear_window_end = car.rear_window_begin + random.uniform(0.22, 0.4);
  car.narrow_roof = random.uniform(0.06, 0.22);
  car.narrow_nose = random.uniform(0.05, 0.2);
  car.narrow_tail = random.uniform(0.03, 0.15);
  car.wheel_radius = random.uniform(0.28, 0.36);
  car.front_wheel = random.uniform(-0.68, -0.56);
  car.rear_wheel = random.uniform(0.54, 0.68);
  return car;
}

BoxGrid car_grid(std::int64_t points) {
  const auto grid_of = [](int x) {
    // Quads about as long as they are wide on a car of 4.4 x 1.8 x 1.3 m.
    return BoxGrid{x, std::max(2, static_cast<int>(std::lround(x * 1.8 / 4.4))),
                   std::max(2, static_cast<int>(std::lround(x * 1.3 / 4.4)))};
  };
  BoxGrid best = grid_of(4);
  for (int x = 5; grid_of(x - 1).vertices() < points; ++x)
    if (std::abs(grid_of(x).vertices() - points) < std::abs(best.vertices() - points)) best = grid_of(x);
  return best;
}

Surface car(const CarShape& shape, const BoxGrid& grid) {
  Surface surface = box_surface(grid);
  for (Vec3& place : surface.vertices) {
    const auto [u, v, w] = rounded(place, shape.exponent);
    const double low = underside(shape, u, v);
    const double z = low + (roof_line(shape, u) - low) * (w + 1) / 2;
    place = {shape.length / 2 * u, half_width(shape, u, z) * v, z};
  }
  return surface;
}

}  // namespace erwin::generate
