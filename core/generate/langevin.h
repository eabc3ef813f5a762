#pragma once
// A chain in a heat bath: Langevin dynamics by the splitting BAOAB (Leimkuhler and Matthews 2013).

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/generate/chain.h"
#include "core/generate/random.h"

namespace erwin::generate {

struct LangevinOptions {
  double step = 0.01;        // tau
  double friction = 0.5;     // 1/tau; 0: no bath, which makes it the velocity Verlet method
  double temperature = 1.0;  // epsilon
};

// m dv = F dt - friction m v dt + noise, per bead. A step of h: half a kick by the forces, half a drift, the bath over
// h exactly, half a drift, half a kick. Places are sampled to a higher order in h than velocities: stiff bonds of
// frequency w move as if they were colder by the share (w h)^2 / 4.
class LangevinChain {
public:
  // Velocities are drawn at the temperature.
  LangevinChain(Chain chain, std::vector<Vec3> positions, const LangevinOptions& options, Random random);

  // Raises Error{Config} where the step is too long for the chain to hold, Error{Cancelled}.
  void advance(std::int64_t steps, const Job& job = {});

  const Chain& chain() const { return forces_.chain(); }
  const std::vector<Vec3>& positions() const { return positions_; }
  const std::vector<Vec3>& velocities() const { return velocities_; }
  double potential_energy() { return forces_.energy(positions_); }
  double kinetic_energy() const;

private:
  void kick();
  void drift();
  void bath();
  ChainForces forces_;
  LangevinOptions options_;
  Random random_;
  std::vector<Vec3> positions_, velocities_, force_;
};

}  // namespace erwin::generate
