// Random fields and what carries them, on the mesh: spectra against what went in, displacements against exact ones, and
// matter carried by 2LPT against linear theory on large scales.

#include "core/generate/lagrangian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <stop_token>
#include <vector>

#include "core/base/error.h"

namespace erwin::generate {
namespace {

constexpr double pi = std::numbers::pi;

TEST(CubeTransform, KnowsAWave) {
  for (const int n : {6, 10, 16}) {
    CubeTransform transform(n);
    std::vector<Complex> cube(transform.size());
    std::size_t entry = 0;
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j)
        for (int k = 0; k < n; ++k)
          cube[entry++] = 3 + 2 * std::cos(2 * pi * (2 * i - j + k) / n) + std::sin(2 * pi * k / n);
    const std::vector<Complex> values = cube;
    transform.to_waves(cube);
    const auto at = [&](int i, int j, int k) {
      return cube[static_cast<std::size_t>(((i + n) % n * n + (j + n) % n) * n + (k + n) % n)];
    };
    EXPECT_NEAR(std::abs(at(0, 0, 0) - 3.0), 0, 1e-12);
    EXPECT_NEAR(std::abs(at(2, -1, 1) - 1.0), 0, 1e-12);
    EXPECT_NEAR(std::abs(at(-2, 1, -1) - 1.0), 0, 1e-12);
    EXPECT_NEAR(std::abs(at(0, 0, 1) - Complex(0, -0.5)), 0, 1e-12);
    double rest = 0;
    for (const Complex& c : cube) rest += std::norm(c);
    EXPECT_NEAR(rest, 9 + 2 + 0.5, 1e-9) << "nothing else";
    transform.to_values(cube);
    for (std::size_t i = 0; i < cube.size(); ++i) ASSERT_NEAR(std::abs(cube[i] - values[i]), 0, 1e-12);
  }
}

TEST(CubeTransform, KnowsWhatIsQuick) {
  for (const int n : {2, 6, 64, 96, 100, 128, 160, 250, 512}) EXPECT_TRUE(CubeTransform::is_quick(n)) << n;
  for (const int n : {-4, 0, 1, 3, 5, 14, 22, 127}) EXPECT_FALSE(CubeTransform::is_quick(n)) << n;
}

TEST(LinearField, HasTheSpectrumAskedFor) {
  const PowerSpectrum spectrum{Cosmology()};
  constexpr int n = 32, seeds = 12, bins = n / 2;
  constexpr double box = 500, smoothing = 6;
  std::vector<double> measured(bins), expected(bins), waves(bins);
  for (int seed = 0; seed < seeds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed));
    const LinearField field = draw_linear_field(spectrum, n, box, smoothing, random);
    for_waves(n, {}, [&](std::size_t entry, const int(&m)[3]) {
      const double length = std::sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
      const auto bin = static_cast<std::size_t>(length);
      if (length == 0 || length >= bins) return;
      const double k = 2 * pi / box * length;
      measured[bin] += std::norm(field.waves[entry]) * box * box * box;
      expected[bin] += spectrum(k) * std::exp(-k * k * smoothing * smoothing);
      waves[bin] += 0.5;  // a wave and its opposite say the same
    });
    EXPECT_EQ(field.waves.front(), Complex()) << "no mean";
  }
  for (std::size_t bin = 1; bin < bins; ++bin) {
    // The square of a Gaussian coefficient varies by as much as itself.
    const double error = 1 / std::sqrt(waves[bin]);
    EXPECT_NEAR(measured[bin] / expected[bin], 1, 4 * error) << "bin " << bin;
    if (bin >= 5) {
      EXPECT_NEAR(measured[bin] / expected[bin], 1, 0.05) << "bin " << bin;
    }
  }
}

TEST(LinearField, IsRealAndGaussian) {
  Random random(4);
  LinearField field = draw_linear_field(PowerSpectrum{Cosmology()}, 32, 500, 3, random);
  CubeTransform(32).to_values(field.waves);
  double second = 0, fourth = 0, third = 0;
  for (const Complex& value : field.waves) {
    ASSERT_LT(std::abs(value.imag()), 1e-12);
    second += std::pow(value.real(), 2) / static_cast<double>(field.waves.size());
    third += std::pow(value.real(), 3) / static_cast<double>(field.waves.size());
    fourth += std::pow(value.real(), 4) / static_cast<double>(field.waves.size());
  }
  EXPECT_NEAR(third / std::pow(second, 1.5), 0, 0.1);
  EXPECT_NEAR(fourth / (second * second), 3, 0.2);
}

