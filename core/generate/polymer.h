#pragma once
// Trajectories of single polymer chains: the task of molecular dynamics, the next acceleration from past velocities.
//
// Every sample is a chain of its own (chain.h) with a sequence of four bead types of its own, in a heat bath
// (langevin.h). Its frames are windows: of 17 places in equal intervals the first 16 are seen, the last is to be
// predicted. Chains to train and validate with are written at one interval, chains to test with at another, longer one,
// as in the published task, so that a test also asks how a network carries over to other time steps.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/generate/chain.h"
#include "core/generate/data_set.h"
#include "core/generate/random.h"

namespace erwin::generate {

struct PolymerOptions {
  SplitCounts counts{15, 3, 6};  // chains
  std::int64_t points = 128;     // beads
  std::int64_t windows = 16;     // of a chain, each beginning an interval after the last
  double interval = 5;           // tau, between the places of a window, to train and validate with
  double test_interval = 50;     // tau, to test with
  double relaxation = 200;       // tau, before the first place is kept
  double time_step = 0.01;       // tau
  double friction = 0.5;         // 1/tau
  BondKind bonds = BondKind::Fene;
  std::uint64_t seed = 1;
};

constexpr std::int64_t window_places = 17;
constexpr int history_numbers = 3 * (window_places - 2);  // of a bead

// Raises Error{Config} for numbers out of range, Error{Memory} where the work does not fit.
void check(const PolymerOptions& options);

// A sequence with a composition and a blockiness of its own.
std::vector<int> draw_sequence(std::int64_t beads, Random& random);
// A random walk along bonds of one diameter that keeps beads apart.
std::vector<Vec3> draw_walk(const Chain& chain, Random& random, const Job& job = {});

// Places x_0, x_1, ... of a chain ([places][beads]) as windows. In frame w the positions are x_(w+15) less the mean
// over all places and beads; the fields are "velocity_history", the 15 differences x_(w+1) - x_w, ..., x_(w+15) -
// x_(w+14) of each bead, and "acceleration", x_(w+16) - 2 x_(w+15) + x_(w+14), both in sigma per interval; "bead_type"
// as a label and "type_code", 1 in the column of the type, are the same in all frames. Bonds are lines.
PointCloudPtr windows_of(const std::vector<std::vector<Vec3>>& places, const Chain& chain);

// Chain `index` of a seed, at an interval in tau. Raises Error{Config} where the time step is too long.
PointCloudPtr make_polymer(const PolymerOptions& options, std::int64_t index, double interval, const Job& job = {});

// All chains, made in parallel, and the manifest. `command` goes into the manifest.
void write_polymer(const std::filesystem::path& file, const PolymerOptions& options, const std::string& command,
                   const Job& job = {});

}  // namespace erwin::generate
