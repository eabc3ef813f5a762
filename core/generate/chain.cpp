#include "core/generate/chain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace erwin::generate {

namespace {

constexpr double skin = 0.4;  // beyond the repulsion's reach: neighbours stay known while beads move half of it
constexpr double fene_stiffness = 30, fene_reach = 1.5, harmonic_stiffness = 200;  // epsilon / d^2, d, epsilon / d^2
constexpr double repulsion_reach = 1.122462048309373;                              // 2^(1/6), in diameters

[[noreturn]] void flew_apart(const char* what) {
  throw Error(ErrorKind::Config, "the chain flew apart", what, "Choose a smaller --dt");
}

double largest_diameter() {
  double largest = 0;
  for (const BeadType& type : bead_types) largest = std::max(largest, type.diameter);
  return largest;
}

// Points sorted into a grid of cells over their bounding box.
struct Cells {
  std::array<std::int64_t, 3> count{};
  std::vector<std::int32_t> first;   // of each cell in `points`, and the end
  std::vector<std::int32_t> points;  // by cell
};

Cells sort_into_cells(std::span<const Vec3> points, double edge) {
  constexpr double farthest = 1e6;
  Vec3 low = points[0], high = points[0];
  for (const Vec3& p : points)
    for (std::size_t c = 0; c < 3; ++c) {
      if (!(std::abs(p[c]) < farthest)) flew_apart("a bead has no sensible place");
      low[c] = std::min(low[c], p[c]);
      high[c] = std::max(high[c], p[c]);
    }
  // A long thin chain spans far more cells than it has beads: larger cells then.
  Cells cells;
  for (;; edge *= 1.25) {
    for (std::size_t c = 0; c < 3; ++c) cells.count[c] = 1 + static_cast<std::int64_t>((high[c] - low[c]) / edge);
    const double all =
        static_cast<double>(cells.count[0]) * static_cast<double>(cells.count[1]) * static_cast<double>(cells.count[2]);
    if (all <= 4.0 * static_cast<double>(points.size()) + 64) break;
  }
  std::vector<std::size_t> cell_of;
  cell_of.reserve(points.size());
  for (const Vec3& p : points) {
    std::size_t cell = 0;
    for (std::size_t c = 0; c < 3; ++c)
      cell = cell * static_cast<std::size_t>(cells.count[c]) + static_cast<std::size_t>((p[c] - low[c]) / edge);
    cell_of.push_back(cell);
  }
  cells.first.assign(static_cast<std::size_t>(cells.count[0] * cells.count[1] * cells.count[2]) + 1, 0);
  for (const std::size_t cell : cell_of) ++cells.first[cell + 1];
  for (std::size_t cell = 1; cell < cells.first.size(); ++cell) cells.first[cell] += cells.first[cell - 1];
  std::vector<std::int32_t> next(cells.first.begin(), cells.first.end() - 1);
  cells.points.resize(points.size());
  for (std::size_t i = 0; i < points.size(); ++i)
    cells.points[static_cast<std::size_t>(next[cell_of[i]]++)] = static_cast<std::int32_t>(i);
  return cells;
}

}  // namespace

const char* name_of(BondKind kind) {
  return kind == BondKind::Fene ? "fene" : "harmonic";
}

double Chain::pair_diameter(std::size_t a, std::size_t b) const {
  return 0.5 * (bead_types[static_cast<std::size_t>(types[a])].diameter +
                bead_types[static_cast<std::size_t>(types[b])].diameter);
}

double repulsion_energy(double d, double r2) {
  if (r2 >= repulsion_reach * repulsion_reach * d * d) return 0;
  const double inverse2 = d * d / r2, inverse6 = inverse2 * inverse2 * inverse2;
  return 4 * (inverse6 * inverse6 - inverse6) + 1;
}

double repulsion_pull(double d, double r2) {
  if (r2 >= repulsion_reach * repulsion_reach * d * d) return 0;
  const double inverse2 = d * d / r2, inverse6 = inverse2 * inverse2 * inverse2;
  return -24 * (2 * inverse6 * inverse6 - inverse6) / r2;
}

double bond_energy(BondKind kind, double d, double r2) {
  if (kind == BondKind::Harmonic) return harmonic_stiffness / (d * d) / 2 * std::pow(std::sqrt(r2) - d, 2);
  const double reach2 = fene_reach * fene_reach * d * d, left = 1 - r2 / reach2;
  if (!(left > 0)) return std::numeric_limits<double>::infinity();
  return -fene_stiffness / (d * d) / 2 * reach2 * std::log(left) + repulsion_energy(d, r2);
}

