#include "core/data/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace erwin {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<double, 5> shares{0.05, 0.25, 0.5, 0.75, 0.95};

struct Sorted {
  std::vector<double> values;  // finite, ascending
  std::int64_t nonfinite = 0;
};

double value_of(const Field& field, std::int64_t point, int component, std::int64_t frame) {
  if (component >= 0) return field.value(point, component, frame);
  double square = 0;
  for (int c = 0; c < field.components(); ++c) square += std::pow(field.value(point, c, frame), 2);
  return std::sqrt(square);
}

Sorted sorted_values(const Field& field, int component, std::int64_t frame, const Job& job) {
  if (component >= field.components() || component < -1)
    throw Error(ErrorKind::Config, "the field has no such component", field.name() + ", " + std::to_string(component));
  if (frame < 0 || (field.frames() > 1 && frame >= field.frames()))
    throw Error(ErrorKind::Config, "the field has no such frame", field.name() + ", " + std::to_string(frame));
  Sorted sorted;
  const std::int64_t of = field.frames() == 1 ? 0 : frame;
  sorted.values.reserve(static_cast<std::size_t>(field.points()));
  for (std::int64_t point = 0; point < field.points(); ++point) {
    if (point % 65536 == 0) job.check();
    const double value = value_of(field, point, component, of);
    if (std::isfinite(value))
      sorted.values.push_back(value);
    else
      ++sorted.nonfinite;
  }
  std::sort(sorted.values.begin(), sorted.values.end());
  job.check();
  return sorted;
}

double quantile(const std::vector<double>& values, double share) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double next = values[std::min(below + 1, values.size() - 1)];
  return values[below] + (place - static_cast<double>(below)) * (next - values[below]);
}

Distribution describe(const Sorted& sorted) {
  Distribution found{std::ssize(sorted.values), sorted.nonfinite, none, none, none, none, {}};
  found.quantiles.fill(none);
  if (sorted.values.empty()) return found;
  const auto count = static_cast<double>(found.count);
  double sum = 0, square = 0;
  for (const double value : sorted.values) sum += value;
  found.mean = sum / count;
  for (const double value : sorted.values) square += (value - found.mean) * (value - found.mean);
  found.deviation = std::sqrt(square / count);
  found.minimum = sorted.values.front();
  found.maximum = sorted.values.back();
  for (std::size_t i = 0; i < shares.size(); ++i) found.quantiles[i] = quantile(sorted.values, shares[i]);
  return found;
}

// Walks both distribution functions from step to step.
void measure_gap(const std::vector<double>& a, const std::vector<double>& b, DistributionPair& pair) {
  pair.kolmogorov = pair.wasserstein = a.empty() || b.empty() ? none : 0;
  if (a.empty() || b.empty()) return;
  std::size_t i = 0, j = 0;
  double before = std::min(a.front(), b.front()), gap = 0;
  while (i < a.size() || j < b.size()) {
    const double at = i == a.size() ? b[j] : j == b.size() ? a[i] : std::min(a[i], b[j]);
    pair.wasserstein += gap * (at - before);
    while (i < a.size() && a[i] == at) ++i;
    while (j < b.size() && b[j] == at) ++j;
    gap = std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                   static_cast<double>(j) / static_cast<double>(b.size()));
    pair.kolmogorov = std::max(pair.kolmogorov, gap);
    before = at;
  }
}

}  // namespace

Distribution distribution_of(const Field& field, int component, std::int64_t frame, const Job& job) {
  return describe(sorted_values(field, component, frame, job));
}

DistributionPair compare_distributions(const Field& shown, std::int64_t shown_frame, const Field& other,
                                       std::int64_t other_frame, int component, const Job& job) {
  const Sorted a = sorted_values(shown, component, shown_frame, job);
  const Sorted b = sorted_values(other, component, other_frame, job);
  DistributionPair pair{describe(a), describe(b), 0, 0};
  measure_gap(a.values, b.values, pair);
  return pair;
}

}  // namespace erwin
