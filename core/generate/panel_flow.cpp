#include "core/generate/panel_flow.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

#include "core/base/error.h"
#include "core/generate/gmres.h"

namespace erwin::generate {

namespace {

constexpr double four_pi = 4 * std::numbers::pi;
// Beyond so many diagonals a panel acts as a point (relative error about 1 / (24 * 36)).
constexpr double far_diagonals = 6;

struct Panel {
  std::array<Vec3, 4> corners;  // in one plane, counter-clockwise about the normal
  Vec3 centre, normal;
  double area = 0, far_squared = 0;
};

Panel make_panel(const Surface& surface, const std::array<std::uint32_t, 4>& quad) {
  Panel panel;
  for (std::size_t k = 0; k < 4; ++k) panel.corners[k] = surface.vertices[quad[k]];
  auto& c = panel.corners;
  const Vec3 first = c[2] - c[0], second = c[3] - c[1], product = cross(first, second);
  const double size = norm(product);
  if (!(size > 0)) throw Error(ErrorKind::Internal, "a panel has no area");
  panel.normal = (1 / size) * product;
  panel.area = size / 2;
  const Vec3 mean = 0.25 * (c[0] + c[1] + c[2] + c[3]);
  for (Vec3& corner : c) corner = corner - dot(corner - mean, panel.normal) * panel.normal;
  // The centroid of the flat quad: of its two triangles, weighted by their areas.
  const double left = dot(cross(c[1] - c[0], c[2] - c[0]), panel.normal);
  const double right = dot(cross(c[2] - c[0], c[3] - c[0]), panel.normal);
  panel.centre = (1 / (3 * (left + right))) * (left * (c[0] + c[1] + c[2]) + right * (c[0] + c[2] + c[3]));
  const double longest = std::max(norm(first), norm(second));
  panel.far_squared = far_diagonals * far_diagonals * longest * longest;
  return panel;
}

// The solid angle of a triangle seen from the origin (van Oosterom and Strackee, 1983); negative where its corners run
// counter-clockwise.
double solid_angle(const Vec3& a, const Vec3& b, const Vec3& c, double ra, double rb, double rc) {
  const double volume = dot(a, cross(b, c));
  const double rest = ra * rb * rc + dot(a, b) * rc + dot(a, c) * rb + dot(b, c) * ra;
  return 2 * std::atan2(volume, rest);
}

// The integral of (place - q) / |place - q|^3 over the panel: 4 pi times the velocity of a unit source density. By
// Gauss' theorem its part in the plane is a sum over the edges, the part across it is the solid angle.
Vec3 influence(const Panel& panel, const Vec3& place, bool own) {
  const Vec3 away = place - panel.centre;
  const double squared = dot(away, away);
  if (squared > panel.far_squared) return (panel.area / (squared * std::sqrt(squared))) * away;
  std::array<Vec3, 4> to;
  std::array<double, 4> r;
  for (std::size_t k = 0; k < 4; ++k) {
    to[k] = panel.corners[k] - place;
    r[k] = norm(to[k]);
  }
  Vec3 result{};
  for (std::size_t k = 0; k < 4; ++k) {
    const std::size_t next = (k + 1) % 4;
    const Vec3 edge = to[next] - to[k];
    const double length = norm(edge);
    // A quad may end in a point.
    if (length == 0) continue;
    const double both = r[k] + r[next];
    result = result + (std::log((both + length) / (both - length)) / length) * cross(edge, panel.normal);
  }
  const double angle =
      own ? 2 * std::numbers::pi
          : -solid_angle(to[0], to[1], to[2], r[0], r[1], r[2]) - solid_angle(to[0], to[2], to[3], r[0], r[2], r[3]);
  return result + angle * panel.normal;
}

// Velocities at all centroids from unit sources on all panels.
class Influences {
public:
  Influences(const std::vector<Panel>& panels, bool ground, const Job& job)
      : size_(panels.size()), normal_(size_ * size_), velocity_(3 * size_ * size_) {
    for (std::size_t i = 0; i < size_; ++i) {
      if (i % 16 == 0) job.check();
      const Vec3& place = panels[i].centre;
      const Vec3 mirrored{place[0], place[1], -place[2]};
      for (std::size_t j = 0; j < size_; ++j) {
        Vec3 v = influence(panels[j], place, i == j);
        if (ground) {
          // The image acts here as the panel does at the mirrored place.
          const Vec3 image = influence(panels[j], mirrored, false);
          v = v + Vec3{image[0], image[1], -image[2]};
        }
        v = (1 / four_pi) * v;
        normal_[i * size_ + j] = static_cast<float>(dot(v, panels[i].normal));
        for (std::size_t k = 0; k < 3; ++k) velocity_[(3 * i + k) * size_ + j] = static_cast<float>(v[k]);
      }
    }
  }

