#pragma once
// Fourier transforms of periodic cubes, for fields that are random or solved for by wave number.

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/job.h"

namespace erwin::generate {

using Complex = std::complex<double>;

// Cubes of n^3 numbers, entry (i * n + j) * n + k, on the calling thread alone. The Fourier coefficients c_m of values
// f_x are those of f_x = sum over m of c_m exp(2 pi i m x / n): `to_waves` divides by n^3, `to_values` does not. The
// work is done by Eigen's FFT (its kissfft), in float64.
class CubeTransform {
public:
  explicit CubeTransform(int n);
  ~CubeTransform();

  int n() const { return n_; }
  std::size_t size() const;
  void to_waves(std::span<Complex> cube, const Job& job = {});
  void to_values(std::span<Complex> cube, const Job& job = {});

  // True where only the factors 2, 3 and 5, which are quick, make up an even n.
  static bool is_quick(int n);

private:
  struct Plan;
  void transform(std::span<Complex> cube, bool forward, const Job& job);
  int n_;
  std::unique_ptr<Plan> plan_;
};

// The wave number that entry i of an axis stands for: 0, 1, ..., n / 2, ..., -1.
inline int wave_number(int i, int n) {
  return i <= n / 2 ? i : i - n;
}

// Calls body(entry, m) for the waves of a cube, m = their three signed numbers.
template <typename Body>
void for_waves(int n, const Job& job, Body body) {
  std::size_t entry = 0;
  for (int i = 0; i < n; ++i) {
    job.check();
    for (int j = 0; j < n; ++j)
      for (int k = 0; k < n; ++k, ++entry) {
        const int m[3] = {wave_number(i, n), wave_number(j, n), wave_number(k, n)};
        body(entry, m);
      }
  }
}

}  // namespace erwin::generate
