// What is said of times, and how many runs are made.

#include <gtest/gtest.h>

#include <chrono>
#include <stop_token>
#include <thread>

#include "core/base/error.h"
#include "core/bench/timing.h"

namespace erwin::bench {
namespace {

TEST(Timing, MedianQuartilesAndExtremesOfTimesInAnyOrder) {
  const Timing odd = summarise({5, 1, 4, 2, 3});
  EXPECT_EQ(odd.median, 3);
  EXPECT_EQ(odd.fastest, 1);
  EXPECT_EQ(odd.slowest, 5);
  EXPECT_EQ(odd.lower_quartile, 2);
  EXPECT_EQ(odd.upper_quartile, 4);
  EXPECT_EQ(odd.runs, 5);
  const Timing even = summarise({4, 1, 2, 3});
  EXPECT_EQ(even.median, 2.5);
  EXPECT_EQ(even.lower_quartile, 1.75);
  EXPECT_EQ(even.upper_quartile, 3.25);
  const Timing one = summarise({7});
  EXPECT_EQ(one.median, 7);
  EXPECT_EQ(one.upper_quartile, 7);
  EXPECT_THROW(summarise({}), Error);
}

TEST(Timing, OneSlowRunDoesNotMoveTheMedian) {
  EXPECT_EQ(summarise({1, 1, 1, 1, 1000}).median, 1);
}

// Every run says how long it took; the first ones do not count.
TEST(Timing, WarmsUpAndThenTakesSoMany) {
  int runs = 0;
  const Timing timing = measure({6, 10, 2, 3}, [&] { return static_cast<double>(++runs); });
  EXPECT_EQ(runs, 9);
  EXPECT_EQ(timing.runs, 6);
  EXPECT_EQ(timing.fastest, 4);
  EXPECT_EQ(timing.slowest, 9);
}

TEST(Timing, StopsWhenTheTimeIsOverButNotBeforeTheLeast) {
  int runs = 0;
  const auto slow = [&] {
    ++runs;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return 20.0;
  };
  EXPECT_EQ(measure({1000, 0.001, 3, 0}, slow).runs, 3);
  EXPECT_EQ(runs, 3);
  runs = 0;
  measure({1000, 0.001, 1, 50}, slow);
  EXPECT_EQ(runs, 2) << "one run to warm up is enough where it takes so long";
}

TEST(Timing, AStopTakesEffectBetweenRuns) {
  std::stop_source source;
  int runs = 0;
  const auto run = [&] {
    if (++runs == 4) source.request_stop();
    return 1.0;
  };
  EXPECT_THROW(measure({}, run, Job(source.get_token())), Error);
  EXPECT_EQ(runs, 4);
}

TEST(Timing, TheHostsClockSeesWhatTheWorkTakes) {
  const Timing timing =
      measure_on_host({3, 10, 3, 0}, [] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); });
  EXPECT_GE(timing.fastest, 5);
}

}  // namespace
}  // namespace erwin::bench
