// `erwinscope generate` as a person runs it: what it writes, and that the planted truth does what it is for.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;
using test::ProgramResult;
using test::run_program;

class Generate : public testing::Test {
protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  // Runs the program and expects success.
  ProgramResult expect_success(const std::vector<std::string>& arguments) const {
    ProgramResult result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
    return result;
  }
  json read(const std::string& name) const {
    std::ifstream in(path(name));
    return json::parse(in);
  }
  test::ScratchFolder folder_;
};

TEST_F(Generate, FlowThatInfoUnderstands) {
  const ProgramResult made = expect_success(
      {"generate", "flow", path("cars.h5"), "--samples", "4", "--test", "1", "--points", "400", "--seed", "9"});
  EXPECT_NE(made.out.find("cars.toml"), std::string::npos) << made.out;
  EXPECT_NE(made.out.find("no friction"), std::string::npos) << "what it is not, too";
  const ProgramResult info = expect_success({"info", path("cars.h5")});
  EXPECT_NE(info.out.find("pressure"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("Cp"), std::string::npos) << "the unit: " << info.out;
  EXPECT_EQ(run_program({"info", path("cars.toml")}).exit_code, 0);

  // Trained on as it is.
  const std::vector<std::string> tiny{"--set",          "model.depth=2", "--set",
                                      "model.width=16", "--set",         "model.ball_size=32"};
  std::vector<std::string> train{"train", "flow-erwin-nsa", "--data", path("cars.toml"), "--steps",
                                 "2",     "--device",       "cpu",    "--out",           path("run")};
  train.insert(train.end(), tiny.begin(), tiny.end());
  expect_success(train);
  const ProgramResult infer = expect_success({"infer", path("run/checkpoints/last.h5"), path("cars.toml"), "--json"});
  EXPECT_EQ(json::parse(infer.out).at("samples").size(), 1u) << "the test split";

  // What ships holds weights only, and predicts the same.
  expect_success({"convert", path("run/checkpoints/last.h5"), path("weights.h5")});
  EXPECT_LT(std::filesystem::file_size(path("weights.h5")),
            std::filesystem::file_size(path("run/checkpoints/last.h5")));
  const ProgramResult again = expect_success({"infer", path("weights.h5"), path("cars.toml"), "--json"});
  EXPECT_EQ(json::parse(again.out).at("mean"), json::parse(infer.out).at("mean"));
}

// Data sets that have presets for a CPU, which train on them as they are.
class GenerateAndTrain : public Generate {
protected:
  void expect_presets_train(const std::string& data, std::size_t test_samples) const {
    for (const std::string network : {"erwin-nsa", "erwin"}) {
      expect_success({"train", data + "-small-" + network, "--data", path(data + ".toml"), "--steps", "2", "--device",
                      "cpu", "--out", path(network)});
      const ProgramResult infer =
          expect_success({"infer", path(network + "/checkpoints/last.h5"), path(data + ".toml"), "--json"});
      EXPECT_EQ(json::parse(infer.out).at("samples").size(), test_samples) << "the test split";
    }
  }
};

TEST_F(GenerateAndTrain, Halos) {
  const ProgramResult made = expect_success({"generate", "halos", path("halos.h5"), "--samples", "4", "--test", "1",
                                             "--points", "200", "--mesh", "32", "--box", "500", "--smoothing", "8"});
  EXPECT_NE(made.out.find("no halo finder"), std::string::npos) << "what it is not, too: " << made.out;
  const ProgramResult info = expect_success({"info", path("halos.toml")});
  EXPECT_NE(info.out.find("km/s"), std::string::npos) << info.out;
  expect_presets_train("halos", 1);
}

TEST_F(GenerateAndTrain, Polymer) {
  const ProgramResult made =
      expect_success({"generate", "polymer", path("polymer.h5"), "--samples", "4", "--test", "1", "--windows", "2",
                      "--relax", "10", "--interval", "1", "--bonds", "harmonic"});
  EXPECT_NE(made.out.find("every 50 tau"), std::string::npos) << "of the test chains: " << made.out;
  const ProgramResult info = expect_success({"info", path("polymer.toml")});
  EXPECT_NE(info.out.find("bead_type"), std::string::npos) << info.out;
  std::ifstream in(path("polymer.toml"));
  std::string command;
  std::getline(in, command);
  EXPECT_NE(command.find("--bonds harmonic"), std::string::npos) << "how it was made: " << command;
  expect_presets_train("polymer", 2);
}

TEST_F(Generate, SaysWhatIsWrong) {
  std::ofstream(path("plain")) << "a file where a folder should be";
  const struct {
    std::vector<std::string> arguments;
    int code;
    const char* part;
  } cases[] = {
      {{"generate", "flow"}, 2, "OUT"},
      {{"generate", "flow", path("x.csv")}, 2, ".h5"},
      {{"generate", "flow", path("x.h5"), "--points", "5"}, 2, "--points"},
      {{"generate", "flow", path("x.h5"), "--samples", "2", "--test", "2"}, 2, "--test"},
      {{"generate", "flow", path("x.h5"), "--samples", "-3"}, 2, "--samples"},
      {{"generate", "flow", path("plain/x.h5"), "--samples", "1", "--points", "200"}, 3, "plain"},
      {{"generate", "halos", path("x.h5"), "--mesh", "97"}, 2, "--mesh"},
      {{"generate", "halos", path("x.h5"), "--smoothing", "0"}, 2, "--smoothing"},
      {{"generate", "halos", path("x.h5"), "--samples", "1", "--mesh", "32", "--points", "9999"}, 2, "peaks"},
      {{"generate", "polymer", path("x.h5"), "--dt", "0.5"}, 2, "--dt"},
      {{"generate", "polymer", path("x.h5"), "--interval", "0.123456"}, 2, "--interval"},
      {{"generate", "polymer", path("x.h5"), "--bonds", "glue"}, 2, "--bonds"},
      {{"generate", "beacons", path("x.h5"), "--clusters", "5"}, 2, "--clusters"},
      {{"generate", "beacons", path("x.h5"), "--points", "8"}, 2, "selects"},
      {{"generate", "beacons", path("x.h5"), "--config", "absent"}, 2, "beacons-erwin-nsa"},
      {{"generate", "beacons", path("x.h5"), "--config", "shapenet-car-erwin"}, 2, "erwin"},
  };
  for (const auto& c : cases) {
    const ProgramResult result = run_program(c.arguments);
    EXPECT_EQ(result.exit_code, c.code) << result.err;
    EXPECT_NE(result.err.find(c.part), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << "one line: " << result.err;
  }
  const std::filesystem::directory_iterator files(folder_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1) << "nothing is left behind";
}

// A network is trained for the beacons and asked for its error and what it selects.
class Beacons : public Generate {
protected:
  // One thread: on a busy machine two threads wait for each other in every one of the many small operations.
  json trained(const std::string& preset, const std::string& steps) const {
    expect_success({"train", preset, "--data", path("beacons.toml"), "--out", path(preset), "--device", "cpu",
                    "--steps", steps, "--set", "train.threads=1", "--set", "data.validation=none"});
    const ProgramResult bench = expect_success({"bench", "beacons", path(preset + "/checkpoints/last.h5"),
                                                path("beacons.toml"), "--device", "cpu", "--json", path("bench.json")});
    RecordProperty(preset, bench.out);
    return read("bench.json");
  }
};

TEST_F(Beacons, OnlyErwinNsaFindsThePartner) {
  expect_success({"generate", "beacons", path("beacons.h5"), "--samples", "740", "--validation", "0", "--test", "40",
                  "--clusters", "8", "--points", "32", "--config", "beacons-small-erwin-nsa"});
  // Ball attention has nothing to learn: more steps would only make it worse on clouds that it has not seen.
  const json ball = trained("beacons-small-ball", "200"), nsa = trained("beacons-small-erwin-nsa", "1000");
  const double error_of_ball = ball.at("mse_standardised"), error_of_nsa = nsa.at("mse_standardised");
  EXPECT_GT(error_of_ball, 0.8) << "ball attention knows nothing of the partner";
  EXPECT_LE(error_of_nsa, 0.2 * error_of_ball);
  double best = 0;
  for (const json& layer : nsa.at("layers")) {
    EXPECT_LE(layer.at("chance").get<double>(), 0.15);
    best = std::max(best, layer.at("ratio").get<double>());
  }
  EXPECT_GE(best, 3) << nsa.dump(1);
  EXPECT_TRUE(ball.at("layers").empty());
}

}  // namespace
}  // namespace erwin
