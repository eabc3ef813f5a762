// The window starts a run, steers it, ends, finds it again: the run is a process of its own all the while.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "core/io/write.h"
#include "core/train/run_directory.h"
#include "core/train/run_watch.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

class WindowedTraining : public testing::Test {
protected:
  void SetUp() override {
    if (!std::getenv("DISPLAY")) {
      const char* required = std::getenv("ERWINSCOPE_REQUIRE_DISPLAY");
      ASSERT_STRNE(required ? required : "", "1") << "DISPLAY is not set";
      GTEST_SKIP() << "DISPLAY is not set: packaging/test.sh runs this under Xvfb";
    }
    for (int c = 0; c < 3; ++c) {
      PointCloud::Parts parts;
      std::vector<float> height;
      for (int i = 0; i < 150; ++i) {
        const float x = static_cast<float>(i % 15), y = static_cast<float>(i / 15);
        const float z = std::sin(0.5f * x + static_cast<float>(c));
        parts.positions.insert(parts.positions.end(), {x, y, z});
        height.push_back(100 + 20 * z + y);
      }
      parts.fields.emplace_back("load", FieldKind::Scalar, 1, std::move(height), "N");
      io::write(path("cloud_" + std::to_string(c) + ".h5"),
                {{"cloud", std::make_shared<const PointCloud>(std::move(parts))}});
    }
    std::ofstream(path("manifest.toml"))
        << "[dataset]\nname = \"sheets\"\nfiles = [\"*.h5\"]\ninputs = [\"position\"]\ntarget = \"load\"\n"
           "[split]\ntrain = [\"cloud_0\", \"cloud_1\"]\ntest = [\"cloud_2\"]\n";
    std::ofstream(path("tiny.toml"))
        << "[model]\nkind = \"erwin-nsa\"\nwidth = 8\ndepth = 2\nheads = 2\nhead_dim = 4\nball_size = 32\n"
           "block_size = 8\nselected_blocks = 2\nembedding_channels = 8\nmp_steps = 1\n"
           "[train]\nsteps = 1000000\ndevice = \"cpu\"\nthreads = 1\n";
  }

  // A run that a failed test leaves behind must not go on.
  void TearDown() override {
    if (is_run(path("run")) && RunLock::is_held(RunLayout(path("run")))) send(RunLayout(path("run")), Request::Stop);
    for (int i = 0; i < 200 && RunLock::is_held(RunLayout(path("run"))); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  std::filesystem::path path(const std::string& name) const { return scratch.path() / name; }

  test::ProgramResult play(const std::string& steps) {
    std::ofstream(path("steps")) << steps;
    return test::run_program({"gui", "--play", path("steps").string()});
  }

  test::ScratchFolder scratch;
};

TEST_F(WindowedTraining, ARunIsSteeredAndOutlivesTheWindow) {
  const std::string run = path("run").string();
  const auto first = play("train " + path("tiny.toml").string() + " " + path("manifest.toml").string() + " " + run +
                          "\nwait run running\nwait step 3\naction train-pause\nwait run paused\nprint run\n"
                          "action train-step\nwait 1500\nprint run\naction train-pause\nwait run running\nquit\n");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  std::istringstream lines(first.out);
  std::string line;
  std::getline(lines, line);
  const json paused = json::parse(line);
  std::getline(lines, line);
  const json stepped = json::parse(line);
  EXPECT_EQ(paused.at("phase"), "paused");
  EXPECT_GE(paused.at("step").get<int>(), 3);
  EXPECT_GT(paused.at("training").get<int>(), 0);
  EXPECT_EQ(stepped.at("step").get<int>(), paused.at("step").get<int>() + 1);

  EXPECT_TRUE(RunLock::is_held(RunLayout(run))) << "the run ended with the window";

  const auto second =
      play("watch " + run + "\nwait run running\naction train-save\naction train-stop\nwait run stopped\n" +
           "print run\naction train-pause\nwait run running\naction train-stop\nwait run stopped\nprint run\n");
  ASSERT_EQ(second.exit_code, 0) << second.err;
  std::istringstream more(second.out);
  std::getline(more, line);
  const json stopped = json::parse(line);
  std::getline(more, line);
  const json resumed = json::parse(line);
  EXPECT_GT(stopped.at("step").get<int>(), stepped.at("step").get<int>());
  EXPECT_GE(resumed.at("step").get<int>(), stopped.at("step").get<int>());
  EXPECT_FALSE(RunLock::is_held(RunLayout(run)));
}

TEST_F(WindowedTraining, WhatARunSeesIsShownWhileItTrains) {
  const std::string run = path("run").string();
  const auto result =
      play("open " + path("manifest.toml").string() + "\nwait idle\nquery 40\ntrain " + path("tiny.toml").string() +
           " " + path("manifest.toml").string() + " " + run +
           "\nwait run running\naction train-probe\nwait probe\nwait idle\nassert fields prediction error\ncolor "
           "prediction\nprint selection\naction train-stop\nwait run stopped\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json selection = json::parse(result.out);
  EXPECT_EQ(selection.at("point"), 40);
  EXPECT_FALSE(selection.at("selected").empty()) << "the probe's record answers the query";
  EXPECT_NE(selection.at("cloud").get<std::string>().find("training step"), std::string::npos);
}

TEST_F(WindowedTraining, ARunThatCannotStartSaysWhy) {
  std::ofstream(path("bad.toml")) << "[model]\nwidht = 8\n";
  const auto result = play("train " + path("bad.toml").string() + " " + path("manifest.toml").string() + " " +
                           path("run").string() + "\nwait run running\n");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("widht"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace erwin
