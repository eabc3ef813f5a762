#include "tests/support/kernel_values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <random>

namespace erwin::test {

float rounded_to_bf16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (!std::isnan(x)) bits += 0x7fffU + (bits >> 16 & 1U);
  bits &= 0xffff0000U;
  std::memcpy(&x, &bits, sizeof bits);
  return x;
}

std::vector<float> random_values(std::size_t count, float size, unsigned seed, bool as_bf16) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& x : values) {
    x = size * normal(random);
    if (as_bf16) x = rounded_to_bf16(x);
  }
  return values;
}

namespace {

// Largest difference and largest expected value where the expected one is finite; -1 where something else is wrong.
std::pair<double, double> compare(const std::vector<double>& value, const std::vector<double>& expected, bool norm) {
  double error = 0, most = 0;
  if (value.size() != expected.size()) return {-1, 0};
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (std::isnan(expected[i]) || std::isinf(expected[i])) {
      if (std::isnan(expected[i]) ? !std::isnan(value[i]) : value[i] != expected[i])
        return {-1, static_cast<double>(i)};
      continue;
    }
    if (!std::isfinite(value[i])) return {-1, static_cast<double>(i)};
    const double difference = std::abs(value[i] - expected[i]);
    error = norm ? error + difference * difference : std::max(error, difference);
    most = norm ? most + expected[i] * expected[i] : std::max(most, std::abs(expected[i]));
  }
  return norm ? std::pair(std::sqrt(error), std::sqrt(most)) : std::pair(error, most);
}

testing::AssertionResult judge(const char* what, const std::pair<double, double>& found, double tolerance) {
  const auto [error, most] = found;
  if (error < 0) return testing::AssertionFailure() << what << ": not finite (or size) at " << most;
  const double relative = most > 0 ? error / most : error;
  std::cout << "    " << what << " " << relative << "\n";
  if (relative <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << what << ": error " << relative << " of " << most << ", allowed " << tolerance;
}

}  // namespace

testing::AssertionResult close(const char* what, const std::vector<double>& value, const std::vector<double>& expected,
                               double tolerance) {
  return judge(what, compare(value, expected, false), tolerance);
}
testing::AssertionResult close_in_norm(const char* what, const std::vector<double>& value,
                                       const std::vector<double>& expected, double tolerance) {
  return judge(what, compare(value, expected, true), tolerance);
}

}  // namespace erwin::test
