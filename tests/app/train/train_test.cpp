// The program itself: train, infer, and what it says to wrong arguments.

#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/open.h"
#include "core/io/write.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;

using test::text_of;

class Program : public ::testing::Test {
protected:
  test::ProgramStart here(const std::string& out, const std::string& err) const {
    test::ProgramStart start;
    start.folder = folder_.path();
    start.out = path(out);
    start.err = path(err);
    return start;
  }
  test::ProgramResult run(const std::string& arguments) const {
    for (const char* said : {"stdout", "stderr"}) fs::remove(path(said));
    const int code = test::StartedProgram(test::words_of(arguments), here("stdout", "stderr")).wait();
    return {code, text_of(path("stdout")), text_of(path("stderr"))};
  }

  // Two training clouds and one to test on: a wavy sheet with a scalar on it, and a manifest.
  void make_data() const {
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
           "block_size = 8\nselected_blocks = 2\nembedding_channels = 8\nmp_steps = 1\n";
  }

  fs::path path(const std::string& name) const { return folder_.path() / name; }
  test::ScratchFolder folder_;
};

TEST_F(Program, TrainsAndPredicts) {
  make_data();
  const test::ProgramResult trained =
      run("train tiny.toml --data manifest.toml --steps 5 --out run --set train.lr=1e-2 --seed 4 --device cpu");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_NE(trained.err.find("loss"), std::string::npos) << "progress goes to stderr";
  EXPECT_NE(trained.out.find("5 steps"), std::string::npos);
  EXPECT_NE(text_of(path("run/config.toml")).find("lr = 0.01"), std::string::npos);
  std::istringstream lines(text_of(path("run/metrics.jsonl")));
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) {
    const auto entry = nlohmann::json::parse(line);
    EXPECT_EQ(entry.at("step"), ++count);
    EXPECT_TRUE(std::isfinite(entry.at("loss").get<double>()));
  }
  EXPECT_EQ(count, 5);

  const test::ProgramResult json =
      run("infer run/checkpoints/last.h5 manifest.toml --json --out result.h5 --device cpu");
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto answer = nlohmann::json::parse(json.out);
  ASSERT_EQ(answer.at("samples").size(), 1u) << "the test split";
  EXPECT_EQ(answer["samples"][0]["points"], 150);

  // The written fields give the printed metrics.
  const PointCloudPtr result = io::open(path("result.h5")), original = io::open(path("cloud_2.h5"));
  ASSERT_TRUE(result->field("prediction") && result->field("target") && result->field("error"));
  EXPECT_EQ(result->field("prediction")->unit(), "N");
  double squared = 0, target_squared = 0;
  for (std::int64_t i = 0; i < 150; ++i) {
    const double truth = original->require_field("load").value(i);
    EXPECT_NEAR(result->require_field("target").value(i), truth, 1e-3);
    EXPECT_NEAR(result->require_field("error").value(i), result->require_field("prediction").value(i) - truth, 1e-3);
    squared += std::pow(result->require_field("prediction").value(i) - truth, 2);
    target_squared += truth * truth;
  }
  EXPECT_NEAR(answer["mean"]["mse"].get<double>(), squared / 150, 1e-3 * squared / 150);
  EXPECT_NEAR(answer["mean"]["relative_l2"].get<double>(), std::sqrt(squared / target_squared), 1e-4);

  // Either order, one sample, CSV and VTP.
  const test::ProgramResult swapped = run("infer cloud_2.h5 run/checkpoints/last.h5 --json --device cpu");
  ASSERT_EQ(swapped.exit_code, 0) << swapped.err;
  EXPECT_EQ(nlohmann::json::parse(swapped.out)["mean"], answer["mean"]);
  EXPECT_EQ(run("infer run/checkpoints/last.h5 manifest.toml --sample cloud_0 --out one.csv --device cpu").exit_code,
            0);
  const std::string csv = text_of(path("one.csv"));
  EXPECT_NE(csv.substr(0, csv.find('\n')).find("prediction"), std::string::npos);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 151);
}

