#include "core/bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"

namespace erwin::bench {

namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Of ascending times, share in [0, 1].
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(place));
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

}  // namespace

Timing summarise(std::vector<double> milliseconds) {
  if (milliseconds.empty()) throw Error(ErrorKind::Internal, "nothing was timed");
  std::sort(milliseconds.begin(), milliseconds.end());
  return {quantile(milliseconds, 0.5),  milliseconds.front(),         milliseconds.back(),
          quantile(milliseconds, 0.25), quantile(milliseconds, 0.75), static_cast<int>(milliseconds.size())};
}

Timing measure(const Budget& budget, const std::function<double()>& run, const Job& job) {
  const auto begin = Clock::now();
  for (int i = 0; i < budget.warm_up && (i == 0 || milliseconds_since(begin) < 250 * budget.seconds); ++i) {
    job.check();
    run();
  }
  std::vector<double> times;
  const auto start = Clock::now();
  const auto wanted = [&] {
    const auto count = static_cast<int>(times.size());
    return count < budget.least || (count < budget.most && milliseconds_since(start) < 1000 * budget.seconds);
  };
  while (wanted()) {
    job.check();
    times.push_back(run());
  }
  return summarise(std::move(times));
}

Timing measure_on_host(const Budget& budget, const std::function<void()>& work, const Job& job) {
  return measure(
      budget,
      [&work] {
        const auto start = Clock::now();
        work();
        return milliseconds_since(start);
      },
      job);
}

}  // namespace erwin::bench
