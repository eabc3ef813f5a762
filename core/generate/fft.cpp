#include "core/generate/fft.h"

#include <algorithm>
#include <unsupported/Eigen/FFT>

#include "core/base/error.h"

namespace erwin::generate {

namespace {
constexpr std::size_t lines_at_once = 8;  // neighbours in memory, so that a cache line serves all of them
}

struct CubeTransform::Plan {
  Eigen::FFT<double> fft;
  std::vector<Complex> in, out;
};

CubeTransform::CubeTransform(int n) : n_(n), plan_(std::make_unique<Plan>()) {
  if (!is_quick(n)) throw Error(ErrorKind::Internal, "a cube that cannot be transformed quickly", std::to_string(n));
  plan_->fft.SetFlag(Eigen::FFT<double>::Unscaled);
  plan_->in.resize(lines_at_once * static_cast<std::size_t>(n));
  plan_->out.resize(static_cast<std::size_t>(n));
}

CubeTransform::~CubeTransform() = default;

std::size_t CubeTransform::size() const {
  const auto n = static_cast<std::size_t>(n_);
  return n * n * n;
}

bool CubeTransform::is_quick(int n) {
  if (n < 2 || n % 2 != 0) return false;
  for (const int factor : {2, 3, 5})
    while (n % factor == 0) n /= factor;
  return n == 1;
}

void CubeTransform::transform(std::span<Complex> cube, bool forward, const Job& job) {
  if (cube.size() != size()) throw Error(ErrorKind::Internal, "a cube of another size than the transform's");
  const auto n = static_cast<std::size_t>(n_);
  std::vector<Complex>&in = plan_->in, &out = plan_->out;
  // Lines along an axis lie `stride` apart; `first` are the places where a group of neighbouring lines begins.
  const auto lines = [&](std::size_t first, std::size_t stride, std::size_t step, std::size_t count) {
    for (std::size_t x = 0; x < n; ++x)
      for (std::size_t l = 0; l < count; ++l) in[l * n + x] = cube[first + x * stride + l * step];
    for (std::size_t l = 0; l < count; ++l) {
      const Complex* line = in.data() + l * n;
      if (forward)
        plan_->fft.fwd(out.data(), line, static_cast<Eigen::Index>(n));
      else
        plan_->fft.inv(out.data(), line, static_cast<Eigen::Index>(n));
      std::copy(out.begin(), out.end(), in.begin() + static_cast<std::ptrdiff_t>(l * n));
    }
    for (std::size_t x = 0; x < n; ++x)
      for (std::size_t l = 0; l < count; ++l) cube[first + x * stride + l * step] = in[l * n + x];
  };
  for (std::size_t i = 0; i < n; ++i) {
    job.check();
    for (std::size_t j = 0; j < n; ++j) lines((i * n + j) * n, 1, n, 1);
    for (std::size_t k = 0; k < n; k += lines_at_once) lines(i * n * n + k, n, 1, std::min(lines_at_once, n - k));
  }
  for (std::size_t j = 0; j < n; ++j) {
    job.check();
    for (std::size_t k = 0; k < n; k += lines_at_once) lines(j * n + k, n * n, 1, std::min(lines_at_once, n - k));
  }
}

void CubeTransform::to_waves(std::span<Complex> cube, const Job& job) {
  transform(cube, true, job);
  const double scale = 1 / static_cast<double>(size());
  for (Complex& c : cube) c *= scale;
}

void CubeTransform::to_values(std::span<Complex> cube, const Job& job) {
  transform(cube, false, job);
}

}  // namespace erwin::generate
