#include "core/generate/langevin.h"

#include <cmath>
#include <utility>

namespace erwin::generate {

LangevinChain::LangevinChain(Chain chain, std::vector<Vec3> positions, const LangevinOptions& options, Random random)
    : forces_(std::move(chain)),
      options_(options),
      random_(random),
      positions_(std::move(positions)),
      velocities_(positions_.size()),
      force_(positions_.size()) {
  for (std::size_t i = 0; i < velocities_.size(); ++i)
    for (double& v : velocities_[i]) v = std::sqrt(options_.temperature / this->chain().mass(i)) * random_.normal();
  forces_.evaluate(positions_, force_);
}

void LangevinChain::kick() {
  for (std::size_t i = 0; i < velocities_.size(); ++i)
    velocities_[i] = velocities_[i] + (options_.step / (2 * chain().mass(i))) * force_[i];
}

void LangevinChain::drift() {
  for (std::size_t i = 0; i < velocities_.size(); ++i)
    positions_[i] = positions_[i] + (options_.step / 2) * velocities_[i];
}

void LangevinChain::bath() {
  const double kept = std::exp(-options_.friction * options_.step), noise = std::sqrt(1 - kept * kept);
  for (std::size_t i = 0; i < velocities_.size(); i += 2) {
    const auto [x0, y0] = random_.normal_pair();
    const auto [z0, x1] = random_.normal_pair();
    const auto scale = [&](std::size_t bead) { return noise * std::sqrt(options_.temperature / chain().mass(bead)); };
    velocities_[i] = kept * velocities_[i] + scale(i) * Vec3{x0, y0, z0};
    if (i + 1 == velocities_.size()) break;
    const auto [y1, z1] = random_.normal_pair();
    velocities_[i + 1] = kept * velocities_[i + 1] + scale(i + 1) * Vec3{x1, y1, z1};
  }
}

void LangevinChain::advance(std::int64_t steps, const Job& job) {
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step % 64 == 0) job.check();
    kick();
    drift();
    if (options_.friction > 0) bath();
    drift();
    forces_.evaluate(positions_, force_);
    kick();
  }
}

double LangevinChain::kinetic_energy() const {
  double energy = 0;
  for (std::size_t i = 0; i < velocities_.size(); ++i)
    energy += chain().mass(i) / 2 * dot(velocities_[i], velocities_[i]);
  return energy;
}

}  // namespace erwin::generate
