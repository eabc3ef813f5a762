// Pictures by their content: what the scene says is drawn at a pixel is drawn there.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "core/io/open.h"
#include "tests/support/shared_data.h"
#include "ui/scene/offscreen_scene.h"

namespace erwin::ui {
namespace {

Rgb pixel(const Picture& picture, int x, int y) {
  const auto at =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture.width) + static_cast<std::size_t>(x)) * 3;
  return {picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]};
}

int distance(Rgb a, Rgb b) {
  return std::max({std::abs(a.r - b.r), std::abs(a.g - b.g), std::abs(a.b - b.b)});
}

class Offscreen : public testing::Test {
protected:
  void use(PointCloudPtr cloud, const std::string& target) {
    data.cloud = std::move(cloud);
    data.tree = cloud_tree(*data.cloud);
    data.target = target;
    state.width = 640;
    state.height = 400;
    state.axes = state.scale_bar = false;  // or they cover points
    state.camera = camera_from("iso", *data.cloud, 1.6);
  }

  // Share of the visible points whose pixel carries their colour.
  double agreement(const Picture& picture, const Scene& scene, int& visible) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(data.cloud->size()));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    visible = 0;
    int right = 0;
    for (const Scene::Located& at : scene.locate(all)) {
      if (!at.visible) continue;
      ++visible;
      right += distance(pixel(picture, static_cast<int>(at.x), static_cast<int>(at.y)), at.colour) <= 3;
    }
    return static_cast<double>(right) / std::max(1, visible);
  }

  SceneData data;
  SceneState state;
  OffscreenScene offscreen;
};

TEST_F(Offscreen, VisiblePointsCarryTheirColourAndTheRestIsBackground) {
  use(make_sample_cloud(1500), "pressure");
  state.legend = false;
  const Picture picture = offscreen.draw(data, state);
  int visible = 0;
  EXPECT_GT(agreement(picture, offscreen.scene(), visible), 0.99);
  EXPECT_GT(visible, 100);
  const Rgb background = palette_of(Theme::Dark).background;
  for (const auto& [x, y] : {std::pair{2, 2}, {637, 2}, {2, 397}, {637, 397}})
    EXPECT_EQ(pixel(picture, x, y), background);
}

TEST_F(Offscreen, ARealCarShowsItsPressure) {
  ERWIN_SHARED_OR_SKIP(path, "data/car/shapenet_car_cgns/train_00.cgns");
  use(io::open(path), "pressure");
  state.legend = false;  // or it covers the points behind it
  const Picture picture = offscreen.draw(data, state);
  int visible = 0;
  EXPECT_GT(agreement(picture, offscreen.scene(), visible), 0.99);
  EXPECT_GT(visible, 200);
}

TEST_F(Offscreen, BallsUseManyColoursAndLevelZeroOne) {
  use(make_sample_cloud(1500), "pressure");
  state.colour_by = ColourBy::Balls;
  for (const int level : {0, 4}) {
    state.level = level;
    offscreen.draw(data, state);
    std::set<std::array<int, 3>> colours;
    for (const Rgb& c : offscreen.scene().colours().rgb) colours.insert({c.r, c.g, c.b});
    if (level == 0)
      EXPECT_EQ(colours.size(), 1u);
    else
      EXPECT_GE(colours.size(), 5u);
  }
}

TEST_F(Offscreen, TheQuerysRingIsDrawnEvenWhereOtherPointsHideIt) {
  use(make_sample_cloud(1500), "pressure");
  for (const std::int64_t point : {0, 100, 700, 1400}) {
    state.query.point = point;
    const Picture picture = offscreen.draw(data, state);
    const auto at = offscreen.scene().locate({point})[0];
    if (!at.inside) continue;
    int white = 0;
    for (int dy = -10; dy <= 10; ++dy)
      for (int dx = -10; dx <= 10; ++dx) {
        const int x = static_cast<int>(at.x) + dx, y = static_cast<int>(at.y) + dy;
        if (x >= 0 && y >= 0 && x < picture.width && y < picture.height)
          white += pixel(picture, x, y) == Rgb{255, 255, 255};
      }
    EXPECT_GT(white, 30) << point;
  }
}

TEST_F(Offscreen, SameStateSamePixels) {
  use(make_sample_cloud(1500), "pressure");
  const Picture first = offscreen.draw(data, state);
  SceneState other = state;
  other.theme = Theme::Light;
  other.camera = camera_from("top", *data.cloud, 1.6);
  EXPECT_NE(offscreen.draw(data, other).rgb, first.rgb);
  EXPECT_EQ(offscreen.draw(data, state).rgb, first.rgb);
}

TEST_F(Offscreen, LegendIsInsideThePicture) {
  use(make_sample_cloud(500), "pressure");
  state.axes = state.scale_bar = true;
  state.camera = zoom(state.camera, 0.05);  // the cloud shrinks to a dot
  const Picture picture = offscreen.draw(data, state);
  const Rgb background = palette_of(Theme::Dark).background;
  bool right_half = false;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      if (pixel(picture, x, y) == background) continue;
      EXPECT_TRUE(x > 3 && y > 3 && x < picture.width - 4 && y < picture.height - 4) << x << " " << y;
      right_half |= x > 480;
    }
  EXPECT_TRUE(right_half);
}

TEST_F(Offscreen, RefusesSillySizes) {
  use(make_sample_cloud(500), "pressure");
  state.width = 100'000;
  EXPECT_THROW(offscreen.draw(data, state), Error);
  state.width = 0;
  EXPECT_THROW(offscreen.draw(data, state), Error);
}

TEST_F(Offscreen, OnePointAndFlatCloudsAreDrawn) {
  PointCloud::Parts one;
  one.positions = {5, 6, 7};
  use(std::make_shared<PointCloud>(std::move(one)), "");
  state.legend = false;
  Picture picture = offscreen.draw(data, state);
  EXPECT_NE(pixel(picture, 320, 200), palette_of(Theme::Dark).background);
  PointCloud::Parts flat;
  flat.dimension = 2;
  for (int i = 0; i < 100; ++i)
    flat.positions.insert(flat.positions.end(), {static_cast<float>(i % 10), static_cast<float>(i / 10), 0});
  use(std::make_shared<PointCloud>(std::move(flat)), "");
  picture = offscreen.draw(data, state);
  int visible = 0;
  EXPECT_GT(agreement(picture, offscreen.scene(), visible), 0.99);
  EXPECT_EQ(visible, 100);
}

}  // namespace
}  // namespace erwin::ui
