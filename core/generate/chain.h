#pragma once
// A polymer chain of beads on springs (Kremer and Grest 1990): who is who, and what pulls and pushes.
//
// Reduced units: lengths in sigma, energies in epsilon = kT at temperature 1, masses in m, times in tau = sigma sqrt(m
// / epsilon). Bead i is bonded to bead i + 1; the chain lies in open space and its solvent is implicit.

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/generate/vector.h"

namespace erwin::generate {

struct BeadType {
  double diameter, mass;
};
// The four types; a pair's diameter is the mean of the two.
constexpr std::array<BeadType, 4> bead_types{{{1.0, 1.0}, {1.2, 1.7}, {0.9, 0.7}, {1.1, 2.4}}};

enum class BondKind {
  Fene,     // -k R^2 / 2 ln(1 - (r / R)^2) with k = 30 / d^2, R = 1.5 d, and the repulsion of all pairs on top
  Harmonic  // k (r - d)^2 / 2 with k = 200 / d^2; bonded beads do not repel each other otherwise
};
const char* name_of(BondKind kind);  // "fene", "harmonic"

struct Chain {
  std::vector<int> types;  // entries of bead_types, along the chain
  BondKind bonds = BondKind::Fene;

  double mass(std::size_t bead) const { return bead_types[static_cast<std::size_t>(types[bead])].mass; }
  double pair_diameter(std::size_t a, std::size_t b) const;
};

// A pair of diameter d at a distance whose square is r2: its energy U, and its pull, (dU/dr) / r, which times the way
// to the other bead is the force on a bead. Weeks, Chandler and Andersen: 4 ((d/r)^12 - (d/r)^6) + 1 below 2^(1/6) d,
// else nothing.
double repulsion_energy(double d, double r2);
double repulsion_pull(double d, double r2);
// All that acts between bonded beads; infinite where a FENE bond is beyond its reach.
double bond_energy(BondKind kind, double d, double r2);
double bond_pull(BondKind kind, double d, double r2);

// Pairs (i < j) of points closer than `reach`, each once, found with cells of at least that size; the order depends on
// the points alone. Raises Error{Config} where a coordinate is not finite or absurd: the time step is too long.
void find_pairs(std::span<const Vec3> points, double reach, std::vector<std::pair<int, int>>& pairs);

// Forces of a chain. Remembers neighbours between calls and looks for new ones when a bead has moved far enough.
class ChainForces {
public:
  explicit ChainForces(Chain chain);
  const Chain& chain() const { return chain_; }
  // Writes the forces. Raises Error{Config} where a bond broke.
  void evaluate(std::span<const Vec3> positions, std::span<Vec3> forces);
  // The potential energy.
  double energy(std::span<const Vec3> positions);

private:
  void find_neighbours(std::span<const Vec3> positions);
  bool moved_far(std::span<const Vec3> positions) const;
  Chain chain_;
  double reach_;
  std::vector<Vec3> positions_of_pairs_;
  std::vector<std::pair<int, int>> pairs_;
};

}  // namespace erwin::generate
