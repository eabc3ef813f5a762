// `erwinscope explain` as a user runs it: a checkpoint and a cloud on disk, JSON and exit codes out.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {

namespace {

using nlohmann::json;
using test::ProgramResult;

constexpr int rows = 200;
constexpr int dropped_row = 50;

ModelConfig nsa_config() {
  ModelConfig config;
  config.kind = ModelKind::ErwinNsa;
  config.mp_steps = 1;
  config.flat = {.width = 16,
                 .depth = 2,
                 .heads = 2,
                 .kv_heads = 1,
                 .head_dim = 8,
                 .ball_size = 32,
                 .block_size = 8,
                 .selected_blocks = 3};
  return config;
}

ModelConfig unet_config() {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.mp_steps = 1;
  config.embedding_channels = 16;
  config.unet = {.widths = {16, 24},
                 .ball_sizes = {32, 16},
                 .encoder_heads = {2, 4},
                 .encoder_depths = {2, 2},
                 .decoder_heads = {2},
                 .decoder_depths = {2},
                 .strides = {2}};
  return config;
}

std::filesystem::path save(const std::filesystem::path& folder, const std::string& name, const ModelConfig& config) {
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.weights = Model(config, 3).weights();
  save_checkpoint(folder / name, checkpoint);
  return folder / name;
}

// Rows of random points; one of them is not a number.
std::filesystem::path save_cloud(const std::filesystem::path& folder) {
  std::mt19937 random(9);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::ofstream file(folder / "cloud.csv");
  file << "x,y,z\n";
  for (int row = 0; row < rows; ++row) {
    const double x = uniform(random), y = uniform(random), z = uniform(random);
    if (row == dropped_row)
      file << "nan,nan,nan\n";
    else
      file << x << ',' << y << ',' << z << '\n';
  }
  return folder / "cloud.csv";
}

class ExplainProgram : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = new test::ScratchFolder;
    nsa = save(folder->path(), "nsa.h5", nsa_config());
    unet = save(folder->path(), "unet.h5", unet_config());
    cloud = save_cloud(folder->path());
  }
  static void TearDownTestSuite() {
    delete folder;
    folder = nullptr;
  }
  static ProgramResult explain(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "explain");
    arguments.push_back("--drop-nonfinite");
    return test::run_program(arguments);
  }
  static json explain_json(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const ProgramResult result = explain(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
  // Exit code 2 and one line that names the range.
  static void expect_refused(const std::vector<std::string>& arguments, const std::string& range) {
    const ProgramResult result = explain(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_NE(result.err.find(range), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }

  static test::ScratchFolder* folder;
  static std::filesystem::path nsa, unet, cloud;
};

test::ScratchFolder* ExplainProgram::folder = nullptr;
std::filesystem::path ExplainProgram::nsa, ExplainProgram::unet, ExplainProgram::cloud;

void expect_identities(const json& layer) {
  const json& shares = layer["shares"];
  double sum = 0;
  for (const char* branch : {"local", "compressed", "selected", "memory"}) sum += shares[branch].get<double>();
  EXPECT_NEAR(sum, shares["sum"].get<double>(), 1e-9);
  EXPECT_NEAR(sum, shares["expected_sum"].get<double>(), 1e-6);
  EXPECT_LT(layer["lse_gap"].get<double>(), 1e-4);
  EXPECT_EQ(layer["path"].front()["points"], rows - 1);
  double top = 0;
  for (const json& point : layer["top"]) {
    top += point["weight"].get<double>();
    EXPECT_NE(point["id"], dropped_row);
  }
  EXPECT_LE(top, sum + 1e-6);
  if (layer["kind"] != "nsa") {
    EXPECT_NEAR(sum, 1, 1e-6);
    EXPECT_TRUE(layer["recall"].is_null());
    return;
  }
  const json& gates = layer["gates"];
  EXPECT_NEAR(sum, gates["local"].get<double>() + gates["compressed"].get<double>() + gates["selected"].get<double>(),
              1e-6);
  EXPECT_NEAR(layer["recall"].get<double>() + layer["missed"].get<double>(), 1, 1e-9);
  double selected = 0;
  for (const json& block : layer["selected"]) selected += block["weight"].get<double>();
  EXPECT_NEAR(selected, shares["selected"].get<double>(), 1e-6);
}

}  // namespace

TEST_F(ExplainProgram, JsonOfAllLayersKeepsItsIdentities) {
  const json document = explain_json({nsa, cloud, "--point", "120", "--layer", "all", "--top", "300"});
  EXPECT_EQ(document["schema"], 1);
  EXPECT_EQ(document["point"]["id"], 120);
  EXPECT_TRUE(document["values"]["prediction"]["value"].is_number());
  ASSERT_EQ(document["layers"].size(), 2u);
  EXPECT_EQ(document["layers"][0]["rotated"], false);
  EXPECT_EQ(document["layers"][1]["rotated"], true);
  for (const json& layer : document["layers"]) {
    expect_identities(layer);
    // All points are listed, so their weights and the memory are the whole row.
    ASSERT_EQ(layer["top"].size(), static_cast<std::size_t>(rows - 1));
    double sum = layer["shares"]["memory"].get<double>();
    for (const json& point : layer["top"]) sum += point["weight"].get<double>();
    EXPECT_NEAR(sum, layer["shares"]["sum"].get<double>(), 1e-6);
  }
}

TEST_F(ExplainProgram, PooledLayersAreExplainedToo) {
  const json document = explain_json({unet, cloud, "--point", "7", "--layer", "all"});
  ASSERT_EQ(document["layers"].size(), 6u);
  int pooled = 0;
  for (const json& layer : document["layers"]) {
    expect_identities(layer);
    pooled += layer["pool_level"] == 1;
    EXPECT_EQ(layer["top"].size(), 10u);
  }
  EXPECT_EQ(pooled, 2);
}

TEST_F(ExplainProgram, TheOrderOfTheFilesDoesNotMatterAndTheLastLayerIsTheDefault) {
  const json one = explain_json({nsa, cloud, "--point", "3"}),
             other = explain_json({cloud, nsa, "--point", "3", "--layer", "1"});
  EXPECT_EQ(one, other);
  EXPECT_EQ(one["layers"][0]["layer"], 1);
}

TEST_F(ExplainProgram, HeadsAverageToTheMean) {
  double mean = 0;
  for (const char* head : {"0", "1"}) {
    const json document = explain_json({nsa, cloud, "--point", "3", "--head", head});
    EXPECT_EQ(document["layers"][0]["head"], std::stoi(head));
    mean += document["layers"][0]["shares"]["memory"].get<double>() / 2;
  }
  EXPECT_NEAR(explain_json({nsa, cloud, "--point", "3"})["layers"][0]["shares"]["memory"].get<double>(), mean, 1e-9);
}

TEST_F(ExplainProgram, TextIsForPeople) {
  const ProgramResult result = explain({nsa, cloud, "--point", "3"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* words : {"Point 3 of cloud", "Layer 1", "Where it is", "How it looks", "Points it looks at most",
                            "What the selection missed"})
    EXPECT_NE(result.out.find(words), std::string::npos) << words << "\n" << result.out;
}

TEST_F(ExplainProgram, WhatDoesNotExistIsRefusedWithTheRange) {
  expect_refused({nsa, cloud, "--point", "200"}, "0 to 199");
  expect_refused({nsa, cloud, "--point", "-1"}, "0 to 199");
  expect_refused({nsa, cloud, "--point", std::to_string(dropped_row)}, "left out");
  expect_refused({nsa, cloud, "--point", "3", "--layer", "2"}, "0 to 1");
  expect_refused({nsa, cloud, "--point", "3", "--layer", "first"}, "0 to 1");
  expect_refused({nsa, cloud, "--point", "3", "--head", "2"}, "0 to 1");
  expect_refused({nsa, cloud, "--point", "3", "--frame", "1"}, "0 to 0");
  expect_refused({nsa, cloud}, "--point");
  expect_refused({nsa, unet, "--point", "3"}, "both");
  expect_refused({cloud, cloud, "--point", "3"}, "neither");
  expect_refused({nsa, cloud, "--point", "3", "--sample", "nobody"}, "nobody");
}

TEST_F(ExplainProgram, AMissingFileIsAnIoError) {
  EXPECT_EQ(explain({nsa, folder->path() / "absent.csv", "--point", "3"}).exit_code, 3);
}

}  // namespace erwin
