#pragma once
// The data sets that `erwinscope generate` makes, and the measure that goes with one of them.

#include <CLI/CLI.hpp>

namespace erwin::app {

// `generate flow OUT`: pressure on car-like bodies by a panel method.
void add_generate_flow(CLI::App& generate);
// `generate beacons OUT`: planted truth for attention.
void add_generate_beacons(CLI::App& generate);
// `generate halos OUT`: peaks of a random density, with velocities.
void add_generate_halos(CLI::App& generate);
// `generate polymer OUT`: chains of beads in a heat bath.
void add_generate_polymer(CLI::App& generate);
// `bench beacons CHECKPOINT DATA`: does a trained network find the planted truth?
void add_bench_beacons(CLI::App& bench);

}  // namespace erwin::app
