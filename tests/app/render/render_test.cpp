// `erwinscope render` as a user runs it, with an empty environment: no display, no home, no PATH.

#include <gtest/gtest.h>

#include <QImage>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

// CRC-32 of PNG chunks (PNG, annex D), bit by bit.
std::uint32_t checksum(const std::string& bytes) {
  std::uint32_t sum = 0xffffffffu;
  for (const char byte : bytes) {
    sum ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) sum = sum & 1 ? sum >> 1 ^ 0xedb88320u : sum >> 1;
  }
  return ~sum;
}

// Puts other words of the same length into the PNG's recipe and mends its checksum.
void change_text(std::string& png, const std::string& from, const std::string& to) {
  const std::size_t begin = png.find("tEXterwinscope-recipe"), at = png.find(from);
  ASSERT_TRUE(begin != std::string::npos && at != std::string::npos && from.size() == to.size());
  png.replace(at, to.size(), to);
  std::size_t length = 0;
  for (std::size_t i = begin - 4; i < begin; ++i) length = length << 8 | static_cast<std::uint8_t>(png[i]);
  const std::uint32_t sum = checksum(png.substr(begin, length + 4));
  for (std::size_t i = 0; i < 4; ++i) png[begin + 4 + length + i] = static_cast<char>(sum >> (24 - 8 * i) & 0xff);
}

class Render : public testing::Test {
protected:
  test::ProgramResult render(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "render");
    arguments.insert(arguments.end(), {"--out", picture_path()});
    return test::run_program(arguments, {}, true);
  }
  std::string picture_path() const { return (scratch.path() / "picture.png").string(); }
  QImage picture() const { return QImage(QString::fromStdString(picture_path())); }

  // Located points that are visible, and how many of them carry their colour in the picture.
  void count(const json& report, int& visible, int& right) const {
    const QImage image = picture();
    visible = right = 0;
    for (const json& point : report["points"]) {
      if (!point["visible"]) continue;
      ++visible;
      const QColor got =
          image.pixelColor(static_cast<int>(point["x"].get<double>()), static_cast<int>(point["y"].get<double>()));
      const json& rgb = point["color"];
      right += std::max({std::abs(got.red() - rgb[0].get<int>()), std::abs(got.green() - rgb[1].get<int>()),
                         std::abs(got.blue() - rgb[2].get<int>())}) <= 3;
    }
  }

  static std::string ids(int last, int step) {
    std::string text;
    for (int id = 0; id < last; id += step) text += (text.empty() ? "" : ",") + std::to_string(id);
    return text;
  }

  test::ScratchFolder scratch;
  std::string sample = (test::source_folder() / "datasets" / "sample.h5").string();
};

