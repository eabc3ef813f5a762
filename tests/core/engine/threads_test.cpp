#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/engine/mailbox.h"
#include "core/engine/worker.h"

namespace erwin {
namespace {

using namespace std::chrono_literals;

void wait_until(const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
  ASSERT_TRUE(done());
}

TEST(Mailbox, KeepsTheNewestAndGivesItOnce) {
  Mailbox<int> box;
  EXPECT_EQ(box.take(), nullptr);
  box.put(std::make_shared<int>(1));
  box.put(std::make_shared<int>(2));
  ASSERT_EQ(*box.take(), 2);
  EXPECT_EQ(box.take(), nullptr);
}

TEST(Mailbox, ReaderSeesGrowingValuesAndTheLastOne) {
  Mailbox<int> box;
  std::atomic<int> wakes = 0;
  box.set_listener([&] { ++wakes; });
  constexpr int last = 20000;
  std::thread writer([&] {
    for (int i = 1; i <= last; ++i) box.put(std::make_shared<int>(i));
  });
  int seen = 0;
  while (seen < last)
    if (const auto value = box.take()) {
      ASSERT_GT(*value, seen);
      seen = *value;
    }
  writer.join();
  EXPECT_EQ(wakes, last);
}

TEST(Worker, AnUrgentTaskComesFirstAndWhatItStoppedStartsAgain) {
  Worker worker;
  std::vector<std::string> order;  // the worker's until it is idle
  std::atomic<int> begun = 0;
  worker.post(
      [&](std::stop_token stop) {
        const bool first = begun.fetch_add(1) == 0;
        while (first && !stop.stop_requested()) std::this_thread::sleep_for(1ms);
        order.push_back(first ? "stopped" : "patient");
      },
      "patient");
  worker.post([&](std::stop_token) { order.push_back("also patient"); }, "other");
  wait_until([&] { return begun == 1; });
  worker.post_ahead([&](std::stop_token) { order.push_back("urgent"); }, "urgent", {"patient", "other"});
  wait_until([&] { return worker.idle(); });
  EXPECT_EQ(order, (std::vector<std::string>{"stopped", "urgent", "patient", "also patient"}));
}

TEST(Worker, AnUrgentTaskStillWaitsForWhatItDependsOn) {
  Worker worker;
  std::vector<std::string> order;
  std::atomic<bool> go = false;
  worker.post([&](std::stop_token) { wait_until([&] { return go.load(); }); });
  worker.post([&](std::stop_token) { order.push_back("before"); }, "before");
  worker.post([&](std::stop_token) { order.push_back("patient"); }, "patient");
  worker.post_ahead([&](std::stop_token) { order.push_back("urgent"); }, "urgent", {"patient"});
  go = true;
  wait_until([&] { return worker.idle(); });
  EXPECT_EQ(order, (std::vector<std::string>{"before", "urgent", "patient"}));
}

TEST(Worker, ACancelledTaskDoesNotStartAgain) {
  Worker worker;
  std::atomic<int> begun = 0;
  worker.post(
      [&](std::stop_token stop) {
        ++begun;
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      },
      "patient");
  wait_until([&] { return begun == 1; });
  worker.cancel("patient");
  worker.post_ahead([](std::stop_token) {}, "urgent", {"patient"});
  wait_until([&] { return worker.idle(); });
  EXPECT_EQ(begun, 1);
}

TEST(Worker, RunsTasksInOrderOnOneOtherThread) {
  Worker worker;
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  for (int i = 0; i < 50; ++i)
    worker.post([&, i](std::stop_token) {
      order.push_back(i);
      threads.push_back(std::this_thread::get_id());
    });
  wait_until([&] { return worker.idle(); });
  ASSERT_EQ(order.size(), 50u);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(threads[static_cast<std::size_t>(i)], threads.front());
  }
  EXPECT_NE(threads.front(), std::this_thread::get_id());
}

TEST(Worker, ANewerQuestionOfAKindReplacesTheWaitingAndStopsTheRunningOne) {
  Worker worker;
  std::atomic<bool> started = false, stopped = false;
  std::vector<int> answered;
  worker.post(
      [&](std::stop_token stop) {
        started = true;
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
        stopped = true;
      },
      "query");
  wait_until([&] { return started.load(); });
  for (int i = 0; i < 20; ++i)
    worker.post(
        [&, i](std::stop_token stop) {
          if (!stop.stop_requested()) answered.push_back(i);
        },
        "query");
  wait_until([&] { return worker.idle(); });
  EXPECT_TRUE(stopped);
  // Those posted before the running one had noticed were replaced; the newest is always answered.
  ASSERT_FALSE(answered.empty());
  EXPECT_EQ(answered.back(), 19);
}

// What runs is finished; of those that wait only the newest is left.
TEST(Worker, AKindMayLetItsRunningTaskFinish) {
  Worker worker;
  std::vector<int> done;
  std::atomic<bool> begun = false, go = false, stopped = false;
  worker.post(
      [&](std::stop_token stop) {
        begun = true;
        wait_until([&] { return go.load(); });
        stopped = stop.stop_requested();
        done.push_back(0);
      },
      "drag");
  wait_until([&] { return begun.load(); });
  for (int i = 1; i <= 5; ++i) worker.post([&, i](std::stop_token) { done.push_back(i); }, "drag", true);
  go = true;
  wait_until([&] { return worker.idle(); });
  EXPECT_FALSE(stopped);
  EXPECT_EQ(done, (std::vector<int>{0, 5}));
}

TEST(Worker, CancelStopsWhatRunsWithin200msAndForgetsWhatWaits) {
  Worker worker;
  std::atomic<bool> started = false, ran_after = false;
  std::atomic<std::int64_t> ended_ns = 0;
  worker.post([&](std::stop_token stop) {
    started = true;
    const Job job(stop);
    try {
      while (true) {
        std::this_thread::sleep_for(5ms);  // a chunk of work
        job.check();
      }
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
      ended_ns = std::chrono::steady_clock::now().time_since_epoch().count();
    }
  });
  worker.post([&](std::stop_token) { ran_after = true; });
  wait_until([&] { return started.load(); });
  const auto asked = std::chrono::steady_clock::now().time_since_epoch().count();
  worker.cancel();
  wait_until([&] { return worker.idle(); });
  EXPECT_FALSE(ran_after);
  EXPECT_LT(ended_ns - asked, std::chrono::nanoseconds(200ms).count());
  // Later tasks are not affected.
  std::atomic<bool> later = false;
  worker.post([&](std::stop_token stop) { later = !stop.stop_requested(); });
  wait_until([&] { return worker.idle(); });
  EXPECT_TRUE(later);
}

TEST(Worker, CancellingOneKindLeavesTheOthers) {
  Worker worker;
  std::atomic<bool> started = false, stopped = false, dropped_ran = false, other_ran = false;
  worker.post(
      [&](std::stop_token stop) {
        started = true;
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
        stopped = true;
      },
      "predict");
  wait_until([&] { return started.load(); });
  worker.post([&](std::stop_token) { other_ran = true; }, "query");
  worker.cancel("load");
  EXPECT_FALSE(stopped);
  worker.post([&](std::stop_token) { dropped_ran = true; }, "wait");
  worker.cancel("wait");
  worker.cancel("predict");
  wait_until([&] { return worker.idle(); });
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(other_ran);
  EXPECT_FALSE(dropped_ran);
}

TEST(Worker, DestructionCancelsAndJoins) {
  std::atomic<bool> started = false, ended = false, dropped_ran = false;
  {
    Worker worker;
    worker.post([&](std::stop_token stop) {
      started = true;
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      ended = true;
    });
    wait_until([&] { return started.load(); });
    worker.post([&](std::stop_token) { dropped_ran = true; });
  }
  EXPECT_TRUE(ended);
  EXPECT_FALSE(dropped_ran);
}

}  // namespace
}  // namespace erwin
