#pragma once
// How long something takes: runs until there are enough of them, and what is said of their times.

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/job.h"

namespace erwin::bench {

// Milliseconds.
struct Timing {
  double median = 0, fastest = 0, slowest = 0;
  double lower_quartile = 0, upper_quartile = 0;  // between neighbours in order, linearly
  int runs = 0;
};

// Raises Error{Internal} for no times at all.
Timing summarise(std::vector<double> milliseconds);

// Runs end after `most` of them or after `seconds`, but not before there are `least`.
struct Budget {
  int most = 20;
  double seconds = 10;
  int least = 2;
  int warm_up = 2;  // runs before that do not count; fewer where they would take more than a quarter of `seconds`
};

// run: does the work once and says how many milliseconds it took. A stop of the job takes effect between two runs.
Timing measure(const Budget& budget, const std::function<double()>& run, const Job& job = {});
// By the host's clock.
Timing measure_on_host(const Budget& budget, const std::function<void()>& work, const Job& job = {});

}  // namespace erwin::bench
