// The whole path from file to pixel with the shipped program: train on two real cars, infer on a third, explain a
// point, draw it on EGL and in the window, and hold the pictures against the explanation.

#include <gtest/gtest.h>

#include <QColor>
#include <QImage>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int query_id = 1234;
constexpr int query_layer = 1;  // an odd block: it runs in the rotated tree

// Runs the program, expects success, and gives its standard output.
std::string expect_success(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {},
                           bool clean = false) {
  const test::ProgramResult result = test::run_program(arguments, environment, clean);
  EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.err;
  return result.out;
}

// Trained once, used by every test below.
class MainJob : public testing::Test {
protected:
  static void SetUpTestSuite() {
    const auto shared = test::shared_folder();
    if (!shared || !fs::exists(*shared / "data/car/shapenet_car_cgns")) return;
    folder_ = new test::ScratchFolder;
    for (const char* car : {"train_00", "train_01", "test_06"}) {
      const std::string name = std::string(car) + ".cgns";
      fs::create_symlink(fs::absolute(*shared / "data/car/shapenet_car_cgns" / name), path(name));
    }
    std::ofstream(path("manifest.toml"))
        << "[dataset]\nname = \"three cars\"\nfiles = [\"*.cgns\"]\ninputs = [\"position\"]\n"
           "target = \"pressure\"\n[split]\ntrain = [\"train_*\"]\ntest = [\"test_*\"]\n";
    const test::ProgramResult train = test::run_program(
        {"train", "car-small-erwin-nsa", "--data", path("manifest.toml"), "--steps", "20", "--out", path("run")});
    ASSERT_EQ(train.exit_code, 0) << train.err;
    ASSERT_TRUE(fs::exists(checkpoint()));
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  void SetUp() override {
    ERWIN_SHARED_OR_SKIP(cars, "data/car/shapenet_car_cgns");
    ASSERT_TRUE(folder_ && fs::exists(checkpoint())) << "training failed";
  }

  static std::string path(const std::string& name) { return (folder_->path() / name).string(); }
  static std::string checkpoint() { return path("run/checkpoints/last.h5"); }

  static json explanation() {
    return json::parse(expect_success({"explain", checkpoint(), path("test_06.cgns"), "--point",
                                       std::to_string(query_id), "--layer", std::to_string(query_layer), "--json"}))
        .at("layers")
        .at(0);
  }

private:
  static test::ScratchFolder* folder_;
};

test::ScratchFolder* MainJob::folder_ = nullptr;

std::set<int> block_ids(const json& selected) {
  std::set<int> ids;
  for (const json& block : selected) ids.insert(block.at("block").get<int>());
  return ids;
}

double hue_distance(const QColor& a, const json& rgb) {
  const QColor b(rgb.at(0).get<int>(), rgb.at(1).get<int>(), rgb.at(2).get<int>());
  const double d = std::abs(a.hslHueF() - b.hslHueF());
  return std::min(d, 1 - d);
}

// Of the located points that are visible, the share whose pixel has the hue that the drawing promised for them.
double share_of_promised_hues(const QImage& image, const json& points, int* seen) {
  int good = 0;
  *seen = 0;
  for (const json& point : points) {
    if (!point.at("visible").get<bool>()) continue;
    const QColor pixel =
        image.pixelColor(static_cast<int>(point.at("x").get<double>()), static_cast<int>(point.at("y").get<double>()));
    ++*seen;
    good += hue_distance(pixel, point.at("color")) < 0.06;
  }
  return *seen ? static_cast<double>(good) / *seen : 0;
}

std::string ids_of(const json& selected) {
  std::string text;
  for (const json& block : selected)
    for (const json& id : block.at("points")) text += (text.empty() ? "" : ",") + std::to_string(id.get<int>());
  return text;
}

}  // namespace

TEST_F(MainJob, InferWritesPredictionsAndMetricsOfAnUnseenCar) {
  const test::ProgramResult run = test::run_program(
      {"infer", checkpoint(), path("manifest.toml"), "--sample", "test_06", "--out", path("p.vtp")});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("memory: about "), std::string::npos) << run.err;
  const std::string& text = run.out;
  EXPECT_NE(text.find("test_06"), std::string::npos) << text;
  const json info = json::parse(expect_success({"info", path("p.vtp"), "--json"}));
  EXPECT_EQ(info.at("points"), 3586);
  std::set<std::string> names;
  for (const json& field : info.at("fields")) names.insert(field.at("name").get<std::string>());
  EXPECT_TRUE(names.contains("prediction")) << info.dump();
}