// Coefficients of density = sum over the waves of amplitude cos(2 pi m x / n).
LinearField cosines(int n, double box, const std::vector<std::pair<std::array<int, 3>, double>>& waves) {
  LinearField field{n, box, std::vector<Complex>(static_cast<std::size_t>(n * n * n))};
  for (const auto& [m, amplitude] : waves)
    for (const int sign : {1, -1}) {
      const auto at = [&](std::size_t c) { return (sign * m[c] + n) % n; };
      field.waves[static_cast<std::size_t>((at(0) * n + at(1)) * n + at(2))] += amplitude / 2;
    }
  return field;
}

TEST(Displacement, OfOneWaveIsOfFirstOrder) {
  constexpr int n = 16;
  constexpr double box = 100, amplitude = 0.3;
  const Displacement moved = displacement(cosines(n, box, {{{1, 2, 0}, amplitude}}));
  const double unit = 2 * pi / box, kx = unit, ky = 2 * unit, k2 = kx * kx + ky * ky;
  std::size_t entry = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k, ++entry) {
        const double phase = 2 * pi * (i + 2 * j) / n;
        ASSERT_NEAR(moved.density[entry], amplitude * std::cos(phase), 1e-6);
        // phi = -amplitude cos / k^2, so that -grad phi = -amplitude k sin / k^2: towards the crest.
        ASSERT_NEAR(moved.first[0][entry], -amplitude * kx / k2 * std::sin(phase), 1e-6 * box);
        ASSERT_NEAR(moved.first[1][entry], -amplitude * ky / k2 * std::sin(phase), 1e-6 * box);
        ASSERT_NEAR(moved.first[2][entry], 0, 1e-6);
        for (const auto& second : moved.second) ASSERT_NEAR(second[entry], 0, 1e-5);
      }
}

TEST(Displacement, OfCrossingWavesIsExact) {
  // density = a cos(k x) + b cos(k z): the source is a b cos(k x) cos(k z), so phi2 = -a b cos cos / (2 k^2).
  constexpr int n = 16;
  constexpr double box = 100, a = 0.4, b = 0.7;
  const Displacement moved = displacement(cosines(n, box, {{{1, 0, 0}, a}, {{0, 0, 1}, b}}));
  const double wave = 2 * pi / box;
  std::size_t entry = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k, ++entry) {
        const double x = 2 * pi * i / n, z = 2 * pi * k / n;
        ASSERT_NEAR(moved.second[0][entry], a * b / (2 * wave) * std::sin(x) * std::cos(z), 1e-5);
        ASSERT_NEAR(moved.second[1][entry], 0, 1e-5);
        ASSERT_NEAR(moved.second[2][entry], a * b / (2 * wave) * std::cos(x) * std::sin(z), 1e-5);
      }
}

TEST(Displacement, AgreesWithASphereToSecondOrder) {
  // Three crossing waves of one amplitude are a sphere near their crest, where density = d and r / q = 1 - d/3 - d^2/21
  // for matter alone: the trace of the second order's gradient there is 3 d^2/9 in place of -3 (7/3)(-d^2/21).
  constexpr int n = 64;
  constexpr double box = 64, a = 0.1, d = 3 * a;
  const Displacement moved = displacement(cosines(n, box, {{{1, 0, 0}, a}, {{0, 1, 0}, a}, {{0, 0, 1}, a}}));
  const Motion motion = motion_of_today(1);
  EXPECT_NEAR(motion.second, -3.0 / 7, 1e-9);
  EXPECT_NEAR(motion.second_rate, -6.0 / 7, 1e-9);
  // One mesh step of 1 Mpc/h from the crest along x.
  const std::size_t next = static_cast<std::size_t>(n) * n;
  const double moved_by = moved.first[0][next] + motion.second * moved.second[0][next];
  EXPECT_NEAR(moved_by, -d / 3 - d * d / 21, 0.002 * d) << "the step is 1/64 of the wave: its curvature is felt";
  EXPECT_LT(std::abs(moved.first[0][next] + d / 3), 0.002 * d);
  EXPECT_NEAR(motion.second * moved.second[0][next] / (-d * d / 21), 1, 0.01);
}

TEST(Displacement, HasNoMean) {
  Random random(8);
  const Displacement moved = displacement(draw_linear_field(PowerSpectrum{Cosmology()}, 32, 500, 5, random));
  for (const auto* fields : {&moved.first, &moved.second})
    for (const std::vector<float>& field : *fields) {
      double mean = 0, square = 0;
      for (const float value : field) {
        mean += static_cast<double>(value) / static_cast<double>(field.size());
        square += static_cast<double>(value) * value / static_cast<double>(field.size());
      }
      EXPECT_GT(square, 0);
      EXPECT_LT(std::abs(mean), 1e-5 * std::sqrt(square));
    }
}

