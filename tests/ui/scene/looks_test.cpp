// Pictures of small clouds whose every pixel can be told beforehand.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/engine/sample_cloud.h"
#include "tests/ui/scene/picture_support.h"
#include "ui/scene/arrow_layer.h"
#include "ui/scene/guide_layer.h"
#include "ui/scene/prepared_points.h"
#include "ui/scene/prepared_surface.h"

namespace erwin::ui {
namespace {

using test::difference;
using test::distance;
using test::pixel;
using test::Stage;

const Rgb dark_ground = palette_of(Theme::Dark).background;

// A square of side 2 in the plane z = 0, its field rising from left (0) to right (1).
PointCloud::Parts square() {
  PointCloud::Parts parts;
  parts.positions = {-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0};
  parts.fields.emplace_back("f", FieldKind::Scalar, 1, std::vector<float>{0, 1, 1, 0});
  parts.cells.quads = {0, 1, 2, 3};
  parts.unit = "m";
  return parts;
}

PointCloud::Parts points_at(std::vector<float> positions) {
  PointCloud::Parts parts;
  parts.positions = std::move(positions);
  return parts;
}

class Looks : public testing::Test {
protected:
  OffscreenScene offscreen;
};

TEST_F(Looks, AFaceShowsTheNumbersInBetweenAndNotColoursInBetween) {
  Stage stage(square(), 4, 400, 400);
  stage.state.cells = CellStyle::Surface;
  stage.state.edl = false;
  stage.state.map = ColourMap::Sequential;
  const Picture picture = offscreen.draw(stage.data, stage.state);
  EXPECT_EQ(offscreen.scene().style(), PointStyle::None);
  // Lit from the eye, the face is as bright everywhere: compare hues by dividing it out.
  for (const double share : {0.1, 0.3, 0.5, 0.7, 0.9}) {
    const Rgb got = pixel(picture, 100 + 200 * share, 200), wanted = map_colour(ColourMap::Sequential, share);
    const double bright = (got.r + got.g + got.b + 1.0) / (wanted.r + wanted.g + wanted.b + 1.0);
    EXPECT_GT(bright, 0.8);
    EXPECT_NEAR(got.r, bright * wanted.r, 6) << share;
    EXPECT_NEAR(got.g, bright * wanted.g, 6) << share;
    EXPECT_NEAR(got.b, bright * wanted.b, 6) << share;
  }
  EXPECT_EQ(pixel(picture, 50, 200), dark_ground);
  EXPECT_EQ(pixel(picture, 200, 350), dark_ground);
}

TEST_F(Looks, StepsOfAFaceAreFlat) {
  Stage stage(square(), 4, 400, 400);
  stage.state.cells = CellStyle::Surface;
  stage.state.edl = false;
  stage.state.steps = 2;
  const Picture picture = offscreen.draw(stage.data, stage.state);
  EXPECT_LE(distance(pixel(picture, 110, 200), pixel(picture, 190, 200)), 2);
  EXPECT_GT(distance(pixel(picture, 190, 200), pixel(picture, 210, 200)), 60);
}

TEST_F(Looks, AWireframeIsEmptyInTheMiddle) {
  Stage stage(square(), 4, 400, 400);
  stage.state.cells = CellStyle::Wireframe;
  const Picture picture = offscreen.draw(stage.data, stage.state);
  EXPECT_EQ(pixel(picture, 180, 230), dark_ground);
  int coloured = 0;
  for (int y = 98; y <= 102; ++y) coloured += pixel(picture, 200, y) != dark_ground;
  EXPECT_GT(coloured, 0);
}

TEST_F(Looks, NormalsPointAcrossTheFaceAndAgree) {
  PointCloud::Parts parts = square();
  parts.cells.quads.clear();
  parts.cells.triangles = {0, 1, 2, 0, 3, 2};  // wound against each other
  const PointCloud cloud(std::move(parts));
  const std::vector<float> normals = point_normals(cloud, 0);
  for (std::size_t point : {0u, 2u}) EXPECT_NEAR(std::abs(normals[3 * point + 2]), 1, 1e-6);
  EXPECT_NEAR(normals[2], normals[8], 1e-6);
}

TEST_F(Looks, ALineIsAStickInTheColoursOfItsEnds) {
  PointCloud::Parts parts;
  parts.positions = {-1, 0, 0, 1, 0, 0};
  parts.fields.emplace_back("f", FieldKind::Scalar, 1, std::vector<float>{0, 1});
  parts.cells.lines = {0, 1};
  Stage stage(std::move(parts), 4, 400, 400);
  stage.state.style = PointStyle::None;
  stage.state.edl = false;
  const Picture picture = offscreen.draw(stage.data, stage.state);
  const Rgb left = pixel(picture, 150, 200), right = pixel(picture, 250, 200);
  EXPECT_GT(left.b, left.g);    // dark violet
  EXPECT_GT(right.g, right.b);  // yellow
  EXPECT_EQ(pixel(picture, 50, 200), dark_ground);
  stage.state.cells = CellStyle::Off;
  EXPECT_EQ(test::pixels_other_than(offscreen.draw(stage.data, stage.state), dark_ground), 0);
}

TEST_F(Looks, ArrowsPointWhereTheFieldPoints) {
  PointCloud::Parts parts;
  parts.positions = {-1, 0, 0, 1, 0, 0};
  parts.fields.emplace_back("v", FieldKind::Vector, 3, std::vector<float>{0, 2, 0, 0, -1, 0});
  Stage stage(std::move(parts), 4, 400, 400);
  stage.state.style = PointStyle::None;
  stage.state.arrows = "v";
  stage.state.arrow_length = 1;
  const Picture picture = offscreen.draw(stage.data, stage.state);
  const auto drawn_in = [&](int x0, int x1, int y0, int y1) {
    int count = 0;
    for (int y = y0; y < y1; ++y)
      for (int x = x0; x < x1; ++x) count += pixel(picture, x, y) != dark_ground;
    return count;
  };
  EXPECT_GT(drawn_in(50, 150, 100, 195), 30);  // the left one up
  EXPECT_EQ(drawn_in(50, 150, 205, 399), 0);
  EXPECT_GT(drawn_in(250, 350, 205, 300), 15);  // the right one down, half as long
  EXPECT_EQ(drawn_in(250, 350, 0, 195), 0);
  ASSERT_TRUE(offscreen.scene().legend().scale);
  EXPECT_EQ(offscreen.scene().legend().scale->title, "v (length)");
  EXPECT_FALSE(offscreen.scene().legend().arrows) << "the points' colours say the same";
  stage.state.arrow_component = 1;
  offscreen.draw(stage.data, stage.state);
  ASSERT_TRUE(offscreen.scene().legend().arrows);
  EXPECT_EQ(offscreen.scene().legend().arrows->title, "v [1]");
  EXPECT_EQ(offscreen.scene().legend().arrows->maximum, 2);
}

TEST_F(Looks, BallsOfAChainLeaveRoomForItsBonds) {
  PointCloud::Parts parts;
  for (int i = 0; i < 20; ++i) parts.positions.insert(parts.positions.end(), {0.1f * static_cast<float>(i), 0, 0});
  parts.fields.emplace_back("f", FieldKind::Scalar, 1, std::vector<float>(20, 1.f));
  const double without = point_spacing(PointCloud(PointCloud::Parts(parts)), 0);
  for (std::uint32_t i = 0; i + 1 < 20; ++i) parts.cells.lines.insert(parts.cells.lines.end(), {i, i + 1});
  EXPECT_GT(without, 0.05);
  EXPECT_NEAR(point_spacing(PointCloud(std::move(parts)), 0), 0.03, 1e-6);
}

TEST_F(Looks, ManyArrowsAreAnEvenSubsetAndTheLegendSaysSo) {
  PointCloud::Parts parts;
  std::vector<float> vectors;
  for (int i = 0; i < 5000; ++i) {
    parts.positions.insert(parts.positions.end(), {static_cast<float>(i) / 2500 - 1, 0, 0});
    vectors.insert(vectors.end(), {0, 1});
  }
  parts.fields.emplace_back("v", FieldKind::Vector, 2, vectors);
  Stage stage(std::move(parts), 4, 400, 400);
  stage.state.arrows = "v";
  stage.state.arrow_count = 10;
  offscreen.draw(stage.data, stage.state);
  const auto& notes = offscreen.scene().legend().notes;
  EXPECT_NE(std::find(notes.begin(), notes.end(), "arrows at 10 of 5000"), notes.end());
}

TEST_F(Looks, DepthLightingDarkensWhatLiesBehindAnEdgeAndNothingElse) {
  PointCloud::Parts parts;  // a large far square and a small near one
  parts.positions = {-1.5f, -1.5f, -3, 1.5f, -1.5f, -3, 1.5f, 1.5f, -3, -1.5f, 1.5f, -3,
                     -0.5f, -0.5f, 2,  0.5f, -0.5f, 2,  0.5f, 0.5f, 2,  -0.5f, 0.5f, 2};
  parts.cells.quads = {0, 1, 2, 3, 4, 5, 6, 7};
  Stage stage(std::move(parts), 4, 400, 400);
  stage.state.cells = CellStyle::Surface;
  const Picture with = offscreen.draw(stage.data, stage.state);
  stage.state.edl = false;
  const Picture without = offscreen.draw(stage.data, stage.state);
  const auto brightness = [](Rgb c) { return c.r + c.g + c.b; };
  // The near square spans pixels 150 to 250.
  EXPECT_LT(brightness(pixel(with, 149, 200)), 0.6 * brightness(pixel(without, 149, 200)));
  for (const double x : {70.0, 100.0, 140.0, 152.0, 200.0, 248.0, 300.0})
    EXPECT_EQ(pixel(with, x, 200), pixel(without, x, 200)) << x;
  EXPECT_EQ(pixel(with, 20, 20), dark_ground);
}

TEST_F(Looks, ParallelLinesStayParallelAndTheScaleBarIsTrue) {
  PointCloud::Parts parts;
  parts.positions = {-0.5f, 0, 5, 0.5f, 0, 5, -0.5f, 1, -5, 0.5f, 1, -5};
  parts.unit = "m";
  Stage stage(std::move(parts), 4, 600, 400);
  stage.state.point_size = 0.1;
  offscreen.draw(stage.data, stage.state);
  auto at = offscreen.scene().locate({0, 1, 2, 3});
  const double near = at[1].x - at[0].x, far = at[3].x - at[2].x;
  EXPECT_NEAR(near, 100, 1e-3);  // 4 m are 400 pixels
  EXPECT_NEAR(far, near, 1e-3);
  const ScaleBar bar = scale_bar_for(pixel_size_at(stage.state.camera.focus, stage.state), "m", 120);
  EXPECT_EQ(bar.label, "1 m");
  EXPECT_NEAR(bar.pixels, 100, 1e-3);
  stage.state.projection = Projection::Perspective;
  offscreen.draw(stage.data, stage.state);
  at = offscreen.scene().locate({0, 1, 2, 3});
  EXPECT_NEAR((at[1].x - at[0].x) / (at[3].x - at[2].x), 3, 1e-3);  // 5 and 15 from the eye
}

TEST_F(Looks, ARayThroughAPixelMeetsThePointThatIsSeenThere) {
  for (const Projection projection : {Projection::Orthographic, Projection::Perspective}) {
    Stage stage(points_at({0.7f, -0.4f, 1, -1.2f, 0.9f, -2}), 4, 600, 400);
    stage.state.projection = projection;
    offscreen.draw(stage.data, stage.state);
    const auto at = offscreen.scene().locate({0, 1});
    for (std::size_t i = 0; i < 2; ++i) {
      const PickRay ray = offscreen.scene().ray_at(at[i].x, at[i].y, 2);
      const auto p = stage.data.cloud->position(static_cast<std::int64_t>(i));
      double along = 0, length = 0, away = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        along += (p[k] - ray.origin[k]) * ray.direction[k];
        length += ray.direction[k] * ray.direction[k];
      }
      for (std::size_t k = 0; k < 3; ++k) away += std::pow(ray.origin[k] + along / length * ray.direction[k] - p[k], 2);
      EXPECT_LT(std::sqrt(away), 1e-4);
    }
  }
}

TEST_F(Looks, SpheresReachIntoEachOtherAndDiscsDoNot) {
  // The left ball is nearer, the right one larger on the screen where they meet by its bulge.
  Stage stage(points_at({-0.3f, 0, 0.1f, 0.3f, 0, 0}), 4, 400, 400);
  stage.state.colour_by = ColourBy::Field;
  stage.state.edl = false;
  for (const PointStyle style : {PointStyle::Spheres, PointStyle::Round, PointStyle::Pixels}) {
    stage.state.style = style;
    const Picture picture = offscreen.draw(stage.data, stage.state);
    const auto at = offscreen.scene().locate({0, 1});
    for (const auto& point : at)
      if (point.visible) {
        EXPECT_LE(distance(pixel(picture, point.x, point.y), point.colour), 2);
      }
    EXPECT_TRUE(at[0].visible);
  }
}

TEST_F(Looks, HiddenPointsLeaveNoPixel) {
  Stage stage(points_at({0, 0, 0, 1, 0, 0}), 4, 400, 400);
  for (const PointStyle style : {PointStyle::Spheres, PointStyle::Round, PointStyle::Pixels}) {
    stage.state.style = style;
    auto prepared = std::make_shared<PreparedPoints>(*prepare_points(stage.data, stage.state, nullptr));
    prepared->colours.sizes = {0, 1};
    offscreen.scene().update(stage.data, stage.state, prepared);
    offscreen.scene().draw_all();
    offscreen.render();
    const Picture picture = offscreen.picture();
    const auto at = offscreen.scene().locate({0, 1});
    EXPECT_EQ(pixel(picture, at[0].x, at[0].y), dark_ground);
    EXPECT_NE(pixel(picture, at[1].x, at[1].y), dark_ground);
    EXPECT_FALSE(at[0].visible);
    EXPECT_TRUE(at[1].visible);
    EXPECT_EQ(offscreen.scene().disc_at(at[0].x, at[0].y), -1);
  }
}

TEST_F(Looks, FramesMoveThePoints) {
  PointCloud::Parts parts;
  parts.frames = 2;
  parts.positions = {-1, 0, 0, -1, 0.5f, 0, 1, 0, 0, 1, 0.5f, 0};
  Stage stage(std::move(parts), 4, 400, 400);
  stage.state.point_size = 0.3;
  EXPECT_NE(pixel(offscreen.draw(stage.data, stage.state), 100, 200), dark_ground);
  stage.state.frame = 1;
  const Picture later = offscreen.draw(stage.data, stage.state);
  EXPECT_EQ(pixel(later, 100, 200), dark_ground);
  EXPECT_NE(pixel(later, 300, 200), dark_ground);
}

// Relative luminance and contrast of WCAG 2.
double contrast(Rgb a, Rgb b) {
  const auto luminance = [](Rgb c) {
    const auto linear = [](double v) {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b);
  };
  const double x = luminance(a), y = luminance(b);
  return (std::max(x, y) + 0.05) / (std::min(x, y) + 0.05);
}

TEST_F(Looks, AxesAreReadableAndShown) {
  for (const Theme theme : {Theme::Dark, Theme::Light}) {
    const Rgb ground = palette_of(theme).background;
    for (const Rgb& colour : axis_colours(theme)) EXPECT_GE(contrast(colour, ground), 4.5);
    Stage stage(points_at({0, 0, 0}), 4, 400, 400);
    stage.state.theme = theme;
    stage.state.style = PointStyle::None;
    EXPECT_EQ(test::pixels_other_than(offscreen.draw(stage.data, stage.state), ground), 0);
    stage.state.axes = true;
    const Picture axes = offscreen.draw(stage.data, stage.state);
    std::set<int> found;  // z points at the eye
    for (int y = 200; y < 400; ++y)
      for (int x = 0; x < 200; ++x)
        for (int k = 0; k < 2; ++k)
          if (pixel(axes, x, y) == axis_colours(theme)[static_cast<std::size_t>(k)]) found.insert(k);
    EXPECT_EQ(found.size(), 2u);
  }
}

TEST_F(Looks, TheCameraComesNearABallAndKeepsItsDirection) {
  const auto cloud = make_sample_cloud(500);
  const Camera from = camera_from("iso", *cloud, 1.6);
  const std::vector<std::int32_t> some{3, 4, 5};
  const Camera to = aim_at(from, *cloud, some, 0);
  Vec3 a, b;
  for (std::size_t k = 0; k < 3; ++k) a[k] = from.position[k] - from.focus[k], b[k] = to.position[k] - to.focus[k];
  const double la = std::hypot(a[0], a[1], a[2]), lb = std::hypot(b[0], b[1], b[2]);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(a[k] / la, b[k] / lb, 1e-9);
  for (const std::int32_t point : some) {  // all of them within the view's cone
    const auto p = cloud->position(point);
    Vec3 d;
    double depth = 0, size = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      d[k] = p[k] - cloud->origin()[k] - to.position[k];
      depth -= d[k] * b[k] / lb;
      size += d[k] * d[k];
    }
    EXPECT_LT(std::sqrt(size - depth * depth) / depth, std::tan(to.view_angle / 2 / 57.29577951308232));
  }
  EXPECT_EQ(aim_at(from, *cloud, {}, 0), from);
}

}  // namespace
}  // namespace erwin::ui
