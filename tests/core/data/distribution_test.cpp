// Distributions against sums and orders that can be done by hand.

#include "core/data/distribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/base/error.h"

namespace erwin {
namespace {

Field scalar(std::vector<float> values) {
  return Field("x", FieldKind::Scalar, 1, std::move(values), "m");
}

TEST(Distribution, SaysMeanSpreadAndQuantiles) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Distribution found = distribution_of(scalar({4, 1, nan, 3, 2, 0}), 0, 0);
  EXPECT_EQ(found.count, 5);
  EXPECT_EQ(found.nonfinite, 1);
  EXPECT_DOUBLE_EQ(found.mean, 2);
  EXPECT_DOUBLE_EQ(found.deviation, std::sqrt(2.0));
  EXPECT_EQ(found.minimum, 0);
  EXPECT_EQ(found.maximum, 4);
  EXPECT_NEAR(found.quantiles[0], 0.2, 1e-12);
  EXPECT_NEAR(found.quantiles[1], 1, 1e-12);
  EXPECT_NEAR(found.quantiles[2], 2, 1e-12);
  EXPECT_NEAR(found.quantiles[4], 3.8, 1e-12);
}

TEST(Distribution, OfAVectorItIsThatOfItsLength) {
  const Field field("v", FieldKind::Vector, 2, {3, 4, 0, 1});
  EXPECT_DOUBLE_EQ(distribution_of(field, -1, 0).maximum, 5);
  EXPECT_DOUBLE_EQ(distribution_of(field, 1, 0).mean, 2.5);
  EXPECT_THROW(distribution_of(field, 2, 0), Error);
  EXPECT_EQ(distribution_of(field, 0, 7).count, 2);  // a field with one frame answers every frame
}

// Against the definition, summed over a fine grid, and for equal counts the mean distance in order.
TEST(Distribution, GapsAreThoseOfTheDistributionFunctions) {
  std::mt19937 random(3);
  std::normal_distribution<float> one(0, 1), two(1.5F, 2);
  std::vector<float> a, b;
  for (int i = 0; i < 400; ++i) a.push_back(one(random));
  for (int i = 0; i < 400; ++i) b.push_back(two(random));
  const DistributionPair pair = compare_distributions(scalar(a), 0, scalar(b), 0, 0);
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double moved = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) moved += std::abs(a[i] - b[i]) / 400;
  for (const auto& values : {a, b})
    for (const float x : values) {
      const auto share = [&](const std::vector<float>& of) {
        return static_cast<double>(std::upper_bound(of.begin(), of.end(), x) - of.begin()) / 400;
      };
      largest = std::max(largest, std::abs(share(a) - share(b)));
    }
  EXPECT_NEAR(pair.wasserstein, moved, 1e-6 * moved);
  EXPECT_NEAR(pair.kolmogorov, largest, 1e-12);
}

TEST(Distribution, SidesMayHaveOtherCountsOrNothing) {
  const DistributionPair apart = compare_distributions(scalar({0, 0, 0}), 0, scalar({2}), 0, 0);
  EXPECT_DOUBLE_EQ(apart.kolmogorov, 1);
  EXPECT_DOUBLE_EQ(apart.wasserstein, 2);
  const DistributionPair same = compare_distributions(scalar({1, 2}), 0, scalar({2, 1, 1, 2}), 0, 0);
  EXPECT_DOUBLE_EQ(same.kolmogorov, 0);
  EXPECT_DOUBLE_EQ(same.wasserstein, 0);
  const DistributionPair none =
      compare_distributions(scalar({std::numeric_limits<float>::infinity()}), 0, scalar({1}), 0, 0);
  EXPECT_TRUE(std::isnan(none.kolmogorov) && std::isnan(none.shown.mean));
}

}  // namespace
}  // namespace erwin
