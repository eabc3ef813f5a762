#pragma once
// The little cosmology that a linear density field needs: flat Lambda-CDM today, without radiation and neutrinos.
// Lengths in Mpc/h, wave numbers in h/Mpc.

#include <array>

#include "core/generate/random.h"

namespace erwin::generate {

struct Cosmology {
  double omega_m = 0.3175, omega_b = 0.049, h = 0.6711, n_s = 0.9624, sigma_8 = 0.834;
};

// The ranges, each {least, most}, from which `draw_cosmology` draws uniformly: those of the Quijote simulations' Latin
// hypercubes (Villaescusa-Navarro et al. 2020).
struct CosmologyRanges {
  std::array<double, 2> omega_m{0.1, 0.5}, omega_b{0.02, 0.08}, h{0.5, 0.9}, n_s{0.8, 1.2}, sigma_8{0.6, 1.0};
};
Cosmology draw_cosmology(Random& random, const CosmologyRanges& ranges = {});

// Transfer function of cold matter and baryons with acoustic oscillations (Eisenstein and Hu 1998, equations 2 to 24),
// 1 at k = 0, for a background radiation of 2.7255 K.
class TransferFunction {
public:
  explicit TransferFunction(const Cosmology& cosmology);
  double operator()(double k) const;

private:
  double cold(double k) const;
  double baryons(double k) const;
  double shape(double k, double alpha, double beta) const;
  double h_, baryon_share_, k_equality_, sound_horizon_, k_silk_;  // lengths in Mpc, without h
  double alpha_cold_, beta_cold_, alpha_baryons_, beta_baryons_, beta_node_;
};

// P(k) = A k^n_s T(k)^2 today, in (Mpc/h)^3, with A so that spheres of 8 Mpc/h vary by sigma_8.
class PowerSpectrum {
public:
  explicit PowerSpectrum(const Cosmology& cosmology);
  double operator()(double k) const;

private:
  TransferFunction transfer_;
  double n_s_, amplitude_ = 1;
};

// Root mean square of the linear density contrast in spheres of a radius.
double sphere_deviation(const PowerSpectrum& spectrum, double radius);

// How displacements of first and second order grow: D1 = a long ago, D2 = -3/7 D1^2 then, and their logarithmic rates
// f = d ln D / d ln a. Integrated from D'' + (2 + H'/H) D' = 3/2 Omega(a) (D1 or D2 - D1^2), ' = d / d ln a (Bouchet et
// al. 1995).
struct Growth {
  double first, first_rate, second, second_rate;
};
Growth growth(double omega_m, double scale_factor = 1);

}  // namespace erwin::generate
