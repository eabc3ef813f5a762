#pragma once
// Random problems of ball attention and what they must give, in float64 and in the plainest way.

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/ball_attention/ball_attention.h"
#include "tests/support/kernel_values.h"

namespace erwin::test {

struct BallCase {
  std::string name;
  std::int64_t balls = 2;
  int ball_size = 64, heads = 4, groups = 2, width = 16, dimension = 3;
  bool sigma = true, update = false;
  bool apart = false;   // rows of q, k and v lie apart, with something else between them
  double masked = 0.2;  // share of masked slots
  double size = 1;      // of q
};

// All arrays of a problem; masked slots hold NaN, which nothing may see.
struct BallData {
  BallCase what;
  kernels::BallShape shape;
  std::int64_t q_stride = 0, key_stride = 0;
  std::vector<float> q, k, v, positions, sigma, relative, matrix, offset, grad_out;
  std::vector<std::uint8_t> mask;

  explicit BallData(const BallCase& given, bool as_bf16 = false, unsigned seed = 3);
  std::size_t query_values() const;  // M H D
  std::size_t key_values() const;    // M G D

  // The parameters of a kernel but for its results; `array` makes a pointer to T or float of a vector.
  template <typename T, typename Rows, typename Array, typename Mask>
  kernels::BallAttentionParams<T> params(const Rows& rows, const Array& array, const Mask& flags) const {
    kernels::BallAttentionParams<T> params;
    params.shape = shape;
    params.q = rows(q);
    params.k = rows(k);
    params.v = rows(v);
    params.q_stride = q_stride;
    params.k_stride = params.v_stride = key_stride;
    params.positions = array(positions);
    params.mask = flags(mask);
    if (what.sigma) params.sigma = array(sigma);
    if (what.update) {
      params.relative = array(relative);
      params.matrix = array(matrix);
      params.offset = array(offset);
    }
    return params;
  }

private:
  bool as_bf16_;
  friend struct BallReference;
};

struct BallResult {
  std::vector<double> out, lse, grad_q, grad_k, grad_v, grad_sigma;
  std::vector<double> sigma_terms;  // [H] the sum of the magnitudes of what is summed to grad_sigma; of references
};
BallResult ball_reference(const BallData& data);

// |value - expected| <= tolerance * sigma_terms: the terms have both signs, so rounding is judged by their size.
testing::AssertionResult close_sigma(const std::vector<double>& value, const BallResult& expected, double tolerance);

// The cases that every implementation is held to: all m, D and ways to share heads, 2-D, no distances, updates, balls
// without a real slot.
std::vector<BallCase> ball_cases();

}  // namespace erwin::test
