#include "core/compare/statistics.h"

#include <cmath>
#include <vector>

#include "core/base/error.h"

namespace erwin {

namespace {

// The continued fraction of the incomplete beta function (Lentz's evaluation), for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300, enough = 1e-15;
  constexpr int most_terms = 1000;
  const auto away_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double result = d;
  for (int m = 1; m <= most_terms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    double change = 1;
    for (const double term : {even, odd}) {
      d = 1 / away_from_zero(1 + term * d);
      c = away_from_zero(1 + term / c);
      change = c * d;
      result *= change;
    }
    if (std::abs(change - 1) < enough) break;
  }
  return result;
}

// The regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  if (x < (a + 1) / (a + b + 2)) return std::exp(log_front) * beta_fraction(a, b, x) / a;
  return 1 - std::exp(log_front) * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

double student_t_probability(double t, double freedom) {
  const double tail = 0.5 * incomplete_beta(0.5 * freedom, 0.5, freedom / (freedom + t * t));
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double probability, double freedom) {
  if (!(probability > 0.5 && probability < 1) || freedom < 1)
    throw Error(ErrorKind::Internal, "a quantile that does not exist was asked for");
  double low = 0, high = 1;
  while (student_t_probability(high, freedom) < probability) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
    const double middle = 0.5 * (low + high);
    (student_t_probability(middle, freedom) < probability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

Estimate estimate(std::span<const double> values) {
  if (values.empty()) throw Error(ErrorKind::Internal, "the mean of nothing");
  Estimate result;
  result.count = static_cast<int>(values.size());
  const auto count = static_cast<double>(values.size());
  for (const double value : values) result.mean += value / count;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.half_width = student_t_quantile(0.975, count - 1) * std::sqrt(squares / (count - 1) / count);
  return result;
}

Estimate paired_difference(std::span<const double> values, std::span<const double> reference) {
  if (values.size() != reference.size()) throw Error(ErrorKind::Internal, "pairs need as many values on both sides");
  std::vector<double> differences(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) differences[i] = values[i] - reference[i];
  return estimate(differences);
}

}  // namespace erwin
