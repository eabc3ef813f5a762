#pragma once
// Closed surfaces of quads for the panel method: a sphere, and bodies shaped like cars.

#include <array>
#include <cstdint>
#include <vector>

#include "core/generate/random.h"
#include "core/generate/vector.h"

namespace erwin::generate {

// A closed surface: every edge belongs to two quads, corners run counter-clockwise seen from outside.
struct Surface {
  std::vector<Vec3> vertices;  // m
  std::vector<std::array<std::uint32_t, 4>> quads;
};

// Quads along x, y and z of the box grid that a surface is made from. It has 2 (xy + yz + xz) quads and 2 vertices
// more.
struct BoxGrid {
  int x = 0, y = 0, z = 0;
  std::int64_t vertices() const { return 2 * (std::int64_t{x} * y + std::int64_t{y} * z + std::int64_t{x} * z) + 2; }
};

// The surface of the cube [-1, 1]^3, cut into the grid's quads.
Surface box_surface(const BoxGrid& grid);

// A sphere around the origin with 6 n^2 quads of about equal size (an equiangular cube sphere); vertices lie on it.
Surface sphere(int n, double radius);

// What one body looks like. Lengths in m; x runs from nose to tail, z up from the ground at 0. A superellipsoid is
// pressed between an underside with four wheel bulges and a roof line, and narrowed towards the roof and the ends; x
// grows with x and z with z everywhere, so that the surface cannot meet itself.
struct CarShape {
  double length = 4.4, width = 1.8, height = 1.45;
  double clearance = 0.22;                                // of the floor
  double exponent = 4.5;                                  // of the superellipsoid: higher is boxier
  double hood = 0.62, rear = 0.75;                        // heights as shares of the roof's
  double windscreen_begin = -0.4, windscreen_end = -0.1;  // places along x, -1 nose, 1 tail
  double rear_window_begin = 0.45, rear_window_end = 0.75;
  double nose_drop = 0.1;  // how far the hood falls towards the nose, share of the roof
  double narrow_roof = 0.15, narrow_nose = 0.12, narrow_tail = 0.08;  // shares of the width
  double wheel_radius = 0.32, wheel_gap = 0.09;                       // gap: from the ground to the bulge
  double front_wheel = -0.62, rear_wheel = 0.62;
};

// A body drawn at random: from saloon to van.
CarShape random_car(Random& random);

// The grid of a car whose number of vertices comes nearest to `points`.
BoxGrid car_grid(std::int64_t points);
Surface car(const CarShape& shape, const BoxGrid& grid);

}  // namespace erwin::generate
