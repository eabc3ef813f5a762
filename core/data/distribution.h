#pragma once
// Fields on different points beside each other: nothing can be subtracted there, but how their values are distributed
// can be compared.

#include <array>
#include <cstdint>

#include "core/base/job.h"
#include "core/data/field.h"

namespace erwin {

// Of the finite values of one frame; all NaN where there is none. In the field's unit.
struct Distribution {
  std::int64_t count = 0, nonfinite = 0;
  double minimum, maximum, mean, deviation;  // deviation: of the values themselves, sqrt(mean (x - mean)^2)
  std::array<double, 5> quantiles;           // at 5, 25, 50, 75 and 95 %, linear between neighbours
};

// component: -1 for the Euclidean norm.
Distribution distribution_of(const Field& field, int component, std::int64_t frame, const Job& job = {});

struct DistributionPair {
  Distribution shown, other;
  // With the empirical distribution functions F and G of both; NaN where a side has no finite value.
  double kolmogorov = 0;  // max_x |F(x) - G(x)|, Kolmogorov-Smirnov: 0 for equal, 1 for values that do not overlap
  double wasserstein =
      0;  // integral of |F - G| over x, Wasserstein-1: how far values must move on average, in the unit
};

// Sorts both: n log n. Raises Error{Config} where one has no such component or frame.
DistributionPair compare_distributions(const Field& shown, std::int64_t shown_frame, const Field& other,
                                       std::int64_t other_frame, int component, const Job& job = {});

}  // namespace erwin
