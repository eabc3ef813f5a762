// The questions of `erwinscope explain` as a user asks them: exit codes, JSON and files.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {

namespace {

using nlohmann::json;

class Questions : public ::testing::Test {
protected:
  void SetUp() override {
    Checkpoint checkpoint;
    checkpoint.config.kind = ModelKind::ErwinNsa;
    checkpoint.config.mp_steps = 1;
    checkpoint.config.flat = {.width = 16,
                              .depth = 2,
                              .heads = 2,
                              .kv_heads = 1,
                              .head_dim = 8,
                              .ball_size = 32,
                              .block_size = 8,
                              .selected_blocks = 3};
    checkpoint.weights = Model(checkpoint.config, 3).weights();
    save_checkpoint(folder() / "network.h5", checkpoint);
    std::mt19937 random(9);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::ofstream file(folder() / "cloud.csv");
    file << "x,y,z\n";
    for (int row = 0; row < 200; ++row)
      file << uniform(random) << "," << uniform(random) << "," << uniform(random) << "\n";
  }
  std::filesystem::path folder() const { return scratch_.path(); }
  std::string path(const std::string& name) const { return (folder() / name).string(); }

  test::ProgramResult run(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"explain", path("network.h5"), path("cloud.csv"), "--device", "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_program(arguments);
  }
  json answer(std::vector<std::string> more) const {
    more.emplace_back("--json");
    const test::ProgramResult result = run(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.exit_code == 0 ? json::parse(result.out) : json();
  }
  static std::string text_of(const std::filesystem::path& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

private:
  test::ScratchFolder scratch_;
};

}  // namespace

TEST_F(Questions, SummaryWritesAFieldPerNumber) {
  const json one = answer({"--summary", "--out", path("summary.csv")});
  EXPECT_EQ(one["kind"], "summary");
  ASSERT_EQ(one["layers"].size(), 1U);
  EXPECT_GT(one["layers"][0]["fields"]["effective_keys"]["mean"], 1);
  const std::string header = text_of(folder() / "summary.csv").substr(0, 400);
  for (const char* name : {"entropy", "distance", "received", "share_memory", "selection_count", "gate_local"})
    EXPECT_NE(header.find(name), std::string::npos) << name;
  const json all = answer({"--summary", "--layer", "all"});
  ASSERT_EQ(all["layers"].size(), 3U);
  EXPECT_EQ(all["layers"][2]["layer"], "mean");
}

TEST_F(Questions, HeadsRecallAndRollout) {
  const json heads = answer({"--heads", "--layer", "all", "--queries", "20"});
  EXPECT_EQ(heads["layers"][1]["heads"].size(), 2U);
  EXPECT_EQ(heads["layers"][0]["queries"], 20);
  const json recall = answer({"--recall"});
  EXPECT_GT(recall["layers"][0]["recall"], 0);
  EXPECT_LE(recall["layers"][0]["recall"], 1 + 1e-9);
  const json rollout = answer({"--rollout", "--point", "7", "--out", path("rollout.csv")});
  ASSERT_EQ(rollout["steps"].size(), 2U);
  EXPECT_EQ(rollout["steps"][0]["layer"], 1);
  EXPECT_GT(rollout["steps"][1]["sink"], rollout["steps"][0]["sink"]);
}

TEST_F(Questions, MatrixIsAFileWhoseRowsAddUp) {
  const json answered = answer({"--matrix", path("matrix.csv"), "--row-level", "1", "--column-level", "2"});
  EXPECT_EQ(answered["exact"], true);
  EXPECT_EQ(answered["rows"]["cells"], 2);
  std::ifstream file(folder() / "matrix.csv");
  std::string line;
  std::getline(file, line);
  int rows = 0;
  for (; std::getline(file, line); ++rows) {
    std::vector<double> cells;
    std::stringstream parts(line);
    for (std::string part; std::getline(parts, part, ',');) cells.push_back(std::stod(part));
    ASSERT_EQ(cells.size(), 5 + answered["columns"]["cells"].get<std::size_t>());
    double sum = 0;
    for (std::size_t c = 4; c < cells.size(); ++c) sum += cells[c];
    // Gates of a fresh network are near one half; the three of them are what a row adds up to.
    EXPECT_NEAR(sum, 1.5, 0.2);
  }
  EXPECT_EQ(rows, 2);
}

TEST_F(Questions, DirectionAttributionAndReceptiveField) {
  const json by = answer({"--attended-by", "--point", "7", "--top", "3"});
  EXPECT_EQ(by["top"].size(), 3U);
  EXPECT_GE(by["received"], by["from_itself"]);
  const json share = answer({"--attribution", "--point", "7", "--out", path("contribution.csv")});
  EXPECT_NEAR(share["parts"]["sum"].get<double>(), share["share"].get<double>(),
              1e-5 * share["parts"]["magnitude"].get<double>());
  EXPECT_EQ(share["blocks"].size(), 3U);
  EXPECT_EQ(share["curves"].size(), 4U);
  const json field = answer({"--receptive-field", "--point", "7"});
  EXPECT_EQ(field["points"], 200);
  EXPECT_GT(field["above_0"], 32);
}

TEST_F(Questions, WhatIfSaysWhatChanges) {
  const json nothing = answer({"--what-if", "scale=1,2:1", "--point", "7"});
  EXPECT_NEAR(nothing["largest_difference"].get<double>(), 0, 1e-5);
  const json gone = answer({"--what-if", "hide=10-20", "--what-if", "branch-off=local", "--layer", "all", "--point",
                            "7", "--out", path("without.csv")});
  EXPECT_EQ(gone["hidden"], 11);
  EXPECT_GT(gone["largest_difference"], 0);
  EXPECT_NEAR(gone["point"]["after"].get<double>() - gone["point"]["before"].get<double>(),
              gone["point"]["difference"].get<double>(), 1e-6);
  EXPECT_NE(text_of(folder() / "without.csv").find("difference"), std::string::npos);
  for (const char* bad : {"hide=999", "teleport=1", "nothing", "S=0", "gate.local=2", "branch-off=north", "move=1:2",
                          "force-in=1", "head-off=9", "edit=cold:1:1:1"})
    EXPECT_EQ(run({"--what-if", bad}).exit_code, 2) << bad;
}

TEST_F(Questions, ARecordAnswersWithoutTheNetwork) {
  const test::ProgramResult written = test::run_program(
      {"infer", path("network.h5"), path("cloud.csv"), "--device", "cpu", "--record", path("record.h5")});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const auto of_record = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"explain", path("record.h5")});
    more.emplace_back("--json");
    return test::run_program(more);
  };
  const test::ProgramResult plain = of_record({"--point", "7"});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const json here = json::parse(plain.out)["layers"][0], there = answer({"--point", "7"})["layers"][0];
  EXPECT_EQ(here["shares"], there["shares"]);
  EXPECT_EQ(here["top"], there["top"]);
  EXPECT_EQ(here["selected"], there["selected"]);
  const test::ProgramResult rollout = of_record({"--rollout", "--point", "7"});
  ASSERT_EQ(rollout.exit_code, 0) << rollout.err;
  EXPECT_EQ(json::parse(rollout.out)["steps"], answer({"--rollout", "--point", "7"})["steps"]);
  EXPECT_EQ(of_record({"--attribution", "--point", "7"}).exit_code, 2);
  EXPECT_EQ(test::run_program({"explain", path("cloud.csv"), "--point", "1"}).exit_code, 4);
}

