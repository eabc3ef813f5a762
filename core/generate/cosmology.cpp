#include "core/generate/cosmology.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace erwin::generate {

namespace {

constexpr double background_temperature = 2.7255;  // K

// Simpson's rule over ln x with an even number of steps.
template <typename Integrand>
double integrate_over_logarithm(double least, double most, int steps, Integrand integrand) {
  const double step = std::log(most / least) / steps;
  double sum = 0;
  for (int i = 0; i <= steps; ++i) {
    const double x = least * std::exp(i * step);
    sum += (i == 0 || i == steps ? 1 : i % 2 == 1 ? 4 : 2) * x * integrand(x);
  }
  return sum * step / 3;
}

// Fourier transform of a sphere, 1 at 0.
double sphere_window(double x) {
  if (x < 1e-3) return 1 - x * x / 10;
  return 3 * (std::sin(x) - x * std::cos(x)) / (x * x * x);
}

}  // namespace

Cosmology draw_cosmology(Random& random, const CosmologyRanges& ranges) {
  const auto draw = [&](const std::array<double, 2>& range) { return random.uniform(range[0], range[1]); };
  Cosmology cosmology;
  cosmology.omega_m = draw(ranges.omega_m);
  cosmology.omega_b = draw(ranges.omega_b);
  cosmology.h = draw(ranges.h);
  cosmology.n_s = draw(ranges.n_s);
  cosmology.sigma_8 = draw(ranges.sigma_8);
  return cosmology;
}

TransferFunction::TransferFunction(const Cosmology& cosmology)
    : h_(cosmology.h), baryon_share_(cosmology.omega_b / cosmology.omega_m) {
  const double matter = cosmology.omega_m * h_ * h_, baryon = cosmology.omega_b * h_ * h_;
  const double theta2 = std::pow(background_temperature / 2.7, 2), theta4 = theta2 * theta2;
  const double z_equality = 2.50e4 * matter / theta4;
  k_equality_ = 7.46e-2 * matter / theta2;
  const double b1 = 0.313 * std::pow(matter, -0.419) * (1 + 0.607 * std::pow(matter, 0.674));
  const double b2 = 0.238 * std::pow(matter, 0.223);
  const double z_drag =
      1291 * std::pow(matter, 0.251) / (1 + 0.659 * std::pow(matter, 0.828)) * (1 + b1 * std::pow(baryon, b2));
  const double r_drag = 31.5 * baryon / theta4 * 1e3 / z_drag, r_equality = 31.5 * baryon / theta4 * 1e3 / z_equality;
  sound_horizon_ = 2 / (3 * k_equality_) * std::sqrt(6 / r_equality) *
                   std::log((std::sqrt(1 + r_drag) + std::sqrt(r_drag + r_equality)) / (1 + std::sqrt(r_equality)));
  k_silk_ = 1.6 * std::pow(baryon, 0.52) * std::pow(matter, 0.73) * (1 + std::pow(10.4 * matter, -0.95));

  const double share = baryon_share_;
  const double a1 = std::pow(46.9 * matter, 0.670) * (1 + std::pow(32.1 * matter, -0.532));
  const double a2 = std::pow(12.0 * matter, 0.424) * (1 + std::pow(45.0 * matter, -0.582));
  alpha_cold_ = std::pow(a1, -share) * std::pow(a2, -share * share * share);
  const double c1 = 0.944 / (1 + std::pow(458 * matter, -0.708)), c2 = std::pow(0.395 * matter, -0.0266);
  beta_cold_ = 1 / (1 + c1 * (std::pow(1 - share, c2) - 1));

  const double y = (1 + z_equality) / (1 + z_drag), root = std::sqrt(1 + y);
  const double g = y * (-6 * root + (2 + 3 * y) * std::log((root + 1) / (root - 1)));
  alpha_baryons_ = 2.07 * k_equality_ * sound_horizon_ * std::pow(1 + r_drag, -0.75) * g;
  beta_baryons_ = 0.5 + share + (3 - 2 * share) * std::sqrt(std::pow(17.2 * matter, 2) + 1);
  beta_node_ = 8.41 * std::pow(matter, 0.435);
}

