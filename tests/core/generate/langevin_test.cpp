// The dynamics against statistical mechanics: equipartition, Boltzmann's distribution of a bond, Einstein's diffusion,
// and the conservation of energy where there is no bath.

#include "core/generate/langevin.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stop_token>

#include "core/generate/polymer.h"
#include "tests/core/generate/checks.h"

namespace erwin::generate {
namespace {

Chain mixed_chain(std::size_t beads, BondKind kind = BondKind::Fene) {
  Chain chain{{}, kind};
  for (std::size_t i = 0; i < beads; ++i) chain.types.push_back(static_cast<int>(i % 4));
  return chain;
}

LangevinChain chain_in_bath(const Chain& chain, const LangevinOptions& options, std::uint64_t seed) {
  Random random(seed);
  std::vector<Vec3> walk = draw_walk(chain, random);
  return LangevinChain(chain, std::move(walk), options, random);
}

TEST(Langevin, EveryKindOfBeadHasTheTemperature) {
  // Samples half a tau apart at this friction and these bonds are independent, or nearly so.
  constexpr int samples = 3000;
  LangevinOptions options{0.002, 2, 1.5};
  LangevinChain chain = chain_in_bath(mixed_chain(16), options, 1);
  chain.advance(5000);
  double twice_kinetic[4] = {}, all = 0;
  for (int i = 0; i < samples; ++i) {
    chain.advance(250);
    for (std::size_t bead = 0; bead < 16; ++bead)
      twice_kinetic[bead % 4] += chain.chain().mass(bead) * dot(chain.velocities()[bead], chain.velocities()[bead]);
    all += 2 * chain.kinetic_energy();
  }
  // m v^2 / T of a component varies by 2.
  for (const double sum : twice_kinetic) {
    constexpr double components = 3.0 * 4 * samples;
    EXPECT_NEAR(sum / components / options.temperature, 1, 4 * std::sqrt(2 / components));
  }
  constexpr double components = 3.0 * 16 * samples;
  EXPECT_NEAR(all / components / options.temperature, 1, 4 * std::sqrt(2 / components));
}

// Of exp(-U(r)) r^2: mean, deviation, and the lengths that cut it into ten equal parts.
struct BondLengths {
  double mean, deviation;
  std::array<double, 9> cuts;
};

BondLengths boltzmann(BondKind kind, double d) {
  constexpr int steps = 100'000;
  const double least = 0.3, most = 2.5;
  std::vector<double> weight;
  double sum = 0, first = 0, second = 0;
  const auto length = [&](int i) { return least + (most - least) * (i + 0.5) / steps; };
  for (int i = 0; i < steps; ++i) {
    const double r = length(i), w = r * r * std::exp(-bond_energy(kind, d, r * r));
    weight.push_back(w);
    sum += w;
    first += w * r;
    second += w * r * r;
  }
  BondLengths result{first / sum, std::sqrt(second / sum - std::pow(first / sum, 2)), {}};
  double part = 0;
  std::size_t cut = 0;
  for (int i = 0; i < steps && cut < 9; ++i) {
    part += weight[static_cast<std::size_t>(i)] / sum;
    if (part >= 0.1 * static_cast<double>(cut + 1)) result.cuts[cut++] = length(i);
  }
  return result;
}

TEST(Langevin, BondsAreAsLongAsBoltzmannSays) {
  for (const BondKind kind : {BondKind::Fene, BondKind::Harmonic}) {
    const Chain dimer{{1, 3}, kind};
    const BondLengths expected = boltzmann(kind, dimer.pair_diameter(0, 1));
    LangevinChain chain = chain_in_bath(dimer, {0.004, 2, 1}, 4);
    chain.advance(2500);
    constexpr int samples = 10'000;
    double mean = 0, square = 0;
    std::array<int, 10> parts{};
    for (int i = 0; i < samples; ++i) {
      chain.advance(250);  // a tau: twice the time in which the bath forgets
      const double r = norm(chain.positions()[1] - chain.positions()[0]);
      mean += r / samples;
      square += r * r / samples;
      ++parts[static_cast<std::size_t>(std::lower_bound(expected.cuts.begin(), expected.cuts.end(), r) -
                                       expected.cuts.begin())];
    }
    const double error = expected.deviation / std::sqrt(1.0 * samples);
    EXPECT_NEAR(mean, expected.mean, 4 * error) << name_of(kind);
    EXPECT_NEAR(std::sqrt(square - mean * mean), expected.deviation, 4 * error) << name_of(kind);
    for (const int part : parts)  // a share of 0.1 varies by 0.09 / samples
      EXPECT_NEAR(part / static_cast<double>(samples), 0.1, 4 * std::sqrt(0.09 / samples)) << name_of(kind);
  }
}

TEST(Langevin, AFreeChainDiffusesAsEinsteinSays) {
  // The centre of mass knows nothing of inner forces: <r^2> = 6 D (t - (1 - exp(-g t)) / g) with D = T / (M g).
  constexpr double friction = 1.5, temperature = 0.8;
  constexpr std::int64_t steps = 1000;
  LangevinChain chain = chain_in_bath(mixed_chain(4), {0.01, friction, temperature}, 5);
  chain.advance(1000);
  double mass = 0;
  for (std::size_t i = 0; i < 4; ++i) mass += chain.chain().mass(i);
  const auto centre = [&] {
    Vec3 sum{};
    for (std::size_t i = 0; i < 4; ++i) sum = sum + (chain.chain().mass(i) / mass) * chain.positions()[i];
    return sum;
  };
  constexpr int walks = 1500;
  const double time = steps * 0.01;
  double square = 0;
  Vec3 before = centre();
  for (int i = 0; i < walks; ++i) {
    chain.advance(steps);
    const Vec3 now = centre(), way = now - before;
    square += dot(way, way) / walks;
    before = now;
  }
  const double expected = 6 * temperature / (mass * friction) * (time - (1 - std::exp(-friction * time)) / friction);
  EXPECT_NEAR(square / expected, 1, 4 * std::sqrt(2 / (3.0 * walks)));
}

TEST(Langevin, KeepsEnergyAndMomentumWithoutABath) {
  for (const BondKind kind : {BondKind::Fene, BondKind::Harmonic}) {
    LangevinChain warm = chain_in_bath(mixed_chain(30, kind), {0.004, 1, 1}, 7);
    warm.advance(5000);
    const auto momentum = [](const LangevinChain& chain) {
      Vec3 sum{};
      for (std::size_t i = 0; i < chain.velocities().size(); ++i)
        sum = sum + chain.chain().mass(i) * chain.velocities()[i];
      return sum;
    };
    double deviation[2];
    for (const int halving : {0, 1}) {
      const double step = halving ? 0.002 : 0.004;
      LangevinChain chain(warm.chain(), warm.positions(), {step, 0, 1}, Random(3));
      const auto energy = [&] { return chain.kinetic_energy() + chain.potential_energy(); };
      const double first = energy();
      const Vec3 push = momentum(chain);
      double square = 0, early = 0, late = 0;
      constexpr int samples = 2000;
      for (int i = 0; i < samples; ++i) {
        chain.advance(halving ? 4 : 2);
        const double error = energy() - first;
        square += error * error / samples;
        (i < samples / 2 ? early : late) += 2 * error / samples;
      }
      deviation[halving] = std::sqrt(square);
      EXPECT_LT(std::abs(late - early), deviation[halving]) << "no drift beyond the ripple";
      EXPECT_LT(deviation[halving], 0.02 * 1.5 * 30) << "a small part of the kinetic energy";
      EXPECT_NEAR(norm(momentum(chain) - push), 0, 1e-9);
    }
    EXPECT_GT(deviation[0] / deviation[1], 3) << "second order: a quarter for half the step";
    EXPECT_LT(deviation[0] / deviation[1], 5.3);
  }
}

TEST(Langevin, DependsOnItsSeedAlone) {
  const auto end = [](std::uint64_t seed, int pieces) {
    LangevinChain chain = chain_in_bath(mixed_chain(9), {}, seed);
    for (int i = 0; i < pieces; ++i) chain.advance(600 / pieces);
    return chain.positions();
  };
  EXPECT_EQ(end(1, 1), end(1, 3)) << "nor on how its way is cut";
  EXPECT_NE(end(1, 1), end(2, 1));
}

TEST(Langevin, StopsWhenAskedAndSaysThatAStepIsTooLong) {
  std::stop_source source;
  source.request_stop();
  LangevinChain chain = chain_in_bath(mixed_chain(9), {}, 1);
  EXPECT_EQ(error_kind([&] { chain.advance(1'000'000'000, Job(source.get_token())); }), ErrorKind::Cancelled);
  LangevinChain hasty = chain_in_bath(mixed_chain(9), {0.2, 0.5, 1}, 1);
  EXPECT_EQ(error_kind([&] { hasty.advance(100'000); }), ErrorKind::Config);
}

}  // namespace
}  // namespace erwin::generate
