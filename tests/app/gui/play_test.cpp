// The shipped program, driven by steps.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

class PlayProgram : public testing::Test {
protected:
  void SetUp() override {
    if (!std::getenv("DISPLAY")) {
      const char* required = std::getenv("ERWINSCOPE_REQUIRE_DISPLAY");
      ASSERT_STRNE(required ? required : "", "1") << "DISPLAY is not set";
      GTEST_SKIP() << "DISPLAY is not set: packaging/test.sh runs this under Xvfb";
    }
  }

  test::ProgramResult play(const std::string& steps, const std::vector<std::string>& more = {}) {
    const auto file = scratch.path() / "steps";
    std::ofstream(file) << steps;
    std::vector<std::string> words{"gui", "--play", file.string()};
    words.insert(words.end(), more.begin(), more.end());
    return test::run_program(words);
  }

  test::ScratchFolder scratch;
};

TEST_F(PlayProgram, StepsChangeAssertPrintAndUndo) {
  const std::string picture = (scratch.path() / "scene.png").string(),
                    window = (scratch.path() / "window.png").string();
  const auto result = play(
      "# a comment\n\n"
      "open own\nwait idle\nassert fields pressure\n"
      "query 120\nassert query 120\nlevel 3\ntheme light\nset point-size 2\ncolor balls\nwait idle\n"
      "print selection\n"
      "undo\nassert color target\nassert point-size 2\nundo\nassert point-size 1\nredo\nassert point-size 2\n"
      "key Ctrl+Z\nassert point-size 1\nkey T\nassert theme dark\naction legend\nassert legend off\n"
      "key Ctrl+K\ntype point-size 3\nkey Return\nwait 200\nassert point-size 3\n"
      "print fields\nscreenshot " +
      picture + "\ngrab " + window + "\nquit\nassert layer 77\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::size_t end = result.out.find('\n');
  const json selection = json::parse(result.out.substr(0, end));
  EXPECT_EQ(selection.at("point"), 120);
  EXPECT_EQ(selection.at("level"), 3);
  EXPECT_EQ(selection.at("theme"), "light");
  EXPECT_EQ(selection.at("color"), "balls");
  EXPECT_EQ(json::parse(result.out.substr(end + 1)).at("fields"), json::array({"pressure"}));
  EXPECT_GT(std::filesystem::file_size(picture), 5000U);
  EXPECT_GT(std::filesystem::file_size(window), 5000U);
}

TEST_F(PlayProgram, TheExplorerIsDrivenBySteps) {
  const auto data = test::source_folder() / "datasets";
  const auto table = scratch.path() / "matrix.csv";
  const auto result = play("open " + (data / "beacons-small.h5").string() + "\nwait idle\nload " +
                           (data / "beacons-small-erwin-nsa.h5").string() +
                           "\nwait idle\n"
                           "color received\nwait idle\nassert field received\n"
                           "assert fields received entropy distance selection_count\n"
                           "query 7\ncolor looks_at_ball\nwait idle\nassert fields looks_at_ball\n"
                           "action panel-heads\nwait idle\naction panel-matrix\nwait idle\nmatrix " +
                           table.string() + "\nundo\nassert field received\nquit\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GT(std::filesystem::file_size(table), 1000U);
}

TEST_F(PlayProgram, AFailedStepNamesItsLineAndEndsWithItsCode) {
  auto result = play("open own\nwait idle\nassert query 7\nprint selection\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("steps:3: 'assert query 7'"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("it is -1"), std::string::npos) << result.err;
  EXPECT_TRUE(result.out.empty()) << result.out;
  result = play("open /nonexistent.ply\nwait idle\n");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("steps:2"), std::string::npos) << result.err;
  result = play("fly away\n");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("there is no such step"), std::string::npos) << result.err;
}

TEST_F(PlayProgram, SettingsAreRememberedWhereAFileIsNamed) {
  const std::string file = (scratch.path() / "window.ini").string();
  ASSERT_EQ(play("set theme light\nset dim 0.3\n", {"--settings", file}).exit_code, 0);
  const auto again = play("assert theme light\nassert dim 0.3\n", {"--settings", file});
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

TEST(GuiHelp, ListsStepsActionsAndOptions) {
  const auto result = test::run_program({"gui", "--help"}, {}, true);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* word : {"--play", "wait idle", "assert WHAT", "colour-attention", "Ctrl+K", "point-size", "branch"})
    EXPECT_NE(result.out.find(word), std::string::npos) << word;
}

// As by Ctrl-C in the terminal, or by a machine that goes down.
TEST_F(PlayProgram, ASignalClosesTheWindowAsAPersonWould) {
  const auto settings = scratch.path() / "window.ini", steps = scratch.path() / "steps";
  std::ofstream(steps) << "open own\nwait idle\nset point-size 2\nprint fields\nwait 100000\n";
  for (const int sent : {SIGINT, SIGTERM}) {
    std::filesystem::remove(settings);
    test::ProgramStart start;
    start.out = start.err = scratch.path() / ("said-" + std::to_string(sent));
    test::StartedProgram program({"gui", "--settings", settings.string(), "--play", steps.string()}, start);
    const auto printed = [&] { return test::text_of(start.out).find("}\n") != std::string::npos; };
    ASSERT_TRUE(test::within_a_minute([&] { return printed() || !program.runs(); }));
    ASSERT_TRUE(printed()) << test::text_of(start.out);  // it has come to the steps' end
    program.send(sent);
    EXPECT_EQ(program.wait(), 130);
    EXPECT_NE(test::text_of(settings).find("point-size=2"), std::string::npos);
  }
}

TEST_F(PlayProgram, ASessionIsSavedOpenedAgainAndDrawnByRender) {
  const std::string session = (scratch.path() / "one.ewsession").string(),
                    picture = (scratch.path() / "one.png").string();
  ASSERT_EQ(
      play("size 400x300\nopen own\nwait idle\ncolor balls\nlevel 5\nquery 9\ncamera 40,30\nwait idle\nsession save " +
           session + "\nwait idle\n")
          .exit_code,
      0);
  const auto again =
      play("size 400x300\nwait idle\nassert color balls\nassert level 5\nassert query 9\nprint selection\n", {session});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const auto drawn = test::run_program({"render", "--session", session, "--json", "--out", picture});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  const json window = json::parse(again.out), render = json::parse(drawn.out);
  for (const char* key : {"camera", "color", "level", "size"}) EXPECT_EQ(window.at(key), render.at(key)) << key;

  std::filesystem::resize_file(session, std::filesystem::file_size(session) / 2);
  for (const auto& result : {play("open own\nwait idle\nsession open " + session + "\nwait idle\n"),
                             test::run_program({"render", "--session", session, "--out", picture})}) {
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_NE(result.err.find("cut off"), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace erwin