TEST_F(Questions, ASetIsAskedLikeAPoint) {
  const json one = answer({"--attended-by", "--point", "7"}), same = answer({"--attended-by", "--points", "7"});
  EXPECT_EQ(one["received"], same["received"]);
  EXPECT_EQ(same["points"], 1);
  const json set = answer({"--attended-by", "--points", "7,20-22"});
  EXPECT_EQ(set["points"], 4);
  double sum = 0;
  for (const char* id : {"7", "20", "21", "22"})
    sum += answer({"--attended-by", "--point", id})["received"].get<double>();
  EXPECT_NEAR(set["received"].get<double>(), sum, 1e-5);
  const json looks = answer({"--attends-to", "--points", "7,20-22", "--out", path("looks.csv")});
  EXPECT_EQ(looks["points"], 4);
  EXPECT_LE(looks["on_itself"], looks["sum"]);
  EXPECT_NE(text_of(folder() / "looks.csv").find("attends_to"), std::string::npos);
  for (const char* bad : {"7-", "a", "9-3", "7,,8", "500"})
    EXPECT_EQ(run({"--attended-by", "--points", bad}).exit_code, 2) << bad;
}

TEST_F(Questions, ComparisonsSayHowMuchIsTheSame) {
  const json same = answer({"--against-layer", "1", "--layer", "1", "--point", "7"});
  EXPECT_EQ(same["divergence"], 0);
  EXPECT_NEAR(same["overlap"].get<double>(), 1, 1e-9);
  EXPECT_EQ(same["selected_in_common"], 1);
  EXPECT_EQ(same["mean_selected_in_common"], 1);
  EXPECT_EQ(same["prediction_correlation"], nullptr);
  const json layers = answer({"--against-layer", "0", "--layer", "1", "--point", "7", "--out", path("layers.csv")});
  EXPECT_GT(layers["divergence"], 0);
  EXPECT_LT(layers["overlap"], 1);
  EXPECT_LT(layers["mean_selected_in_common"], 1);
  EXPECT_EQ(layers["other"]["layer"], 0);
  EXPECT_NE(text_of(folder() / "layers.csv").find("attention_difference"), std::string::npos);
  Checkpoint other = load_checkpoint(folder() / "network.h5");
  other.weights = Model(other.config, 4).weights();
  save_checkpoint(folder() / "other.h5", other);
  const json networks = answer({"--against", path("other.h5"), "--point", "7", "--out", path("networks.csv")});
  EXPECT_GT(networks["divergence"], 0);
  EXPECT_LT(std::abs(networks["prediction_correlation"].get<double>()), 1);
  EXPECT_GT(networks["prediction_difference"], 0);
  EXPECT_NE(text_of(folder() / "networks.csv").find("prediction_difference"), std::string::npos);
  const json itself = answer({"--against", path("network.h5")});
  EXPECT_NEAR(itself["prediction_correlation"].get<double>(), 1, 1e-9);
  EXPECT_EQ(itself["divergence"], nullptr);  // no point, no rows
  EXPECT_EQ(run({"--against-layer", "7"}).exit_code, 2);
  EXPECT_EQ(run({"--against-head", "7", "--point", "3"}).exit_code, 2);
  EXPECT_EQ(run({"--against", path("cloud.csv")}).exit_code, 4);
}

TEST_F(Questions, MistakesAreNamed) {
  EXPECT_EQ(run({}).exit_code, 2);  // no point
  EXPECT_EQ(run({"--rollout"}).exit_code, 2);
  EXPECT_EQ(run({"--summary", "--heads"}).exit_code, 2);
  EXPECT_EQ(run({"--attended-by", "--point", "1", "--branch", "north"}).exit_code, 2);
  EXPECT_EQ(run({"--attribution", "--point", "1", "--component", "4"}).exit_code, 2);
  const test::ProgramResult text = run({"--heads"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.out.find("agreement"), std::string::npos);
}

}  // namespace erwin