double bond_pull(BondKind kind, double d, double r2) {
  if (kind == BondKind::Harmonic) return harmonic_stiffness / (d * d) * (1 - d / std::sqrt(r2));
  const double left = 1 - r2 / (fene_reach * fene_reach * d * d);
  if (!(left > 0)) return std::numeric_limits<double>::infinity();
  return fene_stiffness / (d * d) / left + repulsion_pull(d, r2);
}

void find_pairs(std::span<const Vec3> points, double reach, std::vector<std::pair<int, int>>& pairs) {
  pairs.clear();
  if (points.empty()) return;
  const Cells cells = sort_into_cells(points, reach);
  const auto add = [&](std::int32_t a, std::int32_t b) {
    const Vec3 way = points[static_cast<std::size_t>(a)] - points[static_cast<std::size_t>(b)];
    if (dot(way, way) < reach * reach) pairs.emplace_back(std::min(a, b), std::max(a, b));
  };
  const auto range = [&](std::int64_t x, std::int64_t y, std::int64_t z) {
    const auto cell = static_cast<std::size_t>((x * cells.count[1] + y) * cells.count[2] + z);
    return std::span(cells.points)
        .subspan(static_cast<std::size_t>(cells.first[cell]),
                 static_cast<std::size_t>(cells.first[cell + 1] - cells.first[cell]));
  };
  for (std::int64_t x = 0; x < cells.count[0]; ++x)
    for (std::int64_t y = 0; y < cells.count[1]; ++y)
      for (std::int64_t z = 0; z < cells.count[2]; ++z) {
        const auto here = range(x, y, z);
        for (std::size_t i = 0; i < here.size(); ++i)
          for (std::size_t j = i + 1; j < here.size(); ++j) add(here[i], here[j]);
        if (here.empty()) continue;
        // The 13 of the 26 neighbours that come later: each pair of cells is met once.
        for (int step = 14; step < 27; ++step) {
          const std::int64_t at[3] = {x + step / 9 - 1, y + step / 3 % 3 - 1, z + step % 3 - 1};
          bool inside = true;
          for (std::size_t c = 0; c < 3; ++c) inside = inside && at[c] >= 0 && at[c] < cells.count[c];
          if (!inside) continue;
          for (const std::int32_t a : here)
            for (const std::int32_t b : range(at[0], at[1], at[2])) add(a, b);
        }
      }
}

ChainForces::ChainForces(Chain chain) : chain_(std::move(chain)), reach_(repulsion_reach * largest_diameter() + skin) {}

bool ChainForces::moved_far(std::span<const Vec3> positions) const {
  if (positions_of_pairs_.empty()) return true;
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Vec3 way = positions[i] - positions_of_pairs_[i];
    // What is not a number has moved far, too.
    if (!(dot(way, way) <= skin * skin / 4)) return true;
  }
  return false;
}

void ChainForces::find_neighbours(std::span<const Vec3> positions) {
  if (!moved_far(positions)) return;
  find_pairs(positions, reach_, pairs_);
  // What acts between bonded beads is added along the chain.
  std::erase_if(pairs_, [](const std::pair<int, int>& pair) { return pair.second == pair.first + 1; });
  positions_of_pairs_.assign(positions.begin(), positions.end());
}

void ChainForces::evaluate(std::span<const Vec3> positions, std::span<Vec3> forces) {
  find_neighbours(positions);
  std::fill(forces.begin(), forces.end(), Vec3{});
  for (const auto& [i, j] : pairs_) {
    const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
    const Vec3 way = positions[b] - positions[a];
    const double pull = repulsion_pull(chain_.pair_diameter(a, b), dot(way, way));
    if (pull == 0) continue;
    forces[a] = forces[a] + pull * way;
    forces[b] = forces[b] - pull * way;
  }
  for (std::size_t a = 0; a + 1 < positions.size(); ++a) {
    const Vec3 way = positions[a + 1] - positions[a];
    const double pull = bond_pull(chain_.bonds, chain_.pair_diameter(a, a + 1), dot(way, way));
    if (!std::isfinite(pull)) flew_apart("a bond broke");
    forces[a] = forces[a] + pull * way;
    forces[a + 1] = forces[a + 1] - pull * way;
  }
}

double ChainForces::energy(std::span<const Vec3> positions) {
  find_neighbours(positions);
  const auto square = [&](std::size_t a, std::size_t b) {
    const Vec3 way = positions[b] - positions[a];
    return dot(way, way);
  };
  double sum = 0;
  for (const auto& [i, j] : pairs_) {
    const auto a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(j);
    sum += repulsion_energy(chain_.pair_diameter(a, b), square(a, b));
  }
  for (std::size_t a = 0; a + 1 < positions.size(); ++a)
    sum += bond_energy(chain_.bonds, chain_.pair_diameter(a, a + 1), square(a, a + 1));
  return sum;
}

}  // namespace erwin::generate
