// The one list of options: what is printed reads back, what is wrong is refused and changes nothing.

#include "ui/scene/clip_plane.h"
#include "ui/scene/point_colours.h"
#include "ui/scene/scene_options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/engine/sample_cloud.h"
#include "tests/support/shared_data.h"

namespace erwin::ui {
namespace {

// For every option two values that differ.
const std::map<std::string, std::pair<std::string, std::string>> examples{
    {"frame", {"0", "3"}},
    {"color", {"target", "balls"}},
    {"field", {"", "pressure"}},
    {"component", {"-1", "2"}},
    {"map", {"auto", "cividis"}},
    {"range", {"data", "-1.5,2"}},
    {"percentile", {"2", "5.5"}},
    {"log", {"auto", "on"}},
    {"steps", {"0", "7"}},
    {"style", {"auto", "round"}},
    {"point-size", {"1", "0.3"}},
    {"cells", {"auto", "edges"}},
    {"arrows", {"", "velocity"}},
    {"arrow-component", {"-1", "1"}},
    {"arrow-count", {"1500", "20"}},
    {"arrow-length", {"1", "2.5"}},
    {"theme", {"dark", "light"}},
    {"edl", {"on", "off"}},
    {"legend", {"on", "off"}},
    {"histogram", {"on", "off"}},
    {"scale-bar", {"on", "off"}},
    {"axes", {"on", "off"}},
    {"camera", {"iso", "20,-10"}},
    {"target", {"cloud", "ball"}},
    {"projection", {"perspective", "orthographic"}},
    {"size", {"1280x800", "64x48"}},
    {"text-scale", {"1", "1.5"}},
    {"level", {"4", "2"}},
    {"point", {"-1", "17"}},
    {"layer", {"0", "2"}},
    {"head", {"-1", "1"}},
    {"branch", {"all", "selected"}},
    {"marks", {"auto", "outline"}},
    {"misses", {"off", "on"}},
    {"matrix-window", {"whole", "12.5,64,128,4096"}},
    {"matrix-scale", {"log", "linear"}},
    {"block", {"-1", "2:7"}},
    {"dim", {"0.8", "0"}},
    {"clip", {"off", "z>-2"}}};

TEST(SceneOptions, NamesAreUniqueAndExplained) {
  std::set<std::string> names;
  for (const SceneOption& option : scene_options()) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_FALSE(option.form.empty()) << option.name;
    for (const char c : option.name) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '-') << option.name;
  }
  for (const auto& [name, values] : examples) EXPECT_TRUE(names.contains(name)) << name;
}

TEST(SceneOptions, TheHelpPageNamesThemAll) {
  std::ifstream in(erwin::test::source_folder() / "resources/help/render.md");
  const std::string page((std::istreambuf_iterator<char>(in)), {});
  for (const SceneOption& option : scene_options()) {
    EXPECT_NE(page.find("`--" + option.name + "`"), std::string::npos) << option.name;
    if (option.name == "branch") continue;  // named in a row with others
    for (const std::string& choice : option.choices) EXPECT_NE(page.find(choice), std::string::npos) << option.name;
  }
}

TEST(SceneOptions, StartAsTheStateStarts) {
  for (const auto& [name, values] : examples) EXPECT_EQ(print_scene_option({}, name, nullptr), values.first) << name;
}

TEST(SceneOptions, WhatIsPrintedReadsBack) {
  const auto cloud = make_sample_cloud(100);
  SceneState changed;
  for (const auto& [name, values] : examples) {
    set_scene_option(changed, name, values.second, cloud.get());
    if (name == "color") continue;  // 'field' comes after it
    EXPECT_EQ(print_scene_option(changed, name, cloud.get()), values.second) << name;
  }
  SceneState again;
  for (const SceneOption& option : scene_options()) option.set(again, option.print(changed, cloud.get()), cloud.get());
  EXPECT_EQ(again, changed);
}

TEST(SceneOptions, AClipPlaneKeepsTheNamedSideInTheFilesCoordinates) {
  PointCloud::Parts parts;
  parts.positions = {0, 0, 0, 1, 0, 0, 0, 2, 0};
  parts.origin = {10, 0, 0};
  const auto cloud = std::make_shared<const PointCloud>(std::move(parts));
  const auto away = [&](const char* text) { return clipped_points(*cloud, *clip_from(text), 0); };
  EXPECT_EQ(away("x<10.5"), (std::vector<char>{0, 1, 0}));
  EXPECT_EQ(away("x>10.5"), (std::vector<char>{1, 0, 1}));
  EXPECT_EQ(away("1,1,0<11.5"), (std::vector<char>{0, 0, 1}));
  EXPECT_EQ(away("x>10"), (std::vector<char>{0, 0, 0}));  // the plane itself is kept
  for (const char* text : {"off", "x<0.5", "z>-2", "1,1,0<3"}) EXPECT_EQ(to_string(clip_from(text)), text);
  for (const char* text : {"", "x", "x<", "w<3", "1,1<3", "0,0,0<1", "x<a", "<3", "on"})
    EXPECT_THROW(clip_from(text), Error) << text;

  SceneData data;
  data.cloud = cloud;
  SceneState state;
  EXPECT_TRUE(emphasis_of(data, state).empty());
  set_scene_option(state, "clip", "x<10.5", nullptr);
  EXPECT_EQ(emphasis_of(data, state), (std::vector<Emphasis>{Emphasis::Full, Emphasis::Hidden, Emphasis::Full}));
  const PointColours colours = colour_points(data, state);
  EXPECT_EQ(colours.sizes, (std::vector<float>{1, 0, 1}));
  EXPECT_EQ(colours.legend.notes.back(), "cut: only x<10.5, 2 points");
}

TEST(SceneOptions, EveryChoiceIsTaken) {
  for (const SceneOption& option : scene_options())
    for (const std::string& choice : option.choices) {
      SceneState state;
      option.set(state, choice, nullptr);
      EXPECT_EQ(option.print(state, nullptr), choice) << option.name;
    }
}

TEST(SceneOptions, WrongWordsAreRefusedAndChangeNothing) {
  const std::pair<const char*, const char*> wrong[] = {
      {"color", "pink"},      {"range", "3,1"},        {"range", "1"},
      {"range", "1,nan"},     {"steps", "65"},         {"steps", "2.5"},
      {"steps", "-1"},        {"percentile", "50"},    {"log", "yes"},
      {"style", "Spheres"},   {"point-size", "0"},     {"point-size", "1e9"},
      {"size", "100"},        {"size", "100x"},        {"size", "x100"},
      {"size", "1x1"},        {"size", "99999x99999"}, {"size", "64x48x2"},
      {"point", "-2"},        {"point", "100"},        {"point", "x"},
      {"camera", "sideways"}, {"frame", "-1"},         {"frame", "99999999999999999999"},
      {"dim", "1.1"},         {"marks", ""},           {"projection", "flat"},
      {"theme", "sepia"},     {"branch", "best"},      {"arrow-count", "999999"},
      {"text-scale", "0.1"},  {"no-such-option", "1"}};
  const auto cloud = make_sample_cloud(100);
  for (const auto& [name, text] : wrong) {
    SceneState state;
    EXPECT_THROW(set_scene_option(state, name, text, cloud.get()), Error) << name << " " << text;
    EXPECT_EQ(state, SceneState{}) << name << " " << text;
  }
}

}  // namespace
}  // namespace erwin::ui