TEST_F(Program, AStopSavesTheWeights) {
  make_data();
  // Asked to stop once the first step is in the metrics.
  test::StartedProgram program(
      test::words_of("train tiny.toml --data manifest.toml --steps 1000000 --out run --device cpu"),
      here("unread", "stopped"));
  EXPECT_TRUE(test::within_a_minute([&] { return !text_of(path("run/metrics.jsonl")).empty(); }));
  program.send(SIGTERM);
  EXPECT_EQ(program.wait(), 130) << text_of(path("stopped"));
  EXPECT_NE(text_of(path("stopped")).find("after step"), std::string::npos);
  EXPECT_EQ(run("infer run/checkpoints/last.h5 cloud_2.h5 --device cpu").exit_code, 0);
}

TEST_F(Program, NeverOverwritesARun) {
  make_data();
  fs::create_directories(path("run"));
  std::ofstream(path("run/note")) << "mine";
  const test::ProgramResult outcome = run("train tiny.toml --data manifest.toml --steps 1 --out run --device cpu");
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.err.find("exists already"), std::string::npos) << outcome.err;
  EXPECT_EQ(std::distance(fs::directory_iterator(path("run")), fs::directory_iterator()), 1);
}

TEST_F(Program, SaysWhatIsWrong) {
  make_data();
  const struct {
    const char* arguments;
    int code;
    const char* part;
  } cases[] = {
      {"train", 2, "--resume RUN"},
      {"train --resume run", 2, "not the directory of a run"},
      {"train --resume run --seed 3", 2, "--from"},
      {"train --from absent.h5", 3, "absent.h5"},
      {"train tiny.toml --data manifest.toml --out run --set train.rotate_points=up", 2, "none, x, y, z, any"},
      {"train tiny.toml --data manifest.toml --out run --set data.validation=tset", 2, "tset"},
      {"train no-such-preset --data manifest.toml --out run", 2, "car-small-erwin-nsa"},
      {"train tiny.toml --out run", 2, "--data"},
      {"train tiny.toml --data absent --out run", 3, "absent"},
      {"train tiny.toml --data manifest.toml --out run --set model.ball_siez=64", 2, "Did you mean model.ball_size?"},
      {"train tiny.toml --data manifest.toml --out run --set model.ball_size=100", 2, "power of two"},
      {"train tiny.toml --data manifest.toml --out run --set data.target=lod", 2, "load"},
      {"train tiny.toml --data manifest.toml --out run --set data.split=nothing", 2, "nothing"},
      {"train tiny.toml --data manifest.toml --out run --steps 0", 2, "--steps"},
      {"train tiny.toml --data manifest.toml --out run --device gpu", 2, "gpu"},
      {"infer cloud_0.h5 cloud_1.h5", 2, "neither"},
      {"infer cloud_0.h5", 2, ""},
      {"infer absent.h5 cloud_1.h5", 3, "absent.h5"},
  };
  for (const auto& c : cases) {
    const test::ProgramResult outcome = run(c.arguments);
    EXPECT_EQ(outcome.exit_code, c.code) << c.arguments << "\n" << outcome.err;
    EXPECT_NE(outcome.err.find(c.part), std::string::npos) << c.arguments << "\n" << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << "one line: " << outcome.err;
    EXPECT_FALSE(fs::exists(path("run"))) << c.arguments << ": nothing is written before everything fits";
  }
}

TEST_F(Program, HelpShowsEveryOption) {
  const test::ProgramResult help = run("train --help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.out.find("model.selected_blocks"), std::string::npos);
  EXPECT_NE(help.out.find("car-small-erwin"), std::string::npos);
  EXPECT_EQ(run("help options --markdown").out, text_of(test::source_folder() / "resources/help/configuration.md"));
}

}  // namespace
}  // namespace erwin