TEST_F(MainJob, InfoDescribesTheCheckpoint) {
  const json info = json::parse(expect_success({"info", checkpoint(), "--json"}));
  EXPECT_EQ(info.at("kind"), "checkpoint");
  EXPECT_EQ(info.at("step"), 20);
  EXPECT_EQ(info.at("model").at("kind"), "erwin-nsa");
  EXPECT_EQ(info.at("inputs"), json::array({"position"}));
  EXPECT_EQ(info.at("target"), "pressure");
  EXPECT_EQ(info.at("provenance").at("precision"), "float32");
}

TEST_F(MainJob, TheExplanationAddsUp) {
  const json layer = explanation();
  EXPECT_TRUE(layer.at("rotated").get<bool>());
  const json& shares = layer.at("shares");
  EXPECT_NEAR(shares.at("sum").get<double>(), shares.at("expected_sum").get<double>(), 1e-5);
  EXPECT_FALSE(layer.at("selected").empty());
  EXPECT_LT(layer.at("lse_gap").get<double>(), 1e-3);
}

TEST_F(MainJob, ThePictureWithoutADisplayShowsWhatIsExplained) {
  const json layer = explanation();
  const std::vector<std::string> options = {"render",
                                            path("test_06.cgns"),
                                            checkpoint(),
                                            "--out",
                                            path("egl.png"),
                                            "--point",
                                            std::to_string(query_id),
                                            "--layer",
                                            std::to_string(query_layer),
                                            "--color",
                                            "attention",
                                            "--marks",
                                            "fill",
                                            "--size",
                                            "800x600",
                                            "--json"};
  const json first = json::parse(expect_success(options, {}, true));
  EXPECT_EQ(block_ids(first.at("query").at("selected")), block_ids(layer.at("selected")));

  auto located = options;
  located.insert(located.end(), {"--locate", ids_of(first.at("query").at("selected"))});
  const json drawn = json::parse(expect_success(located, {}, true));
  const QImage image(QString::fromStdString(path("egl.png")));
  ASSERT_EQ(image.width(), 800);
  int seen = 0;
  const double share = share_of_promised_hues(image, drawn.at("points"), &seen);
  ASSERT_GT(seen, 5) << "too few points of the selected blocks are in view";
  EXPECT_GT(share, 0.9);

  // Every located point's promised colour is the colour of its block's rank.
  std::map<int, json> rank_colour;
  for (const json& block : drawn.at("query").at("selected"))
    for (const json& id : block.at("points")) rank_colour[id.get<int>()] = block.at("color");
  for (const json& point : drawn.at("points")) EXPECT_EQ(point.at("color"), rank_colour.at(point.at("id").get<int>()));
}

TEST_F(MainJob, TheWindowShowsTheSameSelection) {
  if (!std::getenv("DISPLAY")) {
    ASSERT_STRNE(std::getenv("ERWINSCOPE_REQUIRE_DISPLAY") ? std::getenv("ERWINSCOPE_REQUIRE_DISPLAY") : "", "1");
    GTEST_SKIP() << "DISPLAY is not set: packaging/test.sh runs this under Xvfb";
  }
  std::ofstream(path("steps")) << "open " << path("test_06.cgns") << "\nwait idle\nload " << checkpoint()
                               << "\nwait idle\nrun\nwait idle\nlayer " << query_layer << "\nquery " << query_id
                               << "\nwait idle\ncolor attention\nscreenshot " << path("window.png")
                               << "\nprint selection\nquit\n";
  const json shown = json::parse(expect_success({"gui", "--play", path("steps")}));
  EXPECT_EQ(shown.at("point"), query_id);
  EXPECT_EQ(shown.at("layer"), query_layer);
  EXPECT_EQ(block_ids(shown.at("selected")), block_ids(explanation().at("selected")));
  const QImage image(QString::fromStdString(path("window.png")));
  ASSERT_FALSE(image.isNull());
  std::set<QRgb> colours;
  for (int y = 0; y < image.height(); y += 3)
    for (int x = 0; x < image.width(); x += 3) colours.insert(image.pixel(x, y));
  EXPECT_GT(colours.size(), 50U) << "the window shows next to nothing";
}

}  // namespace erwin
