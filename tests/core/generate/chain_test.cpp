// What acts in a chain against other ways to say it: slopes against differences, cells against all pairs.

#include "core/generate/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/generate/random.h"
#include "tests/core/generate/checks.h"

namespace erwin::generate {
namespace {

TEST(ChainPotential, IsWhatItSays) {
  const double end = std::pow(2, 1.0 / 6);
  EXPECT_NEAR(repulsion_energy(1, 1), 1, 1e-12);
  EXPECT_NEAR(repulsion_energy(1.3, std::pow(1.3 * end, 2) * (1 - 1e-9)), 0, 1e-6) << "it ends without a step";
  EXPECT_EQ(repulsion_energy(1.3, std::pow(1.3 * end, 2)), 0);
  EXPECT_EQ(repulsion_pull(1, 4), 0);
  EXPECT_NEAR(repulsion_pull(1, end * end * (1 - 1e-9)), 0, 1e-6) << "nor a kink";
  EXPECT_LT(repulsion_pull(1, 0.9), 0) << "away from the other";
  EXPECT_EQ(bond_energy(BondKind::Fene, 1, 2.25), std::numeric_limits<double>::infinity());
  EXPECT_NEAR(bond_energy(BondKind::Fene, 1, 1), -0.5 * 30 * 2.25 * std::log(1 - 1 / 2.25) + 1, 1e-9);
  EXPECT_NEAR(bond_energy(BondKind::Harmonic, 1.1, 1.2 * 1.2), 0.5 * 200 / 1.21 * 0.01, 1e-9);
  for (const BondKind kind : {BondKind::Fene, BondKind::Harmonic})
    for (const double r : {0.8, 0.97, 1.1, 1.3}) {
      constexpr double step = 1e-5;
      const double slope =
          (bond_energy(kind, 1.05, std::pow(r + step, 2)) - bond_energy(kind, 1.05, std::pow(r - step, 2))) /
          (2 * step);
      EXPECT_NEAR(bond_pull(kind, 1.05, r * r) * r, slope, 1e-5 * (1 + std::abs(slope))) << name_of(kind) << " " << r;
    }
}

// A crumpled chain in which many beads touch that are not bonded.
std::vector<Vec3> crumpled(std::size_t beads, Random& random) {
  std::vector<Vec3> places;
  for (std::size_t i = 0; i < beads; ++i) {
    // A helix whose turns touch, shaken.
    const double angle = 0.9 * static_cast<double>(i);
    Vec3 place{1.15 * std::cos(angle), 1.15 * std::sin(angle), 0.145 * static_cast<double>(i)};
    for (double& x : place) x += random.uniform(-0.03, 0.03);
    places.push_back(place);
  }
  return places;
}

Chain chain_of(std::size_t beads, BondKind kind) {
  Chain chain{{}, kind};
  for (std::size_t i = 0; i < beads; ++i) chain.types.push_back(static_cast<int>(i * 7 % 4));
  return chain;
}

TEST(ChainForces, AreSlopesOfTheEnergy) {
  for (const BondKind kind : {BondKind::Fene, BondKind::Harmonic}) {
    Random random(2);
    std::vector<Vec3> places = crumpled(30, random);
    ChainForces chain(chain_of(30, kind));
    std::vector<Vec3> forces(places.size());
    chain.evaluate(places, forces);
    const double energy = chain.energy(places);
    Vec3 sum{};
    double bonds = 0;
    for (const Vec3& force : forces) sum = sum + force;
    for (std::size_t i = 0; i + 1 < places.size(); ++i) {
      const Vec3 way = places[i + 1] - places[i];
      bonds += bond_energy(kind, chain.chain().pair_diameter(i, i + 1), dot(way, way));
    }
    EXPECT_GT(energy, bonds + 1) << "beads that are not bonded touch";
    EXPECT_NEAR(norm(sum), 0, 1e-8) << "a chain does not push itself";
    for (std::size_t i = 0; i < places.size(); ++i)
      for (std::size_t c = 0; c < 3; ++c) {
        constexpr double step = 1e-6;
        const double here = places[i][c];
        places[i][c] = here + step;
        const double above = chain.energy(places);
        places[i][c] = here - step;
        const double below = chain.energy(places);
        places[i][c] = here;
        EXPECT_NEAR(forces[i][c], -(above - below) / (2 * step), 1e-4 * (1 + std::abs(forces[i][c])));
      }
  }
}

std::vector<std::pair<int, int>> all_pairs(const std::vector<Vec3>& points, double reach) {
  std::vector<std::pair<int, int>> pairs;
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t j = i + 1; j < points.size(); ++j)
      if (norm(points[i] - points[j]) < reach) pairs.emplace_back(static_cast<int>(i), static_cast<int>(j));
  return pairs;
}

TEST(FindPairs, FindsAllOfThem) {
  Random random(6);
  // Dense, sparse, flat, and a line whose box has far more cells than points.
  const Vec3 boxes[] = {{4, 4, 4}, {30, 30, 30}, {20, 20, 0}, {1, 1, 900}, {0, 0, 0}};
  for (const Vec3& box : boxes) {
    std::vector<Vec3> points;
    for (int i = 0; i < 200; ++i) {
      const double along = box[2] > 100 ? i / 200.0 : random.uniform();
      points.push_back({box[0] * random.uniform(), box[1] * random.uniform() - 5, box[2] * along + 7});
    }
    if (box[2] > 100)
      for (std::size_t i = 0; i < points.size(); ++i) points[i] = points[i] + (static_cast<double>(i) * Vec3{3, 2, 0});
    for (const double reach : {0.4, 1.7, 6.0}) {
      std::vector<std::pair<int, int>> pairs;
      find_pairs(points, reach, pairs);
      std::sort(pairs.begin(), pairs.end());
      EXPECT_EQ(pairs, all_pairs(points, reach)) << box[0] << " " << box[2] << ", reach " << reach;
    }
  }
  std::vector<std::pair<int, int>> pairs{{1, 2}};
  find_pairs({}, 1, pairs);
  EXPECT_TRUE(pairs.empty());
}

TEST(ChainForces, SayThatTheStepWasTooLong) {
  ChainForces chain(chain_of(3, BondKind::Fene));
  std::vector<Vec3> places{{0, 0, 0}, {1, 0, 0}, {3, 0, 0}}, forces(3);
  EXPECT_EQ(error_kind([&] { chain.evaluate(places, forces); }), ErrorKind::Config) << "a bond broke";
  places[2][0] = std::nan("");
  EXPECT_EQ(error_kind([&] { chain.evaluate(places, forces); }), ErrorKind::Config);
  places[2][0] = 1e300;
  EXPECT_EQ(error_kind([&] { chain.evaluate(places, forces); }), ErrorKind::Config);
}

}  // namespace
}  // namespace erwin::generate
