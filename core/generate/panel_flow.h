#pragma once
// Incompressible potential flow around a closed body by a source panel method (Hess and Smith, "Calculation of
// potential flow about arbitrary bodies", 1967): a constant source density on every flat quad, chosen so that the
// velocity at every centroid is tangential.

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/generate/body.h"

namespace erwin::generate {

struct PanelFlow {
  std::vector<double> panel_pressure;   // [quads] Cp at the centroids
  std::vector<double> vertex_pressure;  // [vertices] from the quads around, weighted by their areas
  int iterations = 0;                   // of the linear solver
};

// Wind of speed 1 along +x. Cp = 1 - |velocity|^2, without unit: 1 where the air stands still, 0 far away. The flow has
// neither friction nor wake, so the total drag is 0 (on a car of 2256 vertices the panels' errors leave up to 0.07 of
// the frontal area, falling with the size of the panels). `ground`: the plane z = 0 is a wall (by the body's mirror
// image); the body must lie above it. One thread; the influence of every panel on every other is kept: flow_bytes.
// Raises Error{Internal} for a surface without quads or with a degenerate one, Error{Cancelled}.
PanelFlow solve_flow(const Surface& surface, bool ground, const Job& job = {});

// Memory that solve_flow takes at most.
std::uint64_t flow_bytes(std::int64_t quads);

}  // namespace erwin::generate
