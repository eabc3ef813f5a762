// `erwinscope compare` as a person runs it: the report, going on after a stop, a kill, and more seeds.

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/compare/study.h"
#include "core/train/metrics.h"
#include "core/train/run_directory.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::run_program;
using test::StartedProgram;
using test::text_of;
using test::within_a_minute;
using Words = std::vector<std::string>;

class Compare : public ::testing::Test {
protected:
  Compare() {
    EXPECT_EQ(run_program({"generate", "flow", path("flow.h5"), "--samples", "6", "--test", "2", "--validation", "1",
                           "--points", "200"})
                  .exit_code,
              0);
    const std::string common =
        "embedding_channels = 8\nmp_steps = 1\n[train]\nthreads = 1\nlr = 1e-2\nvalidate_every = 0\nwarmup = 1\n";
    std::ofstream(path("net.toml")) << "[model]\nkind = \"erwin\"\nwidths = [8, 16]\nball_sizes = [32, 16]\n"
                                       "encoder_heads = [2, 2]\nencoder_depths = [1, 1]\ndecoder_heads = [2]\n"
                                       "decoder_depths = [1]\nstrides = [2]\n"
                                    << common;
    std::ofstream(path("sparse.toml")) << "[model]\nkind = \"erwin-nsa\"\nwidth = 8\ndepth = 2\nheads = 2\n"
                                          "head_dim = 4\nball_size = 32\nblock_size = 8\nselected_blocks = 2\n"
                                       << common;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }

  Words command(const std::string& out, const Words& more = {}) const {
    Words words{"compare", path("net.toml"),  path("sparse.toml"),
                "--data",  path("flow.toml"), "--device",
                "cpu",     "--batch",         "2",
                "--out",   path(out)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // The table's rows by "configuration seed", each by column.
  std::map<std::string, std::map<std::string, std::string>> table(const std::string& out) const {
    std::map<std::string, std::map<std::string, std::string>> rows;
    std::istringstream lines(text_of(path(out) + "/report.csv"));
    const auto split = [](const std::string& line) {
      Words cells;
      std::istringstream in(line);
      for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
      return cells;
    };
    std::string line;
    std::getline(lines, line);
    const Words titles = split(line);
    while (std::getline(lines, line)) {
      const Words cells = split(line);
      EXPECT_EQ(cells.size(), titles.size()) << line;
      auto& row = rows[cells[0] + " " + cells[1]];
      for (std::size_t i = 0; i < cells.size(); ++i) row[titles[i]] = cells[i];
    }
    return rows;
  }

  test::ScratchFolder folder_;
};

TEST_F(Compare, ReportsEveryRunOnce) {
  const ProgramResult result = run_program(command("c", {"--seeds", "2", "--steps", "4"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("report.md"), std::string::npos) << result.out;
  const auto rows = table("c");
  ASSERT_EQ(rows.size(), 4u);
  for (const auto& [name, row] : rows) {
    EXPECT_EQ(row.at("steps"), "4");
    EXPECT_EQ(row.at("batch"), "2");
    EXPECT_EQ(row.at("split"), "test");
    EXPECT_GT(std::stod(row.at("seconds_per_step")), 0);
    EXPECT_GT(std::stod(row.at("field_share_90")), 0);
  }
  // The error is the one that infer finds with the same checkpoint.
  const ProgramResult infer =
      run_program({"infer", path("c/runs/sparse-seed-1/checkpoints/last.h5"), path("flow.toml"), "--json"});
  ASSERT_EQ(infer.exit_code, 0) << infer.err;
  EXPECT_NEAR(nlohmann::json::parse(infer.out).at("mean").at("mse_standardised").get<double>(),
              std::stod(rows.at("sparse 1").at("mse_standardised")), 1e-6);
  // Runs of one seed saw the same samples in the same order; runs of two seeds did not.
  EXPECT_NE(rows.at("net 0").at("mse"), rows.at("net 1").at("mse"));

  const std::string report = text_of(path("c/report.md")), picture = text_of(path("c/report.svg"));
  for (const char* part : {"| net |", "| sparse |", "Paired differences from net", "95 % interval", "model.kind",
                           "2 seeds, 4 steps of 2 samples", "pressure [Cp]", "90 %"})
    EXPECT_NE(report.find(part), std::string::npos) << part << "\n" << report;
  EXPECT_EQ(report.find("Not complete"), std::string::npos);
  EXPECT_EQ(picture.rfind("<svg", 0), 0u);
  EXPECT_NE(picture.find("fill=\"#ffffff\""), std::string::npos) << "a white background";

  // The same again runs nothing; a third seed runs two.
  const auto written = fs::last_write_time(path("c/runs/net-seed-0/checkpoints/last.h5"));
  ASSERT_EQ(run_program(command("c", {"--seeds", "2", "--steps", "4"})).exit_code, 0);
  EXPECT_EQ(table("c"), rows);
  ASSERT_EQ(run_program({"compare", "--out", path("c"), "--seeds", "3"}).exit_code, 0);
  EXPECT_EQ(fs::last_write_time(path("c/runs/net-seed-0/checkpoints/last.h5")), written);
  EXPECT_EQ(table("c").size(), 6u);

  // Other terms would not be comparable with what is there.
  const ProgramResult other = run_program(command("c", {"--seeds", "2", "--steps", "5"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("train.steps: 4 and now 5"), std::string::npos) << other.err;
}

TEST_F(Compare, GoesOnAfterItsTimeAndAfterAKillAndEndsTheSame) {
  const Words steps{"--seeds", "1", "--steps", "150", "--set", "train.checkpoint_every=10"};
  ASSERT_EQ(run_program(command("whole", steps)).exit_code, 0);

  // Killed without a word: the run under way ends too, and is gone on with.
  StartedProgram child(command("parts", steps));
  const RunLayout run(path("parts/runs/net-seed-0"));
  const auto step = [&] {
    const MetricsHistory metrics = read_metrics(run.metrics());
    return metrics.training().empty() ? std::int64_t{0} : metrics.training().back().step;
  };
  ASSERT_TRUE(within_a_minute([&] { return step() >= 12; }));
  child.send(SIGKILL);
  EXPECT_EQ(child.wait(), 128 + SIGKILL);
  EXPECT_TRUE(within_a_minute([&] { return !RunLock::is_held(run); })) << "a run outlives its comparison";

  // In pieces: the time is over before all is done, which is no failure.
  ProgramResult piece = run_program({"compare", "--out", path("parts"), "--minutes", "0.03"});
  ASSERT_EQ(piece.exit_code, 0) << piece.err;
  if (table("parts").size() < 2) {
    EXPECT_NE(piece.out.find("go on with: erwinscope compare --out"), std::string::npos) << piece.out;
    EXPECT_NE(text_of(path("parts/report.md")).find("Not complete"), std::string::npos);
  }
  ASSERT_EQ(run_program({"compare", "--out", path("parts"), "--parallel", "2"}).exit_code, 0);
  const auto parts = table("parts"), whole = table("whole");
  ASSERT_EQ(parts.size(), 2u);
  for (const auto& [name, row] : whole) EXPECT_EQ(parts.at(name).at("mse"), row.at("mse")) << name;
  EXPECT_GE(read_metrics(run.metrics()).resumes(), 1) << "the killed run was gone on with, not begun again";
}

TEST_F(Compare, StopsCleanlyOnCtrlC) {
  StartedProgram child(command("c", {"--seeds", "1", "--steps", "100000"}));
  const RunLayout run(path("c/runs/net-seed-0"));
  ASSERT_TRUE(within_a_minute([&] { return !read_metrics(run.metrics()).training().empty(); }));
  child.send(SIGINT);
  ASSERT_EQ(child.wait(), 130);
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Stopped) << "it saved";
  EXPECT_NE(text_of(path("c/report.md")).find("0 of 2 runs"), std::string::npos);
}

TEST_F(Compare, AFailedRunIsNamedAndTheOthersAreReported) {
  std::ofstream(path("wild.toml")) << text_of(path("sparse.toml")) << "clip = 0\n";
  std::string text = text_of(path("wild.toml"));
  text.replace(text.find("lr = 1e-2"), 9, "lr = 1000");
  std::ofstream(path("wild.toml")) << text << "weight_decay = 1000\n";
  const ProgramResult result =
      run_program({"compare", path("net.toml"), path("wild.toml"), "--data", path("flow.toml"), "--device", "cpu",
                   "--out", path("c"), "--seeds", "1", "--steps", "40", "--batch", "1"});
  EXPECT_EQ(result.exit_code, 8) << result.err;
  EXPECT_NE(result.err.find("wild-seed-0"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("diverged"), std::string::npos) << result.err;
  EXPECT_EQ(table("c").size(), 1u);
  EXPECT_NE(text_of(path("c/report.md")).find("Runs that failed"), std::string::npos);
}

TEST_F(Compare, SaysWhatIsWrong) {
  std::ofstream(path("other.toml")) << "[data]\ntarget = \"friction\"\n";
  std::ofstream(path("named.toml")) << "[data]\ntarget = \"pressure\"\n";
  fs::create_directory(path("full"));
  std::ofstream(path("full/file")) << "mine";
  const struct {
    Words words;
    int code;
    const char* part;
  } cases[] = {
      {{"compare"}, 2, "--out"},
      {{"compare", path("net.toml"), "--data", path("flow.toml"), "--out", path("x")}, 2, "at least two"},
      {{"compare", path("net.toml"), path("net.toml"), "--data", path("flow.toml"), "--out", path("x")}, 2, "one name"},
      {{"compare", path("net.toml"), path("sparse.toml"), "--out", path("x")}, 2, "--data"},
      {{"compare", path("named.toml"), path("other.toml"), "--data", path("flow.toml"), "--out", path("x")},
       2,
       "differ in data.target"},
      {{"compare", path("net.toml"), "no-such-preset", "--data", path("flow.toml"), "--out", path("x")}, 2, "Presets:"},
      {command("full"), 2, "no comparison"},
      {{"compare", "--out", path("absent")}, 2, "Begin one"},
      {{"compare", "--out", path("absent"), "--steps", "3"}, 2, "go with configurations"},
      {command("x", {"--seeds", "0"}), 2, "--seeds"},
  };
  for (const auto& c : cases) {
    const ProgramResult result = run_program(c.words);
    EXPECT_EQ(result.exit_code, c.code) << result.err;
    EXPECT_NE(result.err.find(c.part), std::string::npos) << c.part << "\n" << result.err;
  }
  EXPECT_EQ(text_of(path("full/file")), "mine");
  EXPECT_FALSE(fs::exists(path("x")));
}

TEST_F(Compare, DamagedSamplesAreLeftOutOfTheMeasureToo) {
  std::string files;
  for (int sample = 0; sample < 5; ++sample) {
    const std::string name = (sample < 3 ? "train_" : "test_") + std::to_string(sample) + ".csv";
    std::ofstream out(path(name));
    out << "x,y,z,height\n";
    for (int i = 0; i < 80; ++i)
      out << i % 9 << "," << i / 9 << "," << (i + sample) % 5 << "," << (sample == 4 && i == 7 ? "nan" : "1.5") << "\n";
    files += (files.empty() ? "\"" : ", \"") + name + "\"";
  }
  std::ofstream(path("own.toml")) << "[dataset]\nname = \"own\"\nfiles = [" << files
                                  << "]\ntarget = \"height\"\n[split]\ntrain = [\"train_*\"]\ntest = [\"test_*\"]\n"
                                     "[normalisation.height]\nmean = 1.0\ndeviation = 1.0\n";
  const Words words{"compare",
                    path("net.toml"),
                    path("sparse.toml"),
                    "--data",
                    path("own.toml"),
                    "--device",
                    "cpu",
                    "--seeds",
                    "1",
                    "--steps",
                    "2",
                    "--set",
                    "data.validation=none",
                    "--out"};
  Words refused = words, skipping = words;
  refused.push_back(path("refused"));
  skipping.insert(skipping.end(), {path("out"), "--set", "data.skip_bad=true"});
  const ProgramResult bad = run_program(refused);
  EXPECT_NE(bad.exit_code, 0);
  EXPECT_NE(bad.err.find("test_4"), std::string::npos) << bad.err;
  const ProgramResult good = run_program(skipping);
  ASSERT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(table("out").size(), 2u);
}

}  // namespace
}  // namespace erwin
