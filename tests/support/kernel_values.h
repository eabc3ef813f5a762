#pragma once
// Comparing what kernels compute with sums in double.

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace erwin::test {

// |value - expected| <= tolerance * max |expected|, and infinities and NaN where they belong; prints the error.
testing::AssertionResult close(const char* what, const std::vector<double>& value, const std::vector<double>& expected,
                               double tolerance);
// The same in norm: |value - expected|_2 <= tolerance |expected|_2.
testing::AssertionResult close_in_norm(const char* what, const std::vector<double>& value,
                                       const std::vector<double>& expected, double tolerance);

float rounded_to_bf16(float x);  // to nearest even; NaN stays NaN
// `count` values of N(0, size), rounded to bf16 where asked for.
std::vector<float> random_values(std::size_t count, float size, unsigned seed, bool as_bf16);

inline std::vector<double> wide(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}
inline std::vector<float> narrow(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

}  // namespace erwin::test