constexpr int most_waves = 3;  // of an axis

// sum over points of (1, velocity) exp(-i k x), for all waves of at most `most_waves` an axis: exact, without a mesh.
// Entry (m0 * 7 + m1) * 7 + m2, m counted from -3.
std::array<std::vector<Complex>, 4> sums_over_points(double box, const std::vector<std::array<double, 3>>& places,
                                                     const std::vector<std::array<double, 3>>& velocities) {
  constexpr int side = 2 * most_waves + 1;
  std::array<std::vector<Complex>, 4> sums;
  sums.fill(std::vector<Complex>(side * side * side));
  for (std::size_t p = 0; p < places.size(); ++p) {
    Complex turn[3][side];
    for (std::size_t c = 0; c < 3; ++c)
      for (int m = 0; m < side; ++m) turn[c][m] = std::polar(1.0, -2 * pi / box * (m - most_waves) * places[p][c]);
    std::size_t entry = 0;
    for (const Complex& x : turn[0])
      for (const Complex& y : turn[1]) {
        const Complex xy = x * y;
        for (const Complex& z : turn[2]) {
          const Complex xyz = xy * z;
          sums[0][entry] += xyz;
          for (std::size_t c = 0; c < 3; ++c) sums[c + 1][entry] += velocities[p][c] * xyz;
          ++entry;
        }
      }
  }
  return sums;
}

TEST(Displacement, CarriesMatterAsLinearTheorySaysOnLargeScales) {
  constexpr int n = 48;
  constexpr double box = 1000, points = n * n * n;  // waves down to 300 Mpc/h: displacements are a small part of them
  const struct {
    double omega_m, sigma_8, tolerance;
  } cases[] = {{0.15, 0.834, 0.03}, {0.3175, 0.834, 0.03}, {0.3175, 0.1, 0.005}};
  for (const auto& [omega_m, sigma_8, tolerance] : cases) {
    Cosmology cosmology;
    cosmology.omega_m = omega_m;
    cosmology.sigma_8 = sigma_8;
    Random random(11);
    const LinearField field = draw_linear_field(PowerSpectrum(cosmology), n, box, 8, random);
    const Displacement moved = displacement(field);
    const Motion motion = motion_of_today(omega_m);
    std::vector<std::array<double, 3>> places(moved.density.size()), velocities(places.size());
    for (std::size_t entry = 0; entry < places.size(); ++entry) {
      const std::size_t q[3] = {entry / (n * n), entry / n % n, entry % n};
      for (std::size_t c = 0; c < 3; ++c) {
        const double first = moved.first[c][entry], second = moved.second[c][entry];
        places[entry][c] = static_cast<double>(q[c]) * box / n + first + motion.second * second;
        velocities[entry][c] = 100 * (motion.first_rate * first + motion.second_rate * second);
      }
    }
    const auto [density, px, py, pz] = sums_over_points(box, places, velocities);
    double linear = 0, found = 0, flow = 0, power = 0;
    std::size_t wave = 0;
    for (int i = -most_waves; i <= most_waves; ++i)
      for (int j = -most_waves; j <= most_waves; ++j)
        for (int k = -most_waves; k <= most_waves; ++k, ++wave) {
          if ((i == 0 && j == 0 && k == 0) || i * i + j * j + k * k > most_waves * most_waves) continue;
          const auto at = [](int m) { return static_cast<std::size_t>((m + n) % n); };
          const Complex expected = field.waves[(at(i) * n + at(j)) * n + at(k)];
          linear += std::norm(expected);
          found += std::real(density[wave] * std::conj(expected)) / points;
          power += std::norm(density[wave] / points);
          // v = i k / k^2 f H density, so that -i k v = f H density.
          const double unit = 2 * pi / box;
          const Complex divergence = Complex(0, -unit) * (1.0 * i * px[wave] + 1.0 * j * py[wave] + 1.0 * k * pz[wave]);
          flow += std::real(divergence * std::conj(expected)) / points;
        }
    EXPECT_NEAR(found / linear, 1, tolerance) << "density";
    EXPECT_NEAR(power / linear, 1, 2 * tolerance) << "power";
    EXPECT_NEAR(flow / linear / (100 * growth(omega_m).first_rate), 1, tolerance) << "velocity";
  }
}

TEST(Displacement, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const Job job(source.get_token());
  Random random(1);
  const PowerSpectrum spectrum{Cosmology()};
  EXPECT_THROW(draw_linear_field(spectrum, 16, 100, 1, random, job), Error);
  EXPECT_THROW(displacement(draw_linear_field(spectrum, 16, 100, 1, random), job), Error);
}

}  // namespace
}  // namespace erwin::generate
