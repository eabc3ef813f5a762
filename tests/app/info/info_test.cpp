// `info` and `convert` as a user runs them.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/io/open.h"
#include "core/io/write.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin::test {

namespace {

using Json = nlohmann::json;

Json info(const std::vector<std::string>& arguments) {
  std::vector<std::string> all{"info", "--json"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  const ProgramResult result = run_program(all);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return Json::parse(result.out, nullptr, false);
}

}  // namespace

TEST(InfoProgram, OneCar) {
  ERWIN_SHARED_OR_SKIP(path, "data/car/shapenet_car_cgns/train_00.cgns");
  const Json car = info({path.string()});
  EXPECT_EQ(car["schema"], 1);
  EXPECT_EQ(car["kind"], "point cloud");
  EXPECT_EQ(car["format"], "CGNS/HDF5");
  EXPECT_EQ(car["points"], 3586);
  EXPECT_EQ(car["frames"], 1);
  EXPECT_EQ(car["cells"]["triangles"], 7168);
  // Read with h5py.
  EXPECT_NEAR(car["bounds"]["minimum"][2].get<double>(), -2.1354, 1e-5);
  EXPECT_NEAR(car["bounds"]["maximum"][1].get<double>(), 1.26039, 1e-5);
  ASSERT_EQ(car["fields"].size(), 1U);
  EXPECT_EQ(car["fields"][0]["name"], "pressure");
  EXPECT_NEAR(car["fields"][0]["range"]["maximum"].get<double>(), 208.973, 1e-3);
  EXPECT_EQ(car["fields"][0]["nonfinite"], 0);
  const ProgramResult text = run_program({"info", path.string()});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_NE(text.out.find("3586"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("pressure: scalar -106.231"), std::string::npos) << text.out;
}

TEST(InfoProgram, AFolderIsADataSet) {
  ERWIN_SHARED_OR_SKIP(path, "data/car/shapenet_car_cgns");
  const Json cars = info({path.string()});
  EXPECT_EQ(cars["kind"], "data set");
  EXPECT_EQ(cars["samples"].size(), 20U);
  EXPECT_EQ(cars["first_sample"]["points"], 3586);
  EXPECT_EQ(run_program({"info", path.string()}).exit_code, 0);
}

TEST(InfoProgram, ErrorsHaveTheirExitCodes) {
  ScratchFolder scratch;
  std::ofstream(scratch.path() / "bad.h5") << "\x89HDF\r\n\x1a\n and no more";
  std::ofstream(scratch.path() / "bad.toml") << "[dataset]\nfile = 'x'\n";
  EXPECT_EQ(run_program({"info", (scratch.path() / "absent.h5").string()}).exit_code, 3);
  const ProgramResult bad = run_program({"info", (scratch.path() / "bad.h5").string()});
  EXPECT_EQ(bad.exit_code, 4);
  EXPECT_EQ(std::count(bad.err.begin(), bad.err.end(), '\n'), 1) << bad.err;
  EXPECT_EQ(run_program({"info", (scratch.path() / "bad.toml").string()}).exit_code, 2);
}

TEST(ConvertProgram, ThroughEveryWriterAndBack) {
  ScratchFolder scratch;
  const auto file = [&](const char* name) { return (scratch.path() / name).string(); };
  std::ofstream(file("in.csv")) << "x,y,z,p\n0.5,0,0,1\n1,2,nan,2\n0,0,-3,4.25\n";
  EXPECT_EQ(run_program({"convert", file("in.csv"), file("out.h5")}).exit_code, 4);
  const ProgramResult done = run_program({"convert", file("in.csv"), file("out.h5"), "--drop-nonfinite"});
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_NE(done.out.find("1 sample, 2 points"), std::string::npos) << done.out;
  ASSERT_EQ(run_program({"convert", file("out.h5"), file("out.csv")}).exit_code, 0);
  ASSERT_EQ(run_program({"convert", file("out.h5"), file("out.vtp")}).exit_code, 0);
  const Json kept = info({file("out.h5")});
  EXPECT_EQ(kept["samples"], Json::array({"in"}));
  EXPECT_EQ(kept["points"], 2);
  std::ifstream csv(file("out.csv"));
  std::string table((std::istreambuf_iterator<char>(csv)), {});
  EXPECT_EQ(table, "id,x,y,z,p\n0,0.5,0,0,1\n2,0,0,-3,4.25\n");
  EXPECT_EQ(run_program({"convert", file("out.h5"), file("out.png")}).exit_code, 2);
  EXPECT_EQ(run_program({"convert", file("out.h5"), file("out.csv"), "--config", "x.toml"}).exit_code, 2);
}

}  // namespace erwin::test
