// `erwinscope generate` as a person runs it: what it writes, and that a network trains on it.

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

}  // namespace
}  // namespace erwin