TEST_F(Render, DrawsTheSampleWhereItSaysItDoes) {
  const auto result = render(
      {sample, "--size", "960x600", "--no-legend", "--axes", "off", "--scale-bar", "off", "--locate", ids(4096, 3)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const json report = json::parse(result.out);
  const QImage image = picture();
  ASSERT_EQ(image.size(), QSize(960, 600));
  int visible = 0, right = 0;
  count(report, visible, right);
  EXPECT_GT(visible, 100);
  EXPECT_GE(right, 0.99 * visible);
  const json& background = report["background"];
  for (const QPoint corner : {QPoint(2, 2), QPoint(957, 2), QPoint(957, 597)})
    EXPECT_EQ(image.pixelColor(corner), QColor(background[0], background[1], background[2]));
}

TEST_F(Render, BallsOfALevelUseSeveralColours) {
  const auto result =
      render({sample, "--color", "balls", "--level", "4", "--size", "640x400", "--locate", ids(4096, 3)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["balls"], 16);
  std::set<std::string> colours;
  for (const json& point : report["points"])
    if (point["visible"]) colours.insert(point["color"].dump());
  EXPECT_GE(colours.size(), 5u);
}

TEST_F(Render, WrongWordsAreAnsweredWithTheRightExitCodes) {
  EXPECT_EQ(render({sample, "--field", "nothing"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--color", "prediction"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--size", "0x9"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--arrows", "pressure"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--frame", "1"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--camera", "sideways"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--level", "99"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--point", "99999"}).exit_code, 2);
  EXPECT_EQ(render({"/nonexistent.h5"}).exit_code, 3);
}

TEST_F(Render, APictureIsMadeAgainFromItsRecipe) {
  const std::vector<std::string> asked{
      sample,    "--size",       "400x300",      "--camera",     "20,30",   "--theme", "light",   "--map", "cividis",
      "--range", "-100.5,50.25", "--projection", "orthographic", "--style", "round",   "--point", "7",     "--steps",
      "5",       "--marks",      "off",          "--level",      "3"};
  ASSERT_EQ(render(asked).exit_code, 0);
  const std::string first = picture_path(), again = (scratch.path() / "again.png").string();
  const auto repeat = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"render", "--recipe", first, "--out", again});
    return test::run_program(arguments, {}, true);
  };
  const auto result = repeat({});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const QImage one(QString::fromStdString(first)), two(QString::fromStdString(again));
  EXPECT_EQ(one, two);
  ASSERT_EQ(repeat({"--theme", "dark", "--size", "200x150"}).exit_code, 0);
  const QImage dark(QString::fromStdString(again));
  EXPECT_EQ(dark.size(), QSize(200, 150));
  EXPECT_LT(dark.pixelColor(2, 2).lightness(), 60);

  const auto recipe = json::parse(one.text("erwinscope-recipe").toStdString());
  EXPECT_EQ(recipe["options"]["theme"], "light");
  EXPECT_EQ(recipe["options"]["range"], "-100.5,50.25");
  EXPECT_EQ(recipe["options"]["point"], "7");
  EXPECT_EQ(recipe["camera_matrix"].size(), 16u);
  EXPECT_EQ(recipe["data"]["hash"].get<std::string>().size(), 64u);
  EXPECT_TRUE(one.text("Software").startsWith("ErwinScope"));
}

TEST_F(Render, ARecipeWhoseDataChangedOrWhoseWordsAreHostileIsRefused) {
  const std::string copy = (scratch.path() / "copy.csv").string();
  std::ofstream(copy) << "x,y,z\n0,0,0\n1,0,0\n0,1,0\n";
  ASSERT_EQ(render({copy, "--size", "64x64"}).exit_code, 0);
  std::ofstream(copy) << "x,y,z\n0,0,0\n1,0,0\n0,2,0\n";
  const std::string first = picture_path(), again = (scratch.path() / "again.png").string();
  const auto repeat = [&](const std::string& picture) {
    return test::run_program({"render", "--recipe", picture, "--out", again}, {}, true);
  };
  const auto changed = repeat(first);
  EXPECT_EQ(changed.exit_code, 4);
  EXPECT_NE(changed.err.find("has changed"), std::string::npos) << changed.err;
  std::filesystem::remove(copy);
  EXPECT_EQ(repeat(first).exit_code, 3);

  const std::string hostile = (scratch.path() / "hostile.png").string();
  const QImage picture_of_data(QString::fromStdString(first));
  for (const char* words : {"", "[]", R"({"schema": 2, "program": "9.0"})"}) {
    QImage image = picture_of_data;
    for (const QString& key : image.textKeys()) image.setText(key, {});
    image.setText("erwinscope-recipe", words);
    image.save(QString::fromStdString(hostile));
    const auto refused = repeat(hostile);
    EXPECT_EQ(refused.exit_code, 4) << words << refused.err;
  }
  std::ifstream in(first, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  change_text(bytes, "\"size\":\"64x64\"", "\"size\":\"9x999\"");
  std::ofstream(hostile, std::ios::binary) << bytes;
  const auto refused = repeat(hostile);
  EXPECT_EQ(refused.exit_code, 2) << refused.err;
}

TEST_F(Render, TheWindowWithoutADisplayNamesRender) {
  const auto result = test::run_program({"gui"}, {}, true);
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_NE(result.err.find("render"), std::string::npos);
}

TEST_F(Render, ATurntableIsAPictureForEveryStepAndNeedsANumberInItsName) {
  const std::string pattern = (scratch.path() / "turn_%02d.png").string();
  const auto made = test::run_program({"render", "--size", "160x120", "--turntable", "3", "--out", pattern}, {}, true);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::vector<QImage> frames;
  for (const char* name : {"turn_00.png", "turn_01.png", "turn_02.png"})
    frames.emplace_back(QString::fromStdString((scratch.path() / name).string()));
  for (const QImage& frame : frames) ASSERT_EQ(frame.size(), QSize(160, 120));
  EXPECT_NE(frames[0], frames[1]);
  EXPECT_NE(frames[1], frames[2]);
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "turn_03.png"));
  // The first is the picture without a turn.
  ASSERT_EQ(render({"--size", "160x120"}).exit_code, 0);
  EXPECT_EQ(picture(), frames[0]);
  for (const char* name : {"turn.png", "%s.png", "%d%d.png", "%099d.png"}) {
    const auto refused =
        test::run_program({"render", "--turntable", "3", "--out", (scratch.path() / name).string()}, {}, true);
    EXPECT_EQ(refused.exit_code, 2) << name;
  }
  EXPECT_EQ(test::run_program({"render", "--sweep", "layer", "--out", pattern}, {}, true).exit_code, 2);
}

}  // namespace
}  // namespace erwin
