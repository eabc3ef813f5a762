// Parts of the window that need no display: the palette's search, the tables of actions and steps, colours, settings.

#include <gtest/gtest.h>

#include <QFile>
#include <QKeySequence>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/support/shared_data.h"
#include "ui/scene/scene_options.h"
#include "ui/window/action_table.h"
#include "ui/window/command_palette.h"
#include "ui/window/help_window.h"
#include "ui/window/play_steps.h"
#include "ui/window/session.h"
#include "ui/window/settings.h"
#include "ui/window/theme.h"

namespace erwin::ui {
namespace {

PaletteEntry entry(const char* text, const char* name, const char* help) {
  return {text, name, help, {}, true, {}};
}

TEST(PaletteSearch, EveryWordMustOccur) {
  const PaletteEntry finer = entry("Finer balls", "level-up", "One tree level down, towards the points");
  EXPECT_GT(match(finer, ""), 0);
  EXPECT_GT(match(finer, "fin"), 0);
  EXPECT_GT(match(finer, "BALLS finer"), 0);
  EXPECT_GT(match(finer, "level-up"), 0);
  EXPECT_GT(match(finer, "points"), 0);
  EXPECT_EQ(match(finer, "finer cloud"), 0);
  EXPECT_EQ(match(finer, "xyz"), 0);
}

TEST(PaletteSearch, StartsCountMoreThanMiddlesAndHelpLeast) {
  const PaletteEntry start = entry("Layer after", "a", ""), word = entry("Next layer", "b", ""),
                     middle = entry("Multilayer", "c", ""), help = entry("Other", "d", "a layer");
  EXPECT_GT(match(start, "layer"), match(word, "layer"));
  EXPECT_GT(match(word, "layer"), match(middle, "layer"));
  EXPECT_GT(match(middle, "layer"), match(help, "layer"));
  EXPECT_GT(match(help, "layer"), 0);
}

TEST(Actions, EachHasANameAShortcutOfItsOwnAndAHelp) {
  std::set<std::string> names, shortcuts;
  for (const ActionSpec& action : action_table()) {
    EXPECT_TRUE(names.insert(action.name).second) << action.name;
    const QKeySequence keys(action.shortcut);
    ASSERT_EQ(keys.count(), 1) << action.name;
    EXPECT_NE(keys[0].key(), Qt::Key_unknown) << action.name;
    EXPECT_TRUE(shortcuts.insert(keys.toString().toStdString()).second) << action.name << " " << action.shortcut;
    EXPECT_GT(std::string(action.help).size(), 10U) << action.name;
    EXPECT_EQ(find_action(action.name), &action);
  }
  EXPECT_EQ(find_action("no-such-action"), nullptr);
}

// The page is written by hand for people; nothing may be missing in it.
TEST(Pages, TheHelpOfGuiNamesEveryActionAndStep) {
  std::stringstream text;
  text << std::ifstream(test::source_folder() / "resources" / "help" / "gui.md").rdbuf();
  const std::string page = text.str();
  for (const ActionSpec& action : action_table()) {
    EXPECT_NE(page.find("`" + std::string(action.name) + "`"), std::string::npos) << action.name;
    EXPECT_NE(page.find(action.shortcut), std::string::npos) << action.shortcut;
  }
  for (const PlayStep& step : play_steps())
    EXPECT_NE(page.find("`" + std::string(step.verb)), std::string::npos) << step.verb;
}

TEST(Pages, TheWindowsOwnPageNamesEveryAction) {
  const QString page = help_page();
  for (const ActionSpec& action : action_table())
    EXPECT_TRUE(page.contains(QString::fromUtf8(action.help).toHtmlEscaped())) << action.name;
}

TEST(Contrast, AgreesWithWcag) {
  EXPECT_NEAR(contrast(Qt::black, Qt::white), 21, 1e-9);
  EXPECT_NEAR(contrast(QColor(0x77, 0x77, 0x77), Qt::white), 4.478, 0.001);  // the well-known #777 on white
  EXPECT_EQ(contrast(Qt::red, Qt::blue), contrast(Qt::blue, Qt::red));
}

TEST(Contrast, TextIsReadableInBothThemes) {
  for (const Theme theme : {Theme::Dark, Theme::Light}) {
    const QPalette palette = window_palette(theme);
    const auto check = [&](QPalette::ColorRole text, QPalette::ColorRole behind, double least) {
      EXPECT_GE(contrast(palette.color(text), palette.color(behind)), least)
          << (theme == Theme::Dark ? "dark " : "light ") << text << " on " << behind;
    };
    check(QPalette::WindowText, QPalette::Window, 7);
    check(QPalette::Text, QPalette::Base, 7);
    check(QPalette::Text, QPalette::AlternateBase, 7);
    check(QPalette::ButtonText, QPalette::Button, 7);
    check(QPalette::HighlightedText, QPalette::Highlight, 4.5);
    check(QPalette::ToolTipText, QPalette::ToolTipBase, 4.5);
    for (const auto behind : {QPalette::Window, QPalette::Base}) {
      check(QPalette::PlaceholderText, behind, 4.5);
      check(QPalette::Link, behind, 3);  // where the keyboard is, and bars
    }
    const BannerColours banner = banner_colours(theme);
    EXPECT_GE(contrast(banner.text, banner.background), 4.5);
  }
}

TEST(SessionState, AChangeThatChangesNothingIsNoStep) {
  Session session;
  int signals = 0;
  QObject::connect(&session, &Session::changed, [&] { ++signals; });
  session.change(session.state());
  EXPECT_EQ(signals, 0);
  EXPECT_FALSE(session.can_undo());
  SceneState moved = session.state();
  moved.camera.position = {9, 9, 9};  // the view's own
  moved.width = 77;
  session.change(moved);
  EXPECT_FALSE(session.can_undo());
}

TEST(SessionState, EveryOptionOfThePictureCanBeTakenBack) {
  const std::map<std::string, std::string> other{
      {"frame", "3"},      {"field", "pressure"}, {"component", "1"}, {"level", "2"},
      {"point", "5"},      {"layer", "1"},        {"head", "0"},      {"dim", "0.25"},
      {"point-size", "2"}, {"range", "0,1"},      {"clip", "x<0.5"},  {"matrix-window", "0,64,64,256"}};
  for (const SceneOption& option : scene_options()) {
    if (option.name == "camera" || option.name == "size" || option.name == "text-scale") continue;  // the view's own
    Session session;
    const SceneState before = session.state();
    const std::string old = option.print(before, nullptr);
    std::vector<std::string> candidates = option.choices;
    if (const auto found = other.find(option.name); found != other.end()) candidates.push_back(found->second);
    for (const char* text : {"0.5", "1", "2", "0,1", "query"}) candidates.push_back(text);
    bool changed = false;
    for (const std::string& text : candidates) {
      SceneState next = before;
      try {
        option.set(next, text, nullptr);
      } catch (const Error&) {
        continue;
      }
      if (option.print(next, nullptr) == old) continue;
      session.change(next);
      changed = true;
      ASSERT_TRUE(session.can_undo()) << option.name << " " << text;
      session.undo();
      EXPECT_EQ(option.print(session.state(), nullptr), old) << option.name;
      session.redo();
      EXPECT_EQ(option.print(session.state(), nullptr), option.print(next, nullptr)) << option.name;
      break;
    }
    EXPECT_TRUE(changed) << "no other value found for " << option.name;
  }
}

TEST(SettingsFile, WhatIsWrittenIsRead) {
  const test::ScratchFolder scratch;
  const Settings settings(QString::fromStdString((scratch.path() / "a" / "b.ini").string()));
  Remembered values;
  values.geometry = QByteArray("\0\1\2geometry", 11);
  values.recent = {"/data/one, two.h5", QString::fromUtf8("/data/größer.ply")};
  values.run = {"cuda:1", Precision::BFloat16};
  values.look.theme = Theme::Light;
  values.look.point_size = 1.75;
  values.look.legend = false;
  ASSERT_TRUE(settings.write(values));
  QString remark;
  const Remembered read = settings.read(&remark);
  EXPECT_TRUE(remark.isEmpty()) << remark.toStdString();
  EXPECT_EQ(read.geometry, values.geometry);
  EXPECT_EQ(read.recent, values.recent);
  EXPECT_EQ(read.run, values.run);
  EXPECT_EQ(read.look.theme, Theme::Light);
  EXPECT_EQ(read.look.point_size, 1.75);
  EXPECT_FALSE(read.look.legend);
}

TEST(SettingsFile, AForeignFileIsReportedAndLeftAlone) {
  const test::ScratchFolder scratch;
  const auto path = scratch.path() / "big.ini";
  {
    std::ofstream out(path);
    for (int i = 0; i < 200'000; ++i) out << "noise=" << i << "\n";
  }
  const auto bytes = std::filesystem::file_size(path);
  const Settings settings(QString::fromStdString(path.string()));
  QString remark;
  EXPECT_TRUE(settings.read(&remark).recent.isEmpty());
  EXPECT_FALSE(remark.isEmpty());
  EXPECT_FALSE(settings.write({}));
  EXPECT_EQ(std::filesystem::file_size(path), bytes);
  const Settings folder(QString::fromStdString(scratch.path().string()));
  EXPECT_TRUE(folder.read(&remark).recent.isEmpty());
  EXPECT_FALSE(folder.write({}));
}

TEST(SettingsFile, RecentFilesAreFewAndEachOnce) {
  QStringList recent;
  for (int i = 0; i < 15; ++i) recent = with_recent(recent, QString::number(i));
  EXPECT_EQ(recent.size(), most_recent_files);
  EXPECT_EQ(recent.first(), "14");
  recent = with_recent(recent, "9");
  EXPECT_EQ(recent.first(), "9");
  EXPECT_EQ(recent.count("9"), 1);
}

}  // namespace
}  // namespace erwin::ui
