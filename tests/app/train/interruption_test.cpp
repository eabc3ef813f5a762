// The program, killed, starved and interrupted: whatever happens, the run can be gone on with, and ends with the
// weights of one that nothing happened to.

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "core/base/error.h"
#include "core/model/checkpoint.h"
#include "core/train/metrics.h"
#include "core/train/run_directory.h"
#include "tests/core/train/support.h"
#include "tests/support/shared_data.h"

extern char** environ;

namespace erwin {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

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

  // A shell does redirection and limits, and becomes the program.
  pid_t spawn(const std::string& arguments, const std::string& before = "") const {
    const std::string script = "cd '" + folder_.path().string() + "'; " + before + " exec '" ERWIN_PROGRAM "' " +
                               arguments + " >>out 2>>err </dev/null";
    std::string shell = "/bin/sh", option = "-c", text = script;
    char* words[] = {shell.data(), option.data(), text.data(), nullptr};
    pid_t child = -1;
    EXPECT_EQ(posix_spawn(&child, "/bin/sh", nullptr, nullptr, words, environ), 0);
    return child;
  }
  static int wait_for(pid_t child) {
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int run(const std::string& arguments, const std::string& before = "") const {
    return wait_for(spawn(arguments, before));
  }
  // Waits until the run in that directory has done some steps; false after a minute or when the process ends.
  bool reaches(const fs::path& run, std::int64_t step) const {
    for (int i = 0; i < 4000; ++i) {
      const MetricsHistory metrics = read_metrics(RunLayout(run).metrics());
      if (!metrics.training().empty() && metrics.training().back().step >= step) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  // Kills it at that moment, or earlier once it has gone so many steps beyond those in the metrics: on a machine whose
  // pace changes, a moment alone would let one life do all of the work.
  static int kill_after(pid_t child, double seconds, const RunLayout& run, std::int64_t steps) {
    const auto done = [&run] {
      const MetricsHistory metrics = read_metrics(run.metrics());
      return metrics.training().empty() ? 0 : metrics.training().back().step;
    };
    const Clock::time_point begin = Clock::now();
    const std::int64_t end = done() + steps;
    while (seconds_since(begin) < seconds && done() < end) std::this_thread::sleep_for(std::chrono::milliseconds(3));
    ::kill(child, SIGKILL);
    return wait_for(child);
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
    const std::string text = text_of(path("err"));
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
  const pid_t whole = spawn(start + " --out whole");
  ASSERT_TRUE(reaches(path("whole"), 1)) << last_error();
  const double startup = seconds_since(begin);
  ASSERT_EQ(wait_for(whole), 0) << last_error();

  std::mt19937 random(20);
  std::uniform_real_distribution<double> moment(0.1 * startup, 1.5 * startup);
  std::uniform_int_distribution<std::int64_t> more_steps(1, 20);
  const RunLayout layout(path("run"));
  int kills = 0, before_it_existed = 0;
  for (int i = 0; i < 60 && kills < 20; ++i) {
    const bool exists = fs::exists(layout.root());
    before_it_existed += !exists;
    const int code = kill_after(spawn(exists ? "train --resume run" : start + " --out run"), moment(random), layout,
                                more_steps(random));
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
  const pid_t child = spawn("train config.toml --steps 1000000 --out run");
  ASSERT_TRUE(reaches(path("run"), 3)) << last_error();
  ::kill(child, SIGINT);
  EXPECT_EQ(wait_for(child), 130);
  EXPECT_NE(last_error().find("erwinscope train --resume run"), std::string::npos) << last_error();
  const RunLayout layout(path("run"));
  EXPECT_EQ(load_checkpoint(layout.last()).step, read_metrics(layout.metrics()).training().back().step);
  EXPECT_EQ(read_run_state(layout).phase, RunPhase::Stopped);
}

TEST_F(Interrupted, ASecondCtrlCStopsAtOnce) {
  // Steps of minutes.
  io::write(path("train_0.csv"), {{"cloud", test::spiral(60000, 0)}});
  std::ofstream(path("large.toml")) << "[dataset]\nname = \"large\"\nfiles = [\"train_0.csv\"]\ntarget = \"height\"\n";
  const pid_t child = spawn(
      "train config.toml --data large.toml --out run --set train.accumulate=200 "
      "--set data.validation=none");
  const RunLayout layout(path("run"));
  for (int i = 0; i < 3000 && !fs::exists(layout.state()); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  ::kill(child, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the step goes on";
  const Clock::time_point begin = Clock::now();
  ::kill(child, SIGINT);
  EXPECT_EQ(wait_for(child), 130);
  EXPECT_LT(seconds_since(begin), 5);
  EXPECT_EQ(load_checkpoint(layout.last()).step, 0);
}

// A file size limit stands for a disk that refuses to take more.
TEST_F(Interrupted, ARefusedWriteEndsTheRunReadably) {
  ASSERT_EQ(run("train config.toml --steps 40 --out whole"), 0) << last_error();
  // Less than a checkpoint: there is no run then.
  EXPECT_EQ(run("train config.toml --steps 40 --out none", "ulimit -f 8;"), 3);
  EXPECT_NE(last_error().find("erwinscope: "), std::string::npos) << last_error();
  EXPECT_FALSE(fs::exists(path("none")));
  // Enough for a checkpoint, not for the metrics: a long file stands there already.
  ASSERT_EQ(run("train config.toml --steps 20 --out run --set train.schedule_steps=40"), 0) << last_error();
  const RunLayout layout(path("run"));
  const auto checkpoint_bytes = fs::file_size(layout.last());
  std::ofstream(layout.metrics(), std::ios::app) << std::string(2 * checkpoint_bytes, ' ') << '\n';
  const std::string blocks = std::to_string(2 * checkpoint_bytes / 512);
  EXPECT_EQ(run("train --resume run --steps 40", "ulimit -f " + blocks + ";"), 3) << last_error();
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
                                << "' || exit 9\nmount -t tmpfs -o size=" << 6 * bytes
                                << " none disk || exit 9\n'" ERWIN_PROGRAM
                                   "' train config.toml --steps 40 --out disk/run --set train.keep_every=5 >>out "
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
  const pid_t child = spawn("train config.toml --steps 1000000 --out run");
  ASSERT_TRUE(reaches(path("run"), 1)) << last_error();
  EXPECT_EQ(run("train --resume run"), 2);
  EXPECT_NE(last_error().find("another process"), std::string::npos) << last_error();
  send(RunLayout(path("run")), Request::Stop);
  EXPECT_EQ(wait_for(child), 0) << last_error();
}

}  // namespace
}  // namespace erwin
