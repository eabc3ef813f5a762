// Intervals against tables, and pairing against what it is for.

#include "core/compare/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace erwin {
namespace {

// Printed tables of Student's t (two-sided 95 % and 99 %).
TEST(StudentT, QuantilesOfTheTables) {
  const struct {
    double probability, freedom, value;
  } table[] = {{0.975, 1, 12.7062},  {0.975, 2, 4.30265},  {0.975, 3, 3.18245},   {0.975, 4, 2.77645},
               {0.975, 9, 2.26216},  {0.975, 30, 2.04227}, {0.975, 120, 1.97993}, {0.995, 2, 9.92484},
               {0.995, 10, 3.16927}, {0.95, 5, 2.01505}};
  for (const auto& row : table)
    EXPECT_NEAR(student_t_quantile(row.probability, row.freedom), row.value, 6e-6 * row.value)
        << row.probability << " " << row.freedom;
  // One degree of freedom is Cauchy's distribution; two have a closed form.
  EXPECT_NEAR(student_t_probability(3, 1), 0.5 + std::atan(3.0) / std::numbers::pi, 1e-12);
  EXPECT_NEAR(student_t_probability(1.5, 2), 0.5 + 1.5 / (2 * std::sqrt(2 + 1.5 * 1.5)), 1e-12);
  EXPECT_NEAR(student_t_probability(-1.5, 2), 1 - student_t_probability(1.5, 2), 1e-12);
  EXPECT_DOUBLE_EQ(student_t_probability(0, 7), 0.5);
}

TEST(Estimate, MeanAndInterval) {
  const std::vector<double> values{1, 2, 6};  // mean 3, s = sqrt(7)
  const Estimate e = estimate(values);
  EXPECT_EQ(e.count, 3);
  EXPECT_DOUBLE_EQ(e.mean, 3);
  EXPECT_NEAR(e.half_width, 4.30265273 * std::sqrt(7.0 / 3), 1e-6);
  EXPECT_FALSE(e.excludes_zero());
  const std::vector<double> one{4.5};
  EXPECT_EQ(estimate(one).mean, 4.5);
  EXPECT_FALSE(estimate(one).has_interval()) << "one seed says nothing about its spread";
  EXPECT_FALSE(estimate(one).excludes_zero());
}

TEST(Estimate, PairingTakesOutWhatSeedsShare) {
  const std::vector<double> reference{10, 20, 30}, values{9, 18.9, 29.1};
  const Estimate difference = paired_difference(values, reference);
  EXPECT_NEAR(difference.mean, -1, 1e-12);
  EXPECT_NEAR(difference.half_width, 4.30265273 * 0.1 / std::sqrt(3.0), 1e-6);
  EXPECT_TRUE(difference.excludes_zero());
  EXPECT_GT(estimate(values).half_width, 20) << "unpaired, the same numbers show nothing";
}

}  // namespace
}  // namespace erwin
