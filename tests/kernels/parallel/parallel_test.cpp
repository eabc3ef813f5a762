#include "kernels/parallel/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

namespace erwin {
namespace {

// Every test runs with 1, 2 and 4 threads and leaves the pool as it found it.
class Parallel : public testing::TestWithParam<int> {
protected:
  void SetUp() override { set_parallel_threads(GetParam()); }
  void TearDown() override { set_parallel_threads(before_); }

private:
  const int before_ = parallel_threads();
};

INSTANTIATE_TEST_SUITE_P(Threads, Parallel, testing::Values(1, 2, 4));

TEST_P(Parallel, EveryIndexIsVisitedOnce) {
  EXPECT_EQ(parallel_threads(), GetParam());
  for (const std::int64_t count : {0, 1, 7, 1000, 100003})
    for (const std::int64_t grain : {0, 1, 64, 1000000}) {
      std::vector<int> visits(static_cast<std::size_t>(count));
      parallel_for(5, 5 + count, grain, [&](std::int64_t first, std::int64_t last) {
        ASSERT_LT(first, last);
        for (std::int64_t i = first; i < last; ++i) ++visits[static_cast<std::size_t>(i - 5)];
      });
      for (const int visited : visits) ASSERT_EQ(visited, 1);
    }
}

TEST_P(Parallel, PiecesAreNoSmallerThanTheGrain) {
  std::atomic<int> small = 0;
  parallel_for(0, 10000, 300,
               [&](std::int64_t first, std::int64_t last) { small += last - first < 300 && last != 10000; });
  EXPECT_EQ(small, 0);
}

TEST_P(Parallel, AnEmptyRangeCallsNothing) {
  parallel_for(3, 3, 1, [](std::int64_t, std::int64_t) { FAIL(); });
  parallel_for(3, 2, 1, [](std::int64_t, std::int64_t) { FAIL(); });
}

TEST_P(Parallel, AnExceptionReachesTheCallerAndThePoolLivesOn) {
  for (int round = 0; round < 20; ++round) {
    try {
      parallel_for(0, 1000, 1, [](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i)
          if (i == 500) throw std::runtime_error("point 500");
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "point 500");
    }
    std::atomic<std::int64_t> sum = 0;
    parallel_for(0, 100, 1, [&](std::int64_t first, std::int64_t last) { sum += last - first; });
    EXPECT_EQ(sum, 100);
  }
}

TEST_P(Parallel, NestedLoopsRunOnTheirOwnThread) {
  std::atomic<std::int64_t> inner = 0;
  std::atomic<int> strangers = 0;
  parallel_for(0, 64, 1, [&](std::int64_t first, std::int64_t last) {
    const auto me = std::this_thread::get_id();
    for (std::int64_t i = first; i < last; ++i)
      parallel_for(0, 1000, 10, [&](std::int64_t from, std::int64_t to) {
        strangers += std::this_thread::get_id() != me;
        inner += to - from;
      });
  });
  EXPECT_EQ(inner, 64000);
  EXPECT_EQ(strangers, 0);
}

TEST_P(Parallel, AnExceptionOfANestedLoopPassesBothLoops) {
  EXPECT_THROW(parallel_for(0, 8, 1,
                            [](std::int64_t, std::int64_t) {
                              parallel_for(0, 8, 1,
                                           [](std::int64_t, std::int64_t) { throw std::logic_error("inner"); });
                            }),
               std::logic_error);
  std::atomic<int> calls = 0;
  parallel_for(0, 8, 1, [&](std::int64_t first, std::int64_t last) { calls += static_cast<int>(last - first); });
  EXPECT_EQ(calls, 8);
}

TEST_P(Parallel, ManySmallLoopsSeeEachOthersWrites) {
  std::vector<std::int64_t> values(64);
  for (int round = 0; round < 2000; ++round)
    parallel_for(0, 64, 4, [&](std::int64_t first, std::int64_t last) {
      // Each index reads what another thread may have written in the round before.
      for (std::int64_t i = first; i < last; ++i) values[static_cast<std::size_t>(i)] += 1;
    });
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), std::int64_t{0}), 64 * 2000);
}

TEST_P(Parallel, SeveralCallersTakeTurns) {
  std::atomic<std::int64_t> sum = 0;
  {
    std::vector<std::jthread> callers;
    for (int c = 0; c < 3; ++c)
      callers.emplace_back([&] {
        for (int round = 0; round < 200; ++round)
          parallel_for(0, 100, 5, [&](std::int64_t first, std::int64_t last) { sum += last - first; });
      });
  }
  EXPECT_EQ(sum, 3 * 200 * 100);
}

TEST(ParallelThreads, AtLeastOneAndByDefaultTheHardwares) {
  const int before = parallel_threads();
  EXPECT_GE(before, 1);
  set_parallel_threads(0);
  EXPECT_EQ(parallel_threads(), 1);
  set_parallel_threads(before);
}

}  // namespace
}  // namespace erwin
