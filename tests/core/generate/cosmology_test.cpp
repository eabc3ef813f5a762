// The linear cosmology of the halos against other people's numbers and closed forms.

#include "core/generate/cosmology.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numbers>

namespace erwin::generate {
namespace {

constexpr std::array wave_numbers{1e-4, 1e-3, 0.01, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.5, 1.0, 10.0};

// Transfer functions of the same paper by the package Colossus 1.4.0 (modelEisenstein98), with h, Omega_m, Omega_b.
struct Reference {
  Cosmology cosmology;
  std::array<double, wave_numbers.size()> transfer;
};
const Reference references[] = {
    {{0.3, 0.05, 0.7, 1, 0.8},
     {0.9999069, 0.9922532, 0.779874, 0.4310774, 0.2676977, 0.1751437, 0.1286076, 0.07913812, 0.05410429, 0.01381772,
      0.004587867, 8.77677e-05}},
    {{0.3175, 0.049, 0.6711, 1, 0.8},
     {0.9999096, 0.9924582, 0.7836539, 0.4411122, 0.27647, 0.1816394, 0.1347786, 0.08324014, 0.05667195, 0.01456974,
      0.004851466, 9.326442e-05}},
    {{0.1, 0.04, 0.5, 1, 0.8},
     {0.9984702, 0.9233187, 0.3805786, 0.0815199, 0.03426225, 0.02067766, 0.01086164, 0.006292738, 0.004276394,
      0.0009591823, 0.0002886723, 4.530544e-06}},
    {{0.5, 0.02, 0.9, 1, 0.8},
     {0.9999795, 0.9981153, 0.9099977, 0.6909697, 0.5378903, 0.4024718, 0.3380985, 0.234801, 0.1739058, 0.05492996,
      0.02001573, 0.0004544362}},
};

TEST(TransferFunction, AgreesWithAnotherProgram) {
  for (const Reference& reference : references) {
    const TransferFunction transfer(reference.cosmology);
    EXPECT_EQ(transfer(0), 1);
    for (std::size_t i = 0; i < wave_numbers.size(); ++i)
      EXPECT_NEAR(transfer(wave_numbers[i]) / reference.transfer[i], 1, 2e-3) << "k = " << wave_numbers[i];
  }
}

TEST(TransferFunction, HasAcousticOscillations) {
  // The logarithmic slope of a spectrum without baryons only falls; with them it goes up and down.
  const auto turns = [](double omega_b) {
    const TransferFunction transfer({0.3, omega_b, 0.7, 1, 0.8});
    const auto slope = [&](double k) { return std::log(transfer(k * 1.01) / transfer(k)); };
    int count = 0;
    for (double k = 0.02; k < 0.4; k *= 1.02) count += slope(k * 1.02) > slope(k);
    return count;
  };
  EXPECT_EQ(turns(1e-6), 0);
  EXPECT_GT(turns(0.05), 20);
}

TEST(PowerSpectrum, AgreesWithAnotherProgram) {
  // Colossus 1.4.0, flat, H0 = 70, Omega_b = 0.05, n_s = 0.96, sigma_8 = 0.8.
  const double k[] = {0.01, 0.05, 0.1, 0.2};
  const struct {
    double omega_m, power[4];
  } cases[] = {{0.1, {538543.3, 30260.2, 7334.397, 1439.422}},
               {0.3, {21965.04, 12133.39, 5447.718, 1875.467}},
               {0.5, {6359.788, 7347.093, 4767.324, 1981.268}}};
  for (const auto& c : cases) {
    const PowerSpectrum spectrum({c.omega_m, 0.05, 0.7, 0.96, 0.8});
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(spectrum(k[i]) / c.power[i], 1, 5e-3) << c.omega_m << ", k = " << k[i];
  }
}

TEST(PowerSpectrum, HasTheSigma8AskedFor) {
  for (const double sigma_8 : {0.6, 1.0})
    for (const double n_s : {0.8, 1.2}) {
      const PowerSpectrum spectrum({0.3, 0.05, 0.7, n_s, sigma_8});
      // In k, not ln k, and with the window written out.
      double variance = 0;
      constexpr double step = 2e-4;
      for (double k = step / 2; k < 20; k += step) {
        const double x = 8 * k, window = 3 / (x * x) * (std::sin(x) / x - std::cos(x));
        variance += step * k * k * spectrum(k) * window * window / (2 * std::numbers::pi * std::numbers::pi);
      }
      EXPECT_NEAR(std::sqrt(variance) / sigma_8, 1, 1e-3);
      EXPECT_NEAR(sphere_deviation(spectrum, 8) / sigma_8, 1, 1e-12);
      EXPECT_LT(sphere_deviation(spectrum, 16), sigma_8);
    }
}

TEST(Growth, IsThatOfMatterAlone) {
  // Einstein and de Sitter: D1 = a, D2 = -3/7 a^2.
  for (const double a : {0.1, 1.0}) {
    const Growth result = growth(1, a);
    EXPECT_NEAR(result.first, a, 1e-9);
    EXPECT_NEAR(result.first_rate, 1, 1e-9);
    EXPECT_NEAR(result.second, -3.0 / 7 * a * a, 1e-9);
    EXPECT_NEAR(result.second_rate, 2, 1e-9);
  }
}

TEST(Growth, IsHeathsIntegral) {
  // D1 = 5/2 Omega_m H(a) integral of da / (a H)^3, with H in units of today's.
  for (const double omega_m : {0.1, 0.3, 0.5})
    for (const double a : {0.3, 1.0}) {
      const auto hubble = [&](double at) { return std::sqrt(omega_m / (at * at * at) + 1 - omega_m); };
      double integral = 0;
      constexpr int steps = 200'000;
      for (int i = 0; i < steps; ++i) {
        const double at = a * (i + 0.5) / steps;
        integral += a / steps / std::pow(at * hubble(at), 3);
      }
      const Growth result = growth(omega_m, a);
      EXPECT_NEAR(result.first / (2.5 * omega_m * hubble(a) * integral), 1, 1e-5);
      const double share = omega_m / (a * a * a) / std::pow(hubble(a), 2);
      EXPECT_NEAR(result.first_rate, share * (2.5 * a / result.first - 1.5), 1e-5) << "the integral's derivative";
      // Fits of Bouchet et al. (1995).
      EXPECT_NEAR(result.second / (-3.0 / 7 * std::pow(result.first, 2) * std::pow(share, -1.0 / 143)), 1, 2e-3);
      EXPECT_NEAR(result.second_rate / (2 * std::pow(share, 6.0 / 11)), 1, 0.02);
    }
  // In closed form D1 = a 2F1(1/3, 1; 11/6; -(1 - Omega_m) / Omega_m a^3), summed by another program in double.
  const struct {
    double omega_m, today, share_at_redshift_1;
  } exact[] = {{0.1, 0.5909340531609112, 0.7287595923307201},
               {0.3, 0.778981016770788, 0.6118057533006064},
               {0.5, 0.8724808231581307, 0.5607664409790141}};
  for (const auto& e : exact) {
    EXPECT_NEAR(growth(e.omega_m).first, e.today, 1e-7) << e.omega_m;
    EXPECT_NEAR(growth(e.omega_m, 0.5).first / growth(e.omega_m).first, e.share_at_redshift_1, 1e-7) << e.omega_m;
  }
}

TEST(Cosmology, IsDrawnFromItsRanges) {
  const CosmologyRanges ranges;
  Cosmology least, most;
  constexpr int count = 2000;
  double mean = 0;
  for (int i = 0; i < count; ++i) {
    Random random(3, static_cast<std::uint64_t>(i));
    const Cosmology c = draw_cosmology(random);
    if (i == 0) least = most = c;
    for (const auto member :
         {&Cosmology::omega_m, &Cosmology::omega_b, &Cosmology::h, &Cosmology::n_s, &Cosmology::sigma_8}) {
      least.*member = std::min(least.*member, c.*member);
      most.*member = std::max(most.*member, c.*member);
    }
    mean += c.omega_m / count;
  }
  const auto expect_fills = [](const std::array<double, 2>& range, double low, double high) {
    EXPECT_GE(low, range[0]);
    EXPECT_LE(high, range[1]);
    EXPECT_GT(high - low, 0.98 * (range[1] - range[0]));
  };
  expect_fills(ranges.omega_m, least.omega_m, most.omega_m);
  expect_fills(ranges.omega_b, least.omega_b, most.omega_b);
  expect_fills(ranges.h, least.h, most.h);
  expect_fills(ranges.n_s, least.n_s, most.n_s);
  expect_fills(ranges.sigma_8, least.sigma_8, most.sigma_8);
  EXPECT_NEAR(mean, 0.3, 4 * 0.4 / std::sqrt(12.0 * count)) << "four standard deviations of the mean";
}

}  // namespace
}  // namespace erwin::generate
