#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/base/error.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "core/io/open.h"
#include "tests/support/shared_data.h"
#include "ui/scene/point_colours.h"

namespace erwin::ui {
namespace {

SceneData sample_data(std::int64_t points = 2000) {
  SceneData data;
  data.cloud = make_sample_cloud(points);
  data.tree = cloud_tree(*data.cloud);
  data.target = "pressure";
  return data;
}

// Relative luminance of WCAG 2.
double luminance(Rgb c) {
  const auto linear = [](double v) {
    v /= 255;
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
}

double contrast(Rgb a, Rgb b) {
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST(ColourMaps, SequentialAndHeatGrowBrighterAllTheWay) {
  for (const ColourMap map : {ColourMap::Sequential, ColourMap::Heat})
    for (int i = 0; i < 100; ++i)
      EXPECT_LT(luminance(map_colour(map, i / 100.0)), luminance(map_colour(map, (i + 1) / 100.0)) + 1e-3)
          << name_of(map) << i;
}

TEST(ColourMaps, DivergingIsPaleInTheMiddleAndCutAtTheEnds) {
  const Rgb low = map_colour(ColourMap::Diverging, 0), middle = map_colour(ColourMap::Diverging, 0.5),
            high = map_colour(ColourMap::Diverging, 1);
  EXPECT_GT(luminance(middle), 0.7);
  EXPECT_GT(low.b, low.r);
  EXPECT_GT(high.r, high.b);
  EXPECT_EQ(map_colour(ColourMap::Diverging, -3), low);
  EXPECT_EQ(map_colour(ColourMap::Diverging, 7), high);
}

TEST(Themes, TextIsReadable) {
  for (const Theme theme : {Theme::Dark, Theme::Light}) {
    const Palette p = palette_of(theme);
    EXPECT_GE(contrast(p.text, p.background), 7);                    // WCAG AAA
    EXPECT_GE(contrast(p.faint, p.background), 4.5);                 // WCAG AA
    EXPECT_GE(contrast(p.ball, p.background), 3);                    // graphics
    EXPECT_GE(contrast(rank_colour(0, 8, theme), p.background), 7);  // the best rank stands out
  }
}

TEST(PointColours, FieldEndsGetTheMapsEnds) {
  const SceneData data = sample_data();
  SceneState state;
  const PointColours made = colour_points(data, state);
  const auto values = data.cloud->field("pressure")->values();
  const auto low = static_cast<std::size_t>(std::min_element(values.begin(), values.end()) - values.begin());
  const auto high = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  EXPECT_EQ(made.rgb[low], map_colour(ColourMap::Sequential, 0));
  EXPECT_EQ(made.rgb[high], map_colour(ColourMap::Sequential, 1));
  ASSERT_TRUE(made.legend.scale);
  EXPECT_EQ(made.legend.scale->unit, "Pa");
  EXPECT_FLOAT_EQ(static_cast<float>(made.legend.scale->maximum), values[high]);
}

TEST(PointColours, NonFiniteValuesAreGreyAndSaidSo) {
  PointCloud::Parts parts;
  parts.positions = {0, 0, 0, 1, 0, 0, 0, 1, 0};
  parts.fields.emplace_back("f", FieldKind::Scalar, 1,
                            std::vector<float>{1, std::numeric_limits<float>::quiet_NaN(), 2});
  SceneData data;
  data.cloud = std::make_shared<PointCloud>(std::move(parts));
  SceneState state;
  state.colour_by = ColourBy::Field;
  state.field = "f";
  const PointColours made = colour_points(data, state);
  EXPECT_EQ(made.rgb[1], (Rgb{128, 128, 128}));
  ASSERT_EQ(made.legend.notes.size(), 1u);
}

TEST(PointColours, EveryPointOfABallHasItsColourAndNeighboursDiffer) {
  const SceneData data = sample_data(4096);
  SceneState state;
  state.colour_by = ColourBy::Balls;
  state.level = 5;
  const PointColours made = colour_points(data, state);
  const TreeLevel& level = data.tree->levels[5];
  std::vector<std::int64_t> ball_of(4096);
  for (std::int64_t ball = 0; ball < level.size(); ++ball)
    for (auto s = level.slot_begin[static_cast<std::size_t>(ball)];
         s < level.slot_begin[static_cast<std::size_t>(ball) + 1]; ++s)
      if (data.tree->slot_mask[static_cast<std::size_t>(s)])
        ball_of[static_cast<std::size_t>(data.tree->slot_point[static_cast<std::size_t>(s)])] = ball;
  std::map<std::int64_t, Rgb> colour_of_ball;
  for (std::size_t i = 0; i < 4096; ++i) {
    const auto [entry, is_new] = colour_of_ball.try_emplace(ball_of[i], made.rgb[i]);
    ASSERT_EQ(entry->second, made.rgb[i]);
  }
  EXPECT_EQ(colour_of_ball.size(), 32u);
  // Of points whose nearest point lies in another ball, that one has another colour.
  int borders = 0, same = 0;
  for (std::size_t i = 0; i < 4096; ++i) {
    const auto a = data.cloud->position(static_cast<std::int64_t>(i));
    double best = std::numeric_limits<double>::infinity();
    std::size_t nearest = 0;
    for (std::size_t j = 0; j < 4096; ++j) {
      const auto b = data.cloud->position(static_cast<std::int64_t>(j));
      const double d = std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
      if (j != i && d < best) best = d, nearest = j;
    }
    if (ball_of[nearest] == ball_of[i]) continue;
    ++borders;
    same += made.rgb[nearest] == made.rgb[i];
  }
  EXPECT_GT(borders, 200);
  EXPECT_EQ(same, 0);
}

TEST(PointColours, SelectedBlocksCarryTheirRankAndTheRestFades) {
  SceneData data = sample_data();
  auto query = std::make_shared<QueryView>();
  query->request.point = 3;
  query->ball = {3, 4, 5};
  query->blocks = {{7, 0, 2.0f, 0.5, {10, 11}}, {9, 1, 1.0f, 0.2, {20, 21}}};
  data.query = query;
  SceneState state;
  state.query.point = 3;
  const PointColours marked = colour_points(data, state);
  state.marks = SelectionMarks::Off;
  const PointColours plain = colour_points(data, state);
  EXPECT_EQ(marked.rgb[10], rank_colour(0, 2, Theme::Dark));
  EXPECT_EQ(marked.rgb[21], rank_colour(1, 2, Theme::Dark));
  EXPECT_EQ(marked.rgb[4], plain.rgb[4]);
  EXPECT_EQ(marked.rgb[100], mix(plain.rgb[100], palette_of(Theme::Dark).background, state.dim));
}

TEST(Camera, PresetsFitAndTextIsChecked) {
  const auto cloud = make_sample_cloud(500);
  for (const char* name : {"iso", "front", "back", "left", "right", "top", "bottom", "30,-20"}) {
    const Camera camera = camera_from(name, *cloud, 1.6);
    for (const double x : camera.position) EXPECT_TRUE(std::isfinite(x)) << name;
  }
  EXPECT_LT(camera_from("front", *cloud, 1.6).position[0], -2.1);  // before the nose, which is at -x
  EXPECT_GT(camera_from("top", *cloud, 1.6).position[2], 1.5);
  const Camera camera = camera_from("iso", *cloud, 1.6);
  EXPECT_EQ(camera_from(to_string(camera), *cloud, 1), camera);
  for (const char* bad : {"", "sideways", "1,2,3", "1,x", "nan,0"})
    EXPECT_THROW(camera_from(bad, *cloud, 1), Error) << bad;
}

TEST(Camera, ShortestAxisPointsUp) {
  EXPECT_EQ(guess_up_axis({{0, 0, 0}, {2, 1, 4}}), 1);
  EXPECT_EQ(guess_up_axis({{0, 0, 0}, {1, 1, 1}}), 2);
}

TEST(Camera, OnePointIsStillLookedAt) {
  PointCloud::Parts parts;
  parts.positions = {5, 6, 7};
  const PointCloud cloud(std::move(parts));
  const Camera camera = fit_camera(cloud, 10, 20, 1);
  EXPECT_NE(camera.position, camera.focus);
}

}  // namespace
}  // namespace erwin::ui
