#pragma once
// What a few repetitions say about a mean: Student's t intervals, alone and paired.

#include <span>

namespace erwin {

// A mean over repetitions. With one repetition there is a mean and no interval.
struct Estimate {
  int count = 0;
  double mean = 0;
  double half_width = 0;  // of the 95 % interval, mean +- half_width; only where has_interval()
  bool has_interval() const { return count > 1; }
  double low() const { return mean - half_width; }
  double high() const { return mean + half_width; }
  // Does the interval leave 0 out? Then the mean differs from 0 at the 5 % level.
  bool excludes_zero() const { return has_interval() && (low() > 0 || high() < 0); }
};

// The probability that Student's t with `freedom` degrees of freedom is at most t.
double student_t_probability(double t, double freedom);
// Its inverse for a probability above 0.5 and below 1: student_t_quantile(0.975, 2) = 4.3027.
double student_t_quantile(double probability, double freedom);

// Mean and 95 % interval, mean +- t(0.975, n - 1) * s / sqrt(n), s with n - 1 in its divisor. Raises Error{Internal}
// for no values.
Estimate estimate(std::span<const double> values);
// Of the differences values[i] - reference[i]: what the repetitions have in common (data, order, weights) cancels.
// Raises Error{Internal} where the sizes differ.
Estimate paired_difference(std::span<const double> values, std::span<const double> reference);

}  // namespace erwin
