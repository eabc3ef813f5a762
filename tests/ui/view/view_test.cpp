// The view alone under an X server (Xvfb will do), driven by real mouse and key events.

#include <gtest/gtest.h>

#include <QApplication>
#include <QSignalSpy>
#include <QTest>
#include <QWheelEvent>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>

#include "core/engine/cloud_tree.h"
#include "core/engine/sample_cloud.h"
#include "ui/scene/scene_view.h"
#include "ui/window/application.h"

namespace erwin::ui {
namespace {

QApplication& application() {
  static int argc = 1;
  static char name[] = "test_view";
  static char* argv[] = {name, nullptr};
  static QApplication* const made = [] {
    QSurfaceFormat::setDefaultFormat(SceneView::surface_format());
    return new QApplication(argc, argv);
  }();
  return *made;
}

class View : public testing::Test {
protected:
  void SetUp() override {
    if (!has_display()) {
      const char* required = std::getenv("ERWINSCOPE_REQUIRE_DISPLAY");
      if (required && std::string(required) == "1") FAIL() << "ERWINSCOPE_REQUIRE_DISPLAY=1, but DISPLAY is not set";
      GTEST_SKIP() << "DISPLAY is not set: run under xvfb-run with QT_QPA_PLATFORM=xcb";
    }
    application();
    view = std::make_unique<SceneView>();
    view->resize(800, 600);
    view->show();
    ASSERT_TRUE(QTest::qWaitForWindowExposed(view.get(), 10000));
    QApplication::setActiveWindow(view.get());
    view->setFocus();
    // As the window does: what an instrument edits is shown.
    QObject::connect(view.get(), &SceneView::state_edited, view.get(), [this](const SceneState& edited) {
      state = edited;
      view->show_scene(data, state);
    });
  }

  void show(PointCloudPtr cloud) {
    data.tree = cloud_tree(*cloud);
    data.cloud = std::move(cloud);
    view->set_pick_tree(data.tree);
    view->show_scene(data, state);
    ASSERT_TRUE(settle());
  }

  bool settle() {
    if (!QTest::qWaitFor([this] { return view->settled(); }, 30000)) return false;
    QSignalSpy painted(view.get(), &SceneView::painted);
    view->update();
    return painted.wait(10000);
  }

  const Camera& camera() const { return view->scene().state().camera; }

  std::pair<std::int64_t, QPoint> visible_point() {
    std::vector<std::int64_t> all(static_cast<std::size_t>(data.cloud->size()));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    const auto located = view->scene().locate(all);
    for (std::size_t i = 0; i < located.size(); ++i) {
      const QPoint at(static_cast<int>(located[i].x), static_cast<int>(located[i].y));
      if (located[i].visible && !view->covered_by_strip(at)) return {static_cast<std::int64_t>(i), at};
    }
    return {-1, {}};
  }

