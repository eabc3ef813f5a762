// Faces made ready to draw, and drawn in parts.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "tests/ui/scene/picture_support.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/scene/prepared_points.h"

namespace erwin::ui {
namespace {

// A wavy sheet of squares, as quads, and one triangle more.
PointCloudPtr sheet(std::uint32_t side) {
  PointCloud::Parts parts;
  std::vector<float> height;
  for (std::uint32_t y = 0; y < side; ++y)
    for (std::uint32_t x = 0; x < side; ++x) {
      const float u = static_cast<float>(x) / static_cast<float>(side),
                  v = static_cast<float>(y) / static_cast<float>(side);
      height.push_back(0.1f * std::sin(9 * u) * std::cos(7 * v));
      parts.positions.insert(parts.positions.end(), {u, v, height.back()});
    }
  for (std::uint32_t y = 0; y + 1 < side; ++y)
    for (std::uint32_t x = 0; x + 1 < side; ++x) {
      const std::uint32_t corner = y * side + x;
      parts.cells.quads.insert(parts.cells.quads.end(), {corner, corner + 1, corner + side + 1, corner + side});
    }
  parts.cells.triangles = {0, 1, side};
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(height));
  return std::make_shared<PointCloud>(std::move(parts));
}

// Every face of the cloud once, whichever pile it came to.
void expect_all_faces(const FacePiles& faces) {
  std::map<std::vector<std::uint32_t>, int> expected, found;
  const Cells& cells = faces.cloud->cells();
  for (std::size_t i = 0; i + 4 <= cells.quads.size(); i += 4)
    ++expected[{cells.quads.begin() + static_cast<std::ptrdiff_t>(i),
                cells.quads.begin() + static_cast<std::ptrdiff_t>(i + 4)}];
  ++expected[cells.triangles];
  for (const FacePiles::Pile& pile : faces.piles)
    for (std::size_t face = 0; face + 1 < pile.begin.size(); ++face) {
      std::vector<std::uint32_t> corners;
      for (auto i = pile.begin[face]; i < pile.begin[face + 1]; ++i)
        corners.push_back(pile.points.at(static_cast<std::size_t>(pile.corners[static_cast<std::size_t>(i)])));
      ++found[corners];
    }
  EXPECT_EQ(found, expected);
}

TEST(FacePiles, HoldEveryFaceOnce) {
  const FacePiles few = deal_faces(sheet(20));
  EXPECT_EQ(few.piles.size(), 1u);
  EXPECT_EQ(few.piles.front().points.size(), 400u);
  expect_all_faces(few);
  const FacePiles many = deal_faces(sheet(350));
  ASSERT_GT(many.piles.size(), 1u);
  expect_all_faces(many);
  // Each is a fair subset: as large as the others, and all over the sheet.
  for (const FacePiles::Pile& pile : many.piles) {
    EXPECT_NEAR(static_cast<double>(pile.begin.size()) * static_cast<double>(many.piles.size()), 349.0 * 349, 9000);
    const auto [low, high] = std::minmax_element(pile.points.begin(), pile.points.end());
    EXPECT_GT(*high - *low, 350u * 300);
  }
}

class SurfaceInParts : public testing::Test {
protected:
  SurfaceInParts() {
    data.cloud = sheet(350);
    state.cells = CellStyle::Surface;
    state.colour_by = ColourBy::Field;
    state.field = "height";
    state.width = 320;
    state.height = 240;
    state.camera = camera_from("iso", *data.cloud, 320.0 / 240);
  }
  OffscreenScene offscreen;
  SceneData data;
  SceneState state;
};

TEST_F(SurfaceInParts, ComeToTheWholePicture) {
  for (const CellStyle style : {CellStyle::Surface, CellStyle::Wireframe}) {
    state.cells = style;
    const Picture whole = offscreen.draw(data, state);
    Scene& scene = offscreen.scene();
    scene.set_camera(state.camera);
    int parts = 0;
    do {
      scene.draw_more(data.cloud->size() / 7);
      offscreen.render();
      ++parts;
    } while (!scene.complete());
    EXPECT_GE(parts, 7);
    EXPECT_LE(test::difference(offscreen.picture(), whole), 0.5);
  }
}

TEST_F(SurfaceInParts, AShareOfThemIsAFairSubset) {
  const Rgb ground = palette_of(state.theme).background;
  const Picture whole = offscreen.draw(data, state);
  Scene& scene = offscreen.scene();
  scene.draw_first(data.cloud->size() / 4);
  offscreen.render();
  const Picture some = offscreen.picture();
  const int all = test::pixels_other_than(whole, ground), drawn = test::pixels_other_than(some, ground);
  EXPECT_LT(drawn, 0.75 * all);
  EXPECT_GT(drawn, 0.1 * all);
  scene.draw_all();
  offscreen.render();
  EXPECT_EQ(offscreen.picture().rgb, whole.rgb);
}

TEST_F(SurfaceInParts, ShapeAndFacesStayWhileOnlyColoursChange) {
  const auto first = prepare_points(data, state, nullptr);
  ASSERT_TRUE(first->surface);
  state.map = ColourMap::Cividis;
  const auto second = prepare_points(data, state, first);
  EXPECT_EQ(second->surface->shape, first->surface->shape);
  state.cells = CellStyle::Off;
  EXPECT_FALSE(prepare_points(data, state, second)->surface);
}

}  // namespace
}  // namespace erwin::ui
