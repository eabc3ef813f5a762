#pragma once
// Clouds of halo-like tracers with velocities: the task of cosmology, velocities from positions, without an N-body
// code.
//
// A cloud is a periodic box of a universe of its own (cosmology.h). Its linear density, smoothed by a Gaussian, is
// drawn on a mesh and carried to today by second-order Lagrangian perturbation theory (lagrangian.h). The tracers are
// the highest peaks of the smoothed linear density, as in the peak-patch picture of halos: a peak moves as a whole, by
// the smoothed displacement at its place. Peaks neither merge nor exclude each other, and nothing orbits within one, so
// velocities are those of the large-scale flow, smoother than a simulation's.

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/generate/cosmology.h"
#include "core/generate/data_set.h"
#include "core/generate/lagrangian.h"

namespace erwin::generate {

struct HalosOptions {
  SplitCounts counts{15, 3, 6};
  std::int64_t points = 5000;  // peaks of a box
  int mesh = 128;              // points of an axis; even, of the factors 2, 3 and 5
  double box = 1000;           // side, Mpc/h
  double smoothing = 5;        // of the density, Mpc/h
  std::uint64_t seed = 1;
};

// Raises Error{Config} for numbers out of range, Error{Memory} where the work does not fit.
void check(const HalosOptions& options);

// The universe of box `index`.
Cosmology cosmology_of(const HalosOptions& options, std::int64_t index);

// A local maximum of a density on a mesh, at a place between mesh points (a parabola through the neighbours of each
// axis), in units of the mesh.
struct Peak {
  std::array<double, 3> place;
  double height;
};
// The `count` highest of a cube [n, n, n], highest first; all where there are fewer.
std::vector<Peak> highest_peaks(const std::vector<float>& density, int n, std::int64_t count, const Job& job = {});

// Box `index` of a seed, highest peak first: positions in Mpc/h in [0, box); the fields "velocity" in km/s, "height"
// (the smoothed linear density contrast of today at the peak) and "cosmology" (Omega_m, Omega_b, h, n_s, sigma_8, the
// same at every point). Raises Error{Config} where the box has fewer peaks than points are asked for.
PointCloudPtr make_halos(const HalosOptions& options, std::int64_t index, const Job& job = {});

// All boxes, made in parallel, and the manifest. `command` goes into the manifest.
void write_halos(const std::filesystem::path& file, const HalosOptions& options, const std::string& command,
                 const Job& job = {});

}  // namespace erwin::generate
