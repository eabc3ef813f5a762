#pragma once
// A Gaussian random density in a periodic box, and where it carries matter: second-order Lagrangian perturbation theory
// (2LPT; Bouchet et al. 1995, Scoccimarro 1998) on a mesh.

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/generate/cosmology.h"
#include "core/generate/fft.h"

namespace erwin::generate {

// The linear density contrast of today as Fourier coefficients [n, n, n]; those at the mesh's highest wave number of an
// axis are 0, since their derivatives are not real.
struct LinearField {
  int n = 0;
  double box = 0;  // Mpc/h
  std::vector<Complex> waves;
};

// Random coefficients with the spectrum's variance P(k) / box^3, smoothed by a Gaussian exp(-k^2 smoothing^2 / 2).
LinearField draw_linear_field(const PowerSpectrum& spectrum, int n, double box, double smoothing, Random& random,
                              const Job& job = {});

// Values [n, n, n] at the mesh's points q = (i, j, k) box / n. Matter of q is found today at
//   x = q + first + D2/D1^2 second,  first = -grad phi, laplace phi = density,
//   second = grad phi2, laplace phi2 = sum over i < j of phi,ii phi,jj - phi,ij^2,
// with growth factors as in cosmology.h. All in Mpc/h; their means are 0.
struct Displacement {
  int n = 0;
  double box = 0;
  std::vector<float> density;
  std::array<std::vector<float>, 3> first, second;
};
Displacement displacement(const LinearField& field, const Job& job = {});

// What both together hold at their largest.
std::uint64_t displacement_bytes(int n);

// How a displacement becomes a place and a velocity today: place = q + first + `second` second in Mpc/h, velocity =
// 100 km/s (first_rate first + second_rate second) with lengths in Mpc/h, since H = 100 km/s per Mpc/h at any h.
struct Motion {
  double second, first_rate, second_rate;
};
Motion motion_of_today(double omega_m);

}  // namespace erwin::generate