double TransferFunction::shape(double k, double alpha, double beta) const {
  const double q = k / (13.41 * k_equality_);
  const double l = std::log(std::numbers::e + 1.8 * beta * q);
  const double c = 14.2 / alpha + 386 / (1 + 69.9 * std::pow(q, 1.08));
  return l / (l + c * q * q);
}

double TransferFunction::cold(double k) const {
  const double f = 1 / (1 + std::pow(k * sound_horizon_ / 5.4, 4));
  return f * shape(k, 1, beta_cold_) + (1 - f) * shape(k, alpha_cold_, beta_cold_);
}

double TransferFunction::baryons(double k) const {
  const double ks = k * sound_horizon_;
  const double x = ks / std::cbrt(1 + std::pow(beta_node_ / ks, 3));
  const double wave = x < 1e-4 ? 1 : std::sin(x) / x;
  return (shape(k, 1, 1) / (1 + std::pow(ks / 5.2, 2)) +
          alpha_baryons_ / (1 + std::pow(beta_baryons_ / ks, 3)) * std::exp(-std::pow(k / k_silk_, 1.4))) *
         wave;
}

double TransferFunction::operator()(double k) const {
  if (k <= 0) return 1;
  k *= h_;
  return baryon_share_ * baryons(k) + (1 - baryon_share_) * cold(k);
}

PowerSpectrum::PowerSpectrum(const Cosmology& cosmology) : transfer_(cosmology), n_s_(cosmology.n_s) {
  amplitude_ = std::pow(cosmology.sigma_8 / sphere_deviation(*this, 8), 2);
}

double PowerSpectrum::operator()(double k) const {
  if (k <= 0) return 0;
  return amplitude_ * std::pow(k, n_s_) * std::pow(transfer_(k), 2);
}

double sphere_deviation(const PowerSpectrum& spectrum, double radius) {
  const double variance = integrate_over_logarithm(1e-5 / radius, 1e3 / radius, 8192, [&](double k) {
    return k * k * spectrum(k) * std::pow(sphere_window(k * radius), 2);
  });
  return std::sqrt(variance / (2 * std::numbers::pi * std::numbers::pi));
}

Growth growth(double omega_m, double scale_factor) {
  using State = std::array<double, 4>;  // D1, D1', D2, D2'
  const auto slope = [&](double log_a, const State& s) {
    const double matter = omega_m * std::exp(-3 * log_a), all = matter + 1 - omega_m, share = matter / all;
    const double drag = 2 - 1.5 * share;  // 2 + H'/H
    return State{s[1], 1.5 * share * s[0] - drag * s[1], s[3], 1.5 * share * (s[2] - s[0] * s[0]) - drag * s[3]};
  };
  const auto moved = [](const State& s, double by, const State& d) {
    return State{s[0] + by * d[0], s[1] + by * d[1], s[2] + by * d[2], s[3] + by * d[3]};
  };
  // Long ago matter is alone.
  const double early = 1e-3 * std::min(1.0, scale_factor);
  constexpr int steps = 2000;
  const double step = std::log(scale_factor / early) / steps;
  State s{early, early, -3.0 / 7 * early * early, -6.0 / 7 * early * early};
  for (int i = 0; i < steps; ++i) {  // Runge and Kutta's fourth order
    const double at = std::log(early) + i * step;
    const State k1 = slope(at, s), k2 = slope(at + step / 2, moved(s, step / 2, k1)),
                k3 = slope(at + step / 2, moved(s, step / 2, k2)), k4 = slope(at + step, moved(s, step, k3));
    for (std::size_t c = 0; c < s.size(); ++c) s[c] += step / 6 * (k1[c] + 2 * k2[c] + 2 * k3[c] + k4[c]);
  }
  return {s[0], s[1] / s[0], s[2], s[3] / s[2]};
}

}  // namespace erwin::generate
