// `erwinscope render` as a user runs it, with an empty environment: no display, no home, no PATH.

#include <gtest/gtest.h>

#include <QImage>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

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
  const auto result = render({sample, "--size", "640x400", "--no-legend", "--locate", ids(4096, 3)});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const json report = json::parse(result.out);
  const QImage image = picture();
  ASSERT_EQ(image.size(), QSize(640, 400));
  int visible = 0, right = 0;
  count(report, visible, right);
  EXPECT_GT(visible, 100);
  EXPECT_GE(right, 0.99 * visible);
  const json& background = report["background"];
  for (const QPoint corner : {QPoint(2, 2), QPoint(637, 2), QPoint(637, 397)})
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
  EXPECT_EQ(render({sample, "--camera", "sideways"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--level", "99"}).exit_code, 2);
  EXPECT_EQ(render({sample, "--point", "99999"}).exit_code, 2);
  EXPECT_EQ(render({"/nonexistent.h5"}).exit_code, 3);
}

TEST_F(Render, TheWindowWithoutADisplayNamesRender) {
  const auto result = test::run_program({"gui"}, {}, true);
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_NE(result.err.find("render"), std::string::npos);
}

}  // namespace
}  // namespace erwin
