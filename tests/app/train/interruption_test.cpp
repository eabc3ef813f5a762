// The program, killed, starved and interrupted: whatever happens, the run can be gone on with, and ends with the
// weights of one that nothing happened to.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <random>
#include <thread>

#include "core/base/error.h"
#include "core/model/checkpoint.h"
#include "core/train/metrics.h"
#include "core/train/run_directory.h"
#include "tests/core/train/support.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;
using test::StartedProgram;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

class Interrupted : public ::testing::Test {
protected:
  Interrupted() : manifest_(test::make_spirals(folder_.path())) {
    Config config = test::spiral_config(manifest_, ModelKind::Erwin);
    config.set("train.schedule=cosine");
    config.set("train.shuffle_points=true");
    config.set("train.threads=1");
    std::ofstream(path("config.toml")) << config.to_toml();
  }
  fs::path path(const std::string& name) const { return folder_.path() / name; }

  // It works in the scratch folder.
  std::unique_ptr<StartedProgram> spawn(const std::string& arguments, const std::string& limits = "") const {
    test::ProgramStart start;
    start.folder = folder_.path();
    start.out = path("out");
    start.err = path("err");
    start.limits = limits;
    return std::make_unique<StartedProgram>(test::words_of(arguments), start);
  }
  int run(const std::string& arguments, const std::string& limits = "") const {
    return spawn(arguments, limits)->wait();
  }
  static std::int64_t steps_of(const fs::path& run) {
    const MetricsHistory metrics = read_metrics(RunLayout(run).metrics());
    return metrics.training().empty() ? 0 : metrics.training().back().step;
  }
  // Waits until the run in that directory has done some steps.
  bool reaches(const fs::path& run, std::int64_t step) const {
    return test::within_a_minute([&] { return steps_of(run) >= step; });
  }
  // Kills it at that moment, or earlier once it has gone so many steps beyond those in the metrics: on a machine whose
  // pace changes, a moment alone would let one life do all of the work.
  static int kill_after(StartedProgram& child, double seconds, const fs::path& run, std::int64_t steps) {
    const Clock::time_point begin = Clock::now();
    const std::int64_t end = steps_of(run) + steps;
    while (seconds_since(begin) < seconds && steps_of(run) < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    child.send(SIGKILL);
    return child.wait();
  }
  void expect_same_end(const std::string& a, const std::string& b) const {
    const Checkpoint first = load_training_checkpoint(RunLayout(path(a)).last()),
                     second = load_training_checkpoint(RunLayout(path(b)).last());
    EXPECT_EQ(first.step, second.step);
    ASSERT_EQ(first.weights.size(), second.weights.size());
    for (std::size_t i = 0; i < first.weights.size(); ++i)
      EXPECT_TRUE(first.weights[i].data == second.weights[i].data) << first.weights[i].name;
    for (std::size_t i = 0; i < first.training->square.size(); ++i)
      EXPECT_TRUE(first.training->square[i].data == second.training->square[i].data);
  }
  std::string last_error() const {
    const std::string text = test::text_of(path("err"));
    return text.substr(text.substr(0, text.size() - std::min<std::size_t>(1, text.size())).rfind('\n') + 1);
  }

  test::ScratchFolder folder_;
  fs::path manifest_;
};

TEST_F(Interrupted, KilledTwentyTimesItEndsAsIfNeverKilled) {
  const std::string settings =
      " --set train.checkpoint_every=7 --set train.validate_every=50 --set train.keep_every=100";
  const std::string start = "train config.toml --steps 400" + settings;
  const Clock::time_point begin = Clock::now();
  const auto whole = spawn(start + " --out whole");
  ASSERT_TRUE(reaches(path("whole"), 1)) << last_error();
  const double startup = seconds_since(begin);
  ASSERT_EQ(whole->wait(), 0) << last_error();

  std::mt19937 random(20);
  std::uniform_real_distribution<double> moment(0.1 * startup, 1.5 * startup);
  std::uniform_int_distribution<std::int64_t> more_steps(1, 20);
  const RunLayout layout(path("run"));
  int kills = 0, before_it_existed = 0;
  for (int i = 0; i < 60 && kills < 20; ++i) {
    const bool exists = fs::exists(layout.root());
    before_it_existed += !exists;
    const auto child = spawn(exists ? "train --resume run" : start + " --out run");
    const int code = kill_after(*child, moment(random), layout.root(), more_steps(random));
    if (code != 128 + SIGKILL) {
      ASSERT_EQ(code, 0) << last_error();
      break;  // it was quicker than the kill
    }
    ++kills;
    if (!fs::exists(layout.root())) continue;
    ASSERT_TRUE(is_run(layout.root()));
    EXPECT_EQ(read_run_state(layout).phase, RunPhase::Interrupted);
    EXPECT_NO_THROW(load_training_checkpoint(layout.last()));
    EXPECT_NO_THROW(read_metrics(layout.metrics()));
  }
  EXPECT_EQ(kills, 20);
  RecordProperty("kills_before_the_directory_existed", before_it_existed);
  if (read_run_state(layout).phase != RunPhase::Finished) {
    ASSERT_EQ(run("train --resume run"), 0) << last_error();
  }
  expect_same_end("run", "whole");
  const MetricsHistory parts = read_metrics(layout.metrics()), all = read_metrics(RunLayout(path("whole")).metrics());
  ASSERT_EQ(parts.training().size(), 400u);
  for (std::size_t i = 0; i < 400; ++i) EXPECT_EQ(parts.training()[i].loss, all.training()[i].loss) << i;
  ASSERT_EQ(parts.validation().size(), all.validation().size());
  for (std::size_t i = 0; i < all.validation().size(); ++i)
    EXPECT_EQ(parts.validation()[i].mse_standardised, all.validation()[i].mse_standardised);
}

TEST_F(Interrupted, CtrlCFinishesTheStepAndSaysHowToResume) {
  const auto child = spawn("train config.toml --steps 1000000 --out run");
  ASSERT_TRUE(reaches(path("run"), 3)) << last_error();
  child->send(SIGINT);
  EXPECT_EQ(child->wait(), 130);
  EXPECT_NE(last_error().find("erwinscope train --resume run"), std::string::npos) << last_error();
  const RunLayout layout(path("run"));
  EXPECT_EQ(load_checkpoint(layout.last()).step, read_metrics(layout.metrics()).training().back().step);
  EXPECT_EQ(read_run_state(layout).phase, RunPhase::Stopped);
}

TEST_F(Interrupted, ASecondCtrlCStopsAtOnce) {
  // Steps of minutes.
  io::write(path("train_0.csv"), {{"cloud", test::spiral(60000, 0)}});
  std::ofstream(path("large.toml")) << "[dataset]\nname = \"large\"\nfiles = [\"train_0.csv\"]\ntarget = \"height\"\n";
  const auto child = spawn(
      "train config.toml --data large.toml --out run --set train.accumulate=200 "
      "--set data.validation=none");
  const RunLayout layout(path("run"));
  ASSERT_TRUE(test::within_a_minute([&] { return fs::exists(layout.state()); })) << last_error();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  child->send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_TRUE(child->runs()) << "the step goes on";
  const Clock::time_point begin = Clock::now();
  child->send(SIGINT);
  EXPECT_EQ(child->wait(), 130);
  EXPECT_LT(seconds_since(begin), 5);
  EXPECT_EQ(load_checkpoint(layout.last()).step, 0);
}

// A file size limit stands for a disk that refuses to take more.
TEST_F(Interrupted, ARefusedWriteEndsTheRunReadably) {
  ASSERT_EQ(run("train config.toml --steps 40 --out whole"), 0) << last_error();
  // Less than a checkpoint: there is no run then.
  EXPECT_EQ(run("train config.toml --steps 40 --out none", "ulimit -f 8"), 3);
  EXPECT_NE(last_error().find("erwinscope: "), std::string::npos) << last_error();
  EXPECT_FALSE(fs::exists(path("none")));
  // Enough for a checkpoint, not for the metrics: a long file stands there already.
  ASSERT_EQ(run("train config.toml --steps 20 --out run --set train.schedule_steps=40"), 0) << last_error();
  const RunLayout layout(path("run"));
  const auto checkpoint_bytes = fs::file_size(layout.last());
  std::ofstream(layout.metrics(), std::ios::app) << std::string(2 * checkpoint_bytes, ' ') << '\n';
  const std::string blocks = std::to_string(2 * checkpoint_bytes / 512);
  EXPECT_EQ(run("train --resume run --steps 40", "ulimit -f " + blocks), 3) << last_error();
  EXPECT_NE(last_error().find("free space"), std::string::npos) << last_error();
  EXPECT_EQ(load_checkpoint(layout.last()).step, 20);
  EXPECT_EQ(read_metrics(layout.metrics()).training().size(), 20u);
  ASSERT_EQ(run("train --resume run --steps 40"), 0) << last_error();
  expect_same_end("run", "whole");
}

// A tmpfs that holds the first checkpoints and no more, where this machine lets us mount one.
TEST_F(Interrupted, AFullDiskEndsTheRunReadably) {
  fs::create_directories(path("disk"));
  if (std::system(("unshare -rm mount -t tmpfs none '" + path("disk").string() + "' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "this machine lets nobody mount a tmpfs";
  ASSERT_EQ(run("train config.toml --steps 40 --out whole --set train.keep_every=5"), 0) << last_error();
  const auto bytes = fs::file_size(RunLayout(path("whole")).last());
  // step-0, last, best, one kept and one on its way fit; forty steps keep eight.
  std::ofstream(path("script")) << "cd '" << folder_.path().string()
                                << "' || exit 9\nmount -t tmpfs -o size=" << 6 * bytes << " none disk || exit 9\n'"
                                << test::program_path().string()
                                << "' train config.toml --steps 40 --out disk/run --set train.keep_every=5 >>out "
                                   "2>>err\ncode=$?\ncp -r disk/run run\nexit $code\n";
  const int status = std::system(("unshare -rm sh '" + path("script").string() + "'").c_str());
  EXPECT_EQ(WEXITSTATUS(status), 3) << last_error();
  EXPECT_NE(last_error().find("erwinscope: "), std::string::npos) << last_error();
  const RunLayout layout(path("run"));
  const std::int64_t saved = load_training_checkpoint(layout.last()).step;
  EXPECT_GT(saved, 0);
  EXPECT_GE(read_metrics(layout.metrics()).training().back().step, saved);
  EXPECT_EQ(read_run_state(layout).alive(), false);
  ASSERT_EQ(run("train --resume run"), 0) << last_error();
  expect_same_end("run", "whole");
}

TEST_F(Interrupted, TwoProcessesDoNotShareARun) {
  const auto child = spawn("train config.toml --steps 1000000 --out run");
  ASSERT_TRUE(reaches(path("run"), 1)) << last_error();
  EXPECT_EQ(run("train --resume run"), 2);
  EXPECT_NE(last_error().find("another process"), std::string::npos) << last_error();
  send(RunLayout(path("run")), Request::Stop);
  EXPECT_EQ(child->wait(), 0) << last_error();
}

}  // namespace
}  // namespace erwin