  SceneData data;
  SceneState state;
  std::unique_ptr<SceneView> view;
};

// A few hundred points that move along x from frame to frame.
PointCloudPtr moving_cloud(std::int64_t frames) {
  const auto still = make_sample_cloud(400);
  PointCloud::Parts parts;
  parts.frames = frames;
  std::vector<float> values;
  for (std::int64_t frame = 0; frame < frames; ++frame)
    for (std::int64_t i = 0; i < still->size(); ++i) {
      const float* p = &still->positions()[3 * static_cast<std::size_t>(i)];
      parts.positions.insert(parts.positions.end(), {p[0] + 0.1f * static_cast<float>(frame), p[1], p[2]});
      values.push_back(static_cast<float>(frame));
    }
  parts.fields.emplace_back("time", FieldKind::Scalar, 1, std::move(values), "s", 0, frames);
  return std::make_shared<PointCloud>(std::move(parts));
}

TEST_F(View, TheCardUnderTheCursorNamesThePoint) {
  show(make_sample_cloud(2000));
  const auto [point, at] = visible_point();
  ASSERT_GE(point, 0);
  QTest::mouseMove(view.get(), at);
  ASSERT_TRUE(QTest::qWaitFor([&] { return view->probe_card() != nullptr; }, 10000));
  EXPECT_EQ(view->probe_card()->point, point);
  EXPECT_EQ(view->probe_card()->title, "point " + std::to_string(point));
  // A press on the card's place is a press on the scene.
  EXPECT_FALSE(view->covered_by_strip(at + QPoint(24, 24)));
  // Away from the cloud it goes.
  QTest::mouseMove(view.get(), QPoint(790, 590));
  EXPECT_TRUE(QTest::qWaitFor([&] { return view->probe_card() == nullptr; }, 10000));
  view->set_probe(false);
  QTest::mouseMove(view.get(), at);
  QTest::qWait(600);
  EXPECT_EQ(view->probe_card(), nullptr);
}

TEST_F(View, KeysTurnShiftAndZoom) {
  show(make_sample_cloud(500));
  const Camera start = camera();
  QTest::keyClick(view.get(), Qt::Key_Right);
  const Camera right = camera();
  EXPECT_NE(right.position, start.position);
  EXPECT_EQ(right.focus, start.focus);
  QTest::keyClick(view.get(), Qt::Key_Left);
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(camera().position[k], start.position[k], 1e-9);
  QTest::keyClick(view.get(), Qt::Key_Up);
  EXPECT_NE(camera().position, start.position);
  QTest::keyClick(view.get(), Qt::Key_Right, Qt::ShiftModifier);
  EXPECT_NE(camera().focus, start.focus);
  const auto distance = [&] {
    const Camera& c = camera();
    return std::hypot(c.position[0] - c.focus[0], c.position[1] - c.focus[1], c.position[2] - c.focus[2]);
  };
  const double before = distance();
  QTest::keyClick(view.get(), Qt::Key_Plus);
  EXPECT_NEAR(distance(), before / 1.12, 1e-9);
  QTest::keyClick(view.get(), Qt::Key_Minus);
  EXPECT_NEAR(distance(), before, 1e-9);
  QTest::keyClick(view.get(), Qt::Key_Home);
  EXPECT_EQ(camera(), start);
}

TEST_F(View, TheTimeBarPlaysStepsAndScrubs) {
  show(moving_cloud(6));
  // The bar: centred at the lower edge, half as wide as the view; buttons for back, play, on, then the slider.
  const int left = 400 - 200 + 10, y = 600 - 44 - 9 - 10;
  const auto press = [&](int x) {
    ASSERT_TRUE(view->covered_by_strip({x, y}));
    QTest::mouseMove(view.get(), {x, y});
    ASSERT_TRUE(settle());
    QTest::mousePress(view.get(), Qt::LeftButton, {}, {x, y});
    ASSERT_TRUE(settle());
    QTest::mouseRelease(view.get(), Qt::LeftButton, {}, {x, y});
  };
  press(left + 81);  // on
  EXPECT_TRUE(QTest::qWaitFor([&] { return state.frame == 1; }, 5000));
  press(left + 13);  // back
  EXPECT_TRUE(QTest::qWaitFor([&] { return state.frame == 0; }, 5000));
  // The slider, near its end.
  press(left + 370);
  EXPECT_TRUE(QTest::qWaitFor([&] { return state.frame == 5; }, 5000));
  // Playing starts over after the last frame.
  QSignalSpy playing(view.get(), &SceneView::playing_changed);
  QTest::keyClick(view.get(), Qt::Key_Space);
  EXPECT_TRUE(view->playing());
  EXPECT_TRUE(QTest::qWaitFor([&] { return state.frame == 2; }, 10000));
  QTest::keyClick(view.get(), Qt::Key_Space);
  EXPECT_FALSE(view->playing());
  EXPECT_EQ(playing.count(), 2);
  ASSERT_TRUE(settle());
  EXPECT_EQ(view->scene().state().frame, state.frame);
  view->step_frame(-1);
  const int before = state.frame;
  EXPECT_TRUE(QTest::qWaitFor([&] { return state.frame == before - 1; }, 5000));
}

TEST_F(View, ASingleFrameHasNoTimeBarAndDoesNotPlay) {
  show(make_sample_cloud(300));
  EXPECT_FALSE(view->covered_by_strip({400, 600 - 44 - 19}));
  view->set_playing(true);
  EXPECT_FALSE(view->playing());
}

TEST_F(View, TheMeterComesAndGoes) {
  show(make_sample_cloud(300));
  const auto corner = [&] { return view->grabFramebuffer().copy(620, 460, 170, 80); };
  const QImage without = corner();
  view->set_meter(true);
  ASSERT_TRUE(settle());
  EXPECT_TRUE(view->meter());
  EXPECT_NE(corner(), without);
  // It shows; it takes no clicks.
  EXPECT_FALSE(view->covered_by_strip({720, 510}));
  view->set_meter(false);
  ASSERT_TRUE(settle());
  EXPECT_EQ(corner(), without);
}

TEST_F(View, FlyingToABallPutsItInTheMiddle) {
  show(make_sample_cloud(2000));
  const std::vector<std::int32_t> ball{5, 6, 7, 8, 9, 10};
  const Camera start = camera();
  view->fly_to(ball);
  EXPECT_FALSE(view->settled());
  ASSERT_TRUE(settle());
  // The middle of their box projects to the middle of the picture, and all of them lie within it.
  std::array<double, 3> low, high;
  low.fill(HUGE_VAL);
  high.fill(-HUGE_VAL);
  for (const auto p : ball)
    for (std::size_t k = 0; k < 3; ++k) {
      low[k] = std::min(low[k], data.cloud->position(p)[k]);
      high[k] = std::max(high[k], data.cloud->position(p)[k]);
    }
  for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(camera().focus[k], 0.5 * (low[k] + high[k]), 1e-5);
  for (const auto& at : view->scene().locate({ball.begin(), ball.end()})) EXPECT_TRUE(at.inside);
  EXPECT_NE(camera().position, start.position);
}

TEST_F(View, ALargeCloudIsColouredElsewhereAndCompletedAtRest) {
  state.colour_by = ColourBy::Field;
  state.field = "pressure";
  QSignalSpy drawing(view.get(), &SceneView::drawing_changed);
  const auto cloud = make_sample_cloud(80'000);
  data.tree = cloud_tree(*cloud);
  data.cloud = cloud;
  view->set_pick_tree(data.tree);
  view->show_scene(data, state);
  EXPECT_FALSE(view->settled());
  EXPECT_EQ(view->scene().data().cloud, nullptr);  // nothing was made on this thread
  ASSERT_TRUE(settle());
  EXPECT_EQ(view->scene().data().cloud, cloud);
  EXPECT_TRUE(view->scene().complete());
  ASSERT_FALSE(drawing.isEmpty());
  EXPECT_EQ(drawing.last().at(0).toLongLong(), 80'000);
  EXPECT_EQ(drawing.last().at(1).toLongLong(), 80'000);
  // The newest of several wishes wins.
  for (int level = 0; level < 6; ++level) {
    state.colour_by = ColourBy::Balls;
    state.level = level;
    view->show_scene(data, state);
  }
  ASSERT_TRUE(settle());
  EXPECT_EQ(view->scene().state().level, 5);
  EXPECT_EQ(view->scene().colours().rgb, colour_points(data, state).rgb);
  // The finished parts make the picture that one go makes. Last, for the other context takes this thread over.
  const Picture at_rest = view->picture();
  OffscreenScene offscreen;
  const Picture in_one_go = offscreen.draw(data, view->scene().state());
  ASSERT_EQ(at_rest.rgb.size(), in_one_go.rgb.size());
  double sum = 0;
  for (std::size_t i = 0; i < at_rest.rgb.size(); ++i) sum += std::abs(at_rest.rgb[i] - in_one_go.rgb[i]);
  EXPECT_LT(sum / static_cast<double>(at_rest.rgb.size()), 2);
}

}  // namespace
}  // namespace erwin::ui
