#include "core/generate/lagrangian.h"

#include <cmath>
#include <numbers>

namespace erwin::generate {

namespace {

double square(const int (&m)[3]) {
  return static_cast<double>(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
}

// Two real fields for one transform: the cube takes the coefficients of a + i b, the values' parts are a and b.
class PairOfFields {
public:
  PairOfFields(int n, double box, const Job& job)
      : n_(n), unit_(2 * std::numbers::pi / box), job_(job), transform_(n), cube_(transform_.size()) {}

  std::vector<Complex>& cube() { return cube_; }
  CubeTransform& transform() { return transform_; }

  // a and b of a wave from its entry and k in h/Mpc; the wave 0 stays 0.
  template <typename Coefficients>
  const std::vector<Complex>& values(Coefficients coefficients) {
    for_waves(n_, job_, [&](std::size_t entry, const int(&m)[3]) {
      const double k2 = square(m) * unit_ * unit_;
      cube_[entry] = 0;
      if (k2 == 0) return;
      const Vec k{m[0] * unit_, m[1] * unit_, m[2] * unit_};
      const auto [a, b] = coefficients(entry, k, k2);
      cube_[entry] = a + Complex(0, 1) * b;
    });
    transform_.to_values(cube_, job_);
    return cube_;
  }

  using Vec = std::array<double, 3>;

private:
  int n_;
  double unit_;
  const Job& job_;
  CubeTransform transform_;
  std::vector<Complex> cube_;
};

using Vec = PairOfFields::Vec;
using Two = std::pair<Complex, Complex>;

void split(const std::vector<Complex>& pair, std::vector<float>& a, std::vector<float>& b) {
  a.resize(pair.size());
  b.resize(pair.size());
  for (std::size_t i = 0; i < pair.size(); ++i) {
    a[i] = static_cast<float>(pair[i].real());
    b[i] = static_cast<float>(pair[i].imag());
  }
}

// The source of the second order, as coefficients.
std::vector<Complex> second_source(const LinearField& field, PairOfFields& work) {
  // phi,ab of phi = -density / k^2.
  const auto tensor = [&](std::size_t a, std::size_t b, std::size_t c, std::size_t d) -> const std::vector<Complex>& {
    return work.values([&](std::size_t entry, const Vec& k, double k2) {
      const Complex scaled = field.waves[entry] / k2;
      return Two{k[a] * k[b] * scaled, k[c] * k[d] * scaled};
    });
  };
  std::vector<Complex> source(field.waves.size());
  std::vector<float> sum(field.waves.size());
  const std::vector<Complex>& xx_yy = tensor(0, 0, 1, 1);
  for (std::size_t i = 0; i < source.size(); ++i) {
    source[i] = xx_yy[i].real() * xx_yy[i].imag();
    sum[i] = static_cast<float>(xx_yy[i].real() + xx_yy[i].imag());
  }
  const std::vector<Complex>& zz_xy = tensor(2, 2, 0, 1);
  for (std::size_t i = 0; i < source.size(); ++i)
    source[i] += static_cast<double>(sum[i]) * zz_xy[i].real() - zz_xy[i].imag() * zz_xy[i].imag();
  const std::vector<Complex>& xz_yz = tensor(0, 2, 1, 2);
  for (std::size_t i = 0; i < source.size(); ++i) source[i] -= std::norm(xz_yz[i]);
  return source;
}

bool at_highest_wave(const int (&m)[3], int n) {
  return m[0] == n / 2 || m[1] == n / 2 || m[2] == n / 2;
}

}  // namespace

LinearField draw_linear_field(const PowerSpectrum& spectrum, int n, double box, double smoothing, Random& random,
                              const Job& job) {
  LinearField field{n, box, {}};
  CubeTransform transform(n);
  field.waves.resize(transform.size());
  for (std::size_t i = 0; i < field.waves.size(); ++i) {
    if (i % (1 << 16) == 0) job.check();
    field.waves[i] = random.normal();
  }
  // Coefficients of white noise have the variance 1 / n^3.
  transform.to_waves(field.waves, job);
  const double unit = 2 * std::numbers::pi / box, cells = static_cast<double>(transform.size());
  std::vector<double> deviation(static_cast<std::size_t>(3 * (n / 2) * (n / 2)) + 1);
  for (std::size_t m2 = 0; m2 < deviation.size(); ++m2) {
    const double k = unit * std::sqrt(static_cast<double>(m2));
    deviation[m2] = std::sqrt(spectrum(k) * cells / (box * box * box)) * std::exp(-k * k * smoothing * smoothing / 2);
  }
  for_waves(n, job, [&](std::size_t entry, const int(&m)[3]) {
    field.waves[entry] *= at_highest_wave(m, n) ? 0 : deviation[static_cast<std::size_t>(square(m))];
  });
  return field;
}

Displacement displacement(const LinearField& field, const Job& job) {
  Displacement result;
  result.n = field.n;
  result.box = field.box;
  PairOfFields work(field.n, field.box, job);
  std::vector<Complex> source = second_source(field, work);
  work.transform().to_waves(source, job);
  for_waves(field.n, job, [&](std::size_t entry, const int(&m)[3]) {
    if (at_highest_wave(m, field.n)) source[entry] = 0;
  });
  const Complex i(0, 1);
  // -grad phi and grad phi2, with phi = -density / k^2 and phi2 = -source / k^2.
  const auto first = [&](std::size_t entry, double k, double k2) { return i * k / k2 * field.waves[entry]; };
  const auto second = [&](std::size_t entry, double k, double k2) { return -i * k / k2 * source[entry]; };
  split(work.values([&](std::size_t entry, const Vec& k, double k2) {
    return Two{first(entry, k[0], k2), first(entry, k[1], k2)};
  }),
        result.first[0], result.first[1]);
  split(work.values([&](std::size_t entry, const Vec& k, double k2) {
    return Two{first(entry, k[2], k2), second(entry, k[0], k2)};
  }),
        result.first[2], result.second[0]);
  split(work.values([&](std::size_t entry, const Vec& k, double k2) {
    return Two{second(entry, k[1], k2), second(entry, k[2], k2)};
  }),
        result.second[1], result.second[2]);
  for (const Complex& value : work.values([&](std::size_t entry, const Vec&, double) {
         return Two{field.waves[entry], 0};
       }))
    result.density.push_back(static_cast<float>(value.real()));
  return result;
}

std::uint64_t displacement_bytes(int n) {
  const auto side = static_cast<std::uint64_t>(n);
  // Coefficients of the field, of the source and of the work; seven results and one more of float32.
  return side * side * side * (3 * sizeof(Complex) + 8 * sizeof(float));
}

Motion motion_of_today(double omega_m) {
  const Growth today = growth(omega_m);
  const double second = today.second / (today.first * today.first);
  return {second, today.first_rate, second * today.second_rate};
}

}  // namespace erwin::generate
