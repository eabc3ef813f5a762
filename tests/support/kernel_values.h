#pragma once
// Comparing what kernels compute with sums in double.

#include <gtest/gtest.h>

#include <vector>

namespace erwin::test {

// |value - expected| <= tolerance * max |expected|, and infinities and NaN where they belong; prints the error.
testing::AssertionResult close(const char* what, const std::vector<double>& value, const std::vector<double>& expected,
                               double tolerance);
// The same in norm: |value - expected|_2 <= tolerance |expected|_2.
testing::AssertionResult close_in_norm(const char* what, const std::vector<double>& value,
                                       const std::vector<double>& expected, double tolerance);

<<<<<<< HEAD:tests/support/kernel_values.h
float rounded_to_bf16(float x);  // to nearest even; NaN stays NaN

inline std::vector<double> wide(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}
=======
float rounded_to_bf16(float x);
std::vector<double> wide(const std::vector<float>& values);
std::vector<float> narrow(const std::vector<double>& values);
>>>>>>> 65bd329 (Merging the branches by their gates in one kernel forward and one backward, a row of the compressed branch shared by a block's slots where it is, and a CPU twin):tests/kernels/support/compare.h

}  // namespace erwin::test
