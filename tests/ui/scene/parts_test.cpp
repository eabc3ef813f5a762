// Large clouds in parts: what comes out is the whole picture.

#include <gtest/gtest.h>

#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "tests/ui/scene/picture_support.h"

namespace erwin::ui {
namespace {

class Parts : public testing::Test {
protected:
  Parts() {
    data.cloud = make_sample_cloud(150'000);
    data.tree = cloud_tree(*data.cloud);
    data.target = "pressure";
    state.width = 320;
    state.height = 200;
    state.style = PointStyle::Pixels;
    state.camera = camera_from("iso", *data.cloud, 1.6);
    offscreen.scene().update(data, state);
  }
  Picture rendered() {
    offscreen.render();
    return offscreen.picture();
  }
  SceneData data;
  SceneState state;
  OffscreenScene offscreen;
};

TEST_F(Parts, TogetherAreTheWholePicture) {
  offscreen.scene().draw_all();
  const Picture whole = rendered();
  std::vector<std::int64_t> drawn;
  Picture last;
  do {
    offscreen.scene().draw_more(40'000);
    drawn.push_back(offscreen.scene().drawn());
    last = rendered();
    EXPECT_LT(test::difference(rendered(), last), 0.02);  // again: nothing changes
  } while (!offscreen.scene().complete());
  // The first part of a scene's first picture comes twice: with the programs of points, and with those of keeping.
  EXPECT_EQ(drawn, (std::vector<std::int64_t>{40'000, 40'000, 80'000, 120'000, 150'000, 150'000}));
  EXPECT_LT(test::difference(whole, last), 0.2);
}

TEST_F(Parts, TheFirstPointsAreAFairPicture) {
  offscreen.scene().draw_all();
  const Rgb ground = palette_of(Theme::Dark).background;
  const int all = test::pixels_other_than(rendered(), ground);
  offscreen.scene().draw_first(30'000);
  EXPECT_EQ(offscreen.scene().drawn(), 30'000);
  EXPECT_FALSE(offscreen.scene().complete());
  const int some = test::pixels_other_than(rendered(), ground);
  EXPECT_LT(some, all);
  EXPECT_GT(some, 0.8 * all);
}

TEST_F(Parts, AMovedCameraStartsOver) {
  offscreen.scene().draw_more(100'000);
  rendered();
  offscreen.scene().set_camera(camera_from("top", *data.cloud, 1.6));
  EXPECT_EQ(offscreen.scene().drawn(), 0);
  do {
    offscreen.scene().draw_more(100'000);
    rendered();
  } while (!offscreen.scene().complete());
  const Picture parts = offscreen.picture();
  offscreen.scene().draw_all();
  EXPECT_LT(test::difference(rendered(), parts), 0.2);
}

TEST_F(Parts, NewColoursReachEveryPoint) {
  offscreen.scene().draw_all();
  rendered();
  state.map = ColourMap::Grey;
  state.legend = state.axes = state.scale_bar = false;
  offscreen.scene().update(data, state);
  offscreen.scene().draw_all();
  const Picture grey = rendered();
  int coloured = 0;
  for (std::size_t i = 0; i < grey.rgb.size(); i += 3)
    coloured += std::abs(grey.rgb[i] - grey.rgb[i + 1]) > 8 || std::abs(grey.rgb[i] - grey.rgb[i + 2]) > 10;
  EXPECT_EQ(coloured, 0);
}

TEST_F(Parts, AnotherCloudAfterThisOneIsDrawnAsIfItWereTheFirst) {
  offscreen.scene().draw_all();
  rendered();
  SceneData other;
  other.cloud = make_sample_cloud(2000, 7);
  const Picture after = offscreen.draw(other, state);
  OffscreenScene fresh;
  EXPECT_EQ(fresh.draw(other, state).rgb, after.rgb);
}

}  // namespace
}  // namespace erwin::ui