  double normal(std::size_t at, std::span<const double> sources) const {
    return product(normal_.data() + at * size_, sources);
  }
  Vec3 velocity(std::size_t at, std::span<const double> sources) const {
    Vec3 result;
    for (std::size_t k = 0; k < 3; ++k) result[k] = product(velocity_.data() + (3 * at + k) * size_, sources);
    return result;
  }

private:
  // Four sums at once: one alone waits for its own last addition.
  double product(const float* row, std::span<const double> sources) const {
    std::array<double, 4> sums{};
    std::size_t j = 0;
    for (; j + 4 <= size_; j += 4)
      for (std::size_t k = 0; k < 4; ++k) sums[k] += static_cast<double>(row[j + k]) * sources[j + k];
    for (; j < size_; ++j) sums[0] += static_cast<double>(row[j]) * sources[j];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
  }

  std::size_t size_;
  std::vector<float> normal_, velocity_;
};

// What the panels around a vertex say of the pressure there: a plane fitted to their values in the tangent plane,
// weighted by their areas, never beyond what they hold themselves.
class VertexFit {
public:
  VertexFit(const Vec3& vertex, const Vec3& normal) : vertex_(vertex) {
    const Vec3 side = std::abs(normal[0]) < 0.7 ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
    first_ = cross(normal, side);
    first_ = (1 / norm(first_)) * first_;
    second_ = cross(normal, first_);
  }
  void add(const Panel& panel, double value) {
    const Vec3 away = panel.centre - vertex_;
    const double x = dot(away, first_), y = dot(away, second_), w = panel.area;
    weight_ += w;
    x_ += w * x, y_ += w * y, value_ += w * value;
    xx_ += w * x * x, xy_ += w * x * y, yy_ += w * y * y;
    xv_ += w * x * value, yv_ += w * y * value;
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  double at_vertex() const {
    const double x = x_ / weight_, y = y_ / weight_, mean = value_ / weight_;
    const double xx = xx_ / weight_ - x * x, xy = xy_ / weight_ - x * y, yy = yy_ / weight_ - y * y;
    const double xv = xv_ / weight_ - x * mean, yv = yv_ / weight_ - y * mean;
    const double determinant = xx * yy - xy * xy;
    // Centroids on a line: the mean is all there is.
    if (!(determinant > 1e-6 * (xx + yy) * (xx + yy))) return mean;
    const double slope_x = (xv * yy - yv * xy) / determinant, slope_y = (yv * xx - xv * xy) / determinant;
    return std::clamp(mean - slope_x * x - slope_y * y, low_, high_);
  }

private:
  Vec3 vertex_, first_, second_;
  double weight_ = 0, x_ = 0, y_ = 0, value_ = 0, xx_ = 0, xy_ = 0, yy_ = 0, xv_ = 0, yv_ = 0;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
};

std::vector<double> to_vertices(const Surface& surface, const std::vector<Panel>& panels,
                                const std::vector<double>& of_panels) {
  std::vector<Vec3> normals(surface.vertices.size());
  for (std::size_t i = 0; i < panels.size(); ++i)
    for (const std::uint32_t v : surface.quads[i]) normals[v] = normals[v] + panels[i].area * panels[i].normal;
  std::vector<VertexFit> fits;
  for (std::size_t v = 0; v < normals.size(); ++v)
    fits.emplace_back(surface.vertices[v], (1 / norm(normals[v])) * normals[v]);
  for (std::size_t i = 0; i < panels.size(); ++i)
    for (const std::uint32_t v : surface.quads[i]) fits[v].add(panels[i], of_panels[i]);
  std::vector<double> values;
  for (const VertexFit& fit : fits) values.push_back(fit.at_vertex());
  return values;
}

}  // namespace

std::uint64_t flow_bytes(std::int64_t quads) {
  const auto n = static_cast<std::uint64_t>(quads);
  return 16 * n * n + 1024 * n;
}

PanelFlow solve_flow(const Surface& surface, bool ground, const Job& job) {
  if (surface.quads.empty()) throw Error(ErrorKind::Internal, "a body without panels");
  std::vector<Panel> panels;
  for (const auto& quad : surface.quads) panels.push_back(make_panel(surface, quad));
  const Influences influences(panels, ground, job);

  constexpr Vec3 wind{1, 0, 0};
  std::vector<double> wanted;
  for (const Panel& panel : panels) wanted.push_back(-dot(wind, panel.normal));
  PanelFlow flow;
  const auto apply = [&](std::span<const double> sources, std::span<double> result) {
    job.check();
    for (std::size_t i = 0; i < panels.size(); ++i) result[i] = influences.normal(i, sources);
  };
  const std::vector<double> sources = gmres(apply, wanted, 1e-6, 200, flow.iterations);

  for (std::size_t i = 0; i < panels.size(); ++i) {
    const Vec3 velocity = wind + influences.velocity(i, sources);
    flow.panel_pressure.push_back(1 - dot(velocity, velocity));
  }
  flow.vertex_pressure = to_vertices(surface, panels, flow.panel_pressure);
  return flow;
}

}  // namespace erwin::generate
