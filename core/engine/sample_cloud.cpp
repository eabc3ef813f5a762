#include "core/engine/sample_cloud.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"

namespace erwin {

namespace {

using Vec3 = std::array<double, 3>;

// Uniform numbers in [0, 1) that are the same on every platform (SplitMix64).
class Uniform {
public:
  explicit Uniform(std::uint64_t seed) : state_(seed) {}
  double operator()() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

private:
  std::uint64_t state_;
};

// |x/a|^e + |y/b|^e + |z/c|^e = 1, moved to `centre`: a box with rounded edges.
struct Part {
  Vec3 centre, half;
  double exponent;
};

constexpr std::array<Part, 6> parts{{{{0, 0, 0.62}, {2.1, 0.86, 0.36}, 4.0},
                                     {{0.22, 0, 1.02}, {1.15, 0.72, 0.42}, 2.8},
                                     {{-1.3, -0.74, 0.32}, {0.33, 0.13, 0.33}, 2.6},
                                     {{-1.3, 0.74, 0.32}, {0.33, 0.13, 0.33}, 2.6},
                                     {{1.3, -0.74, 0.32}, {0.33, 0.13, 0.33}, 2.6},
                                     {{1.3, 0.74, 0.32}, {0.33, 0.13, 0.33}, 2.6}}};

double level(const Part& part, const Vec3& p) {
  double sum = 0;
  for (int k = 0; k < 3; ++k) sum += std::pow(std::abs((p[k] - part.centre[k]) / part.half[k]), part.exponent);
  return sum;
}

Vec3 gradient(const Part& part, const Vec3& p) {
  Vec3 g;
  for (int k = 0; k < 3; ++k) {
    const double u = (p[k] - part.centre[k]) / part.half[k];
    g[k] = part.exponent * std::copysign(std::pow(std::abs(u), part.exponent - 1), u) / part.half[k];
  }
  return g;
}

double length(const Vec3& v) {
  return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
}

struct SurfacePoint {
  Vec3 position, normal;
};

// A direction, scaled to the surface. Area per solid angle is r^2 / cos(angle between radius and normal): accepting
// with that share of the part's largest value spreads the points evenly over the surface.
SurfacePoint draw(const Part& part, Uniform& random) {
  const double bound = 1.6 * (part.half[0] * part.half[0] + part.half[1] * part.half[1] + part.half[2] * part.half[2]);
  while (true) {
    const double z = 2 * random() - 1, angle = 2 * std::numbers::pi * random(), s = std::sqrt(1 - z * z);
    const Vec3 direction{s * std::cos(angle), s * std::sin(angle), z};
    Vec3 probe = part.centre;
    for (int k = 0; k < 3; ++k) probe[k] += direction[k];
    const double r = std::pow(level(part, probe), -1 / part.exponent);
    SurfacePoint result;
    for (int k = 0; k < 3; ++k) result.position[k] = part.centre[k] + r * direction[k];
    Vec3 g = gradient(part, result.position);
    const double size = length(g);
    for (double& x : g) x /= size;
    result.normal = g;
    const double cosine = g[0] * direction[0] + g[1] * direction[1] + g[2] * direction[2];
    if (random() * bound < r * r / std::max(cosine, 0.05)) return result;
  }
}

double area_of(const Part& part) {
  const auto& h = part.half;
  return h[0] * h[1] + h[1] * h[2] + h[0] * h[2];
}

bool hidden(std::size_t own, const Vec3& p) {
  for (std::size_t k = 0; k < parts.size(); ++k)
    if (k != own && level(parts[k], p) < 1) return true;
  return false;
}

// High where the surface faces the wind from -x, low over shoulders and roof, recovering towards the tail.
double made_up_pressure(const SurfacePoint& s) {
  const double facing = std::max(0.0, -s.normal[0]);
  const double lift = s.normal[2] * std::exp(-std::pow((s.position[0] - 0.1) / 1.1, 2));
  const double side = std::abs(s.normal[1]) * std::exp(-std::pow((s.position[0] + 1.2) / 0.9, 2));
  return 200 * facing * facing - 90 * lift - 60 * side - 25 * std::max(0.0, s.normal[0]);
}

// Points that keep a distance from each other, which shrinks until enough of them fit.
class Spread {
public:
  explicit Spread(double distance) : distance_(distance), cell_(distance) {}

  bool accept(const Vec3& p) {
    const auto home = cell_of(p);
    for (std::int64_t dx = -1; dx <= 1; ++dx)
      for (std::int64_t dy = -1; dy <= 1; ++dy)
        for (std::int64_t dz = -1; dz <= 1; ++dz) {
          const auto found = grid_.find(key(home[0] + dx, home[1] + dy, home[2] + dz));
          if (found == grid_.end()) continue;
          for (const Vec3& other : found->second)
            if (length({p[0] - other[0], p[1] - other[1], p[2] - other[2]}) < distance_) return refuse();
        }
    grid_[key(home[0], home[1], home[2])].push_back(p);
    refused_ = 0;
    return true;
  }

private:
  std::array<std::int64_t, 3> cell_of(const Vec3& p) const {
    std::array<std::int64_t, 3> cell;
    for (std::size_t k = 0; k < 3; ++k) cell[k] = static_cast<std::int64_t>(std::floor(p[k] / cell_));
    return cell;
  }
  static std::int64_t key(std::int64_t x, std::int64_t y, std::int64_t z) {
    return ((x & 0x1fffff) << 42) | ((y & 0x1fffff) << 21) | (z & 0x1fffff);
  }
  bool refuse() {
    if (++refused_ < 40) return false;
    distance_ *= 0.98;
    refused_ = 0;
    return false;
  }

  double distance_;
  const double cell_;  // stays: the distance only shrinks
  int refused_ = 0;
  std::unordered_map<std::int64_t, std::vector<Vec3>> grid_;
};

}  // namespace

PointCloudPtr make_sample_cloud(std::int64_t points, std::uint64_t seed) {
  if (points < 64 || points > 10'000'000)
    throw Error(ErrorKind::Config, "the number of points is out of range", std::to_string(points),
                "Choose between 64 and 10,000,000 points");
  double total = 0;
  for (const Part& part : parts) total += area_of(part);
  Uniform random(seed);
  // A surface of about 40 square metres; hexagonally packed points would lie 1.07 sqrt(area / points) apart.
  Spread spread(0.95 * std::sqrt(40.0 / static_cast<double>(points)));
  PointCloud::Parts made;
  made.positions.reserve(static_cast<std::size_t>(3 * points));
  std::vector<float> pressure;
  pressure.reserve(static_cast<std::size_t>(points));
  while (static_cast<std::int64_t>(pressure.size()) < points) {
    double choice = random() * total;
    std::size_t own = 0;
    while (own + 1 < parts.size() && choice >= area_of(parts[own])) choice -= area_of(parts[own++]);
    const SurfacePoint s = draw(parts[own], random);
    if (hidden(own, s.position) || !spread.accept(s.position)) continue;
    for (const double x : s.position) made.positions.push_back(static_cast<float>(x));
    pressure.push_back(static_cast<float>(made_up_pressure(s)));
  }
  made.unit = "m";
  made.fields.emplace_back("pressure", FieldKind::Scalar, 1, std::move(pressure), "Pa");
  made.source.format = "made by the program";
  made.source.remarks.push_back("pressure is a made-up smooth field, for trying the program out");
  return std::make_shared<PointCloud>(std::move(made));
}

}  // namespace erwin
