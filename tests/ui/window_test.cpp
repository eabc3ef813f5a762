// The real window under an X server (Xvfb will do), driven by real mouse and key events.

#include <QFrame>
#include <QWheelEvent>
#include <cmath>

#include "tests/support/shared_data.h"
#include "tests/ui/window_support.h"

namespace erwin::ui {
namespace {

TEST_F(Window, WithoutAFileItShowsItsOwnCloud) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().cloud);
  EXPECT_EQ(window->scene_data().cloud->size(), 4096);
  const QImage image = window->view()->grabFramebuffer();
  QSet<QRgb> colours;
  for (int y = 0; y < image.height(); y += 3)
    for (int x = 0; x < image.width(); x += 3) colours.insert(image.pixel(x, y));
  EXPECT_GT(colours.size(), 200);
}

TEST_F(Window, ARealCarIsColouredAndAClickPicksThePoint) {
  ERWIN_SHARED_OR_SKIP(path, "data/car/shapenet_car_cgns/train_00.cgns");
  window->open(QString::fromStdString(path.string()));
  ASSERT_TRUE(settle());
  ASSERT_EQ(window->scene_data().cloud->size(), 3586);
  window->colour_by(ColourBy::Field, "pressure");
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->view()->scene().colours().legend.scale->title, "pressure");
  for (const std::size_t skip : {std::size_t{0}, std::size_t{20}, std::size_t{50}, std::size_t{90}}) {
    const auto [point, at] = visible_point(skip);
    ASSERT_GE(point, 0);
    QTest::mouseClick(window->view(), Qt::LeftButton, {}, at);
    ASSERT_TRUE(settle());
    const std::int64_t picked = window->state().query.point;
    EXPECT_EQ(picked, point);
  }
}

TEST_F(Window, KeysChangeWhatIsShown) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_4);
  EXPECT_EQ(window->state().colour_by, ColourBy::Balls);
  const int level = window->state().level;
  QTest::keyClick(window.get(), Qt::Key_BracketRight);
  EXPECT_EQ(window->state().level, level + 1);
  QTest::keyClick(window.get(), Qt::Key_BracketLeft);
  QTest::keyClick(window.get(), Qt::Key_BracketLeft);
  EXPECT_EQ(window->state().level, level - 1);
  QTest::keyClick(window.get(), Qt::Key_1);
  EXPECT_EQ(window->state().colour_by, ColourBy::Target);
  QTest::keyClick(window.get(), Qt::Key_T);
  EXPECT_EQ(window->state().theme, Theme::Light);
  window->ask(10);
  QTest::keyClick(window.get(), Qt::Key_Backspace);
  EXPECT_EQ(window->state().query.point, -1);
}

TEST_F(Window, DraggingTurnsAndTheWheelZooms) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  const Camera before = window->view()->scene().state().camera;
  const QPoint from(500, 350);
  QTest::mousePress(window->view(), Qt::LeftButton, {}, from);
  for (int i = 1; i <= 8; ++i) QTest::mouseMove(window->view(), from + QPoint(9 * i, 4 * i));
  QTest::mouseRelease(window->view(), Qt::LeftButton, {}, from + QPoint(72, 32));
  const Camera turned = window->view()->scene().state().camera;
  EXPECT_NE(turned.position, before.position);
  EXPECT_EQ(turned.focus, before.focus);
  EXPECT_EQ(window->state().query.point, -1);  // a drag is not a click
  QWheelEvent wheel(from, window->view()->mapToGlobal(QPointF(from)), {}, {0, 120}, Qt::NoButton, Qt::NoModifier,
                    Qt::NoScrollPhase, false);
  QApplication::sendEvent(window->view(), &wheel);
  const Camera zoomed = window->view()->scene().state().camera;
  const auto distance = [](const Camera& c) {
    return std::hypot(c.position[0] - c.focus[0], c.position[1] - c.focus[1], c.position[2] - c.focus[2]);
  };
  EXPECT_NEAR(distance(zoomed), distance(turned) / 1.12, 1e-9);
  QTest::keyClick(window.get(), Qt::Key_F);
  EXPECT_EQ(window->view()->scene().state().camera, before);
}

TEST_F(Window, APressOnTheStripIsNotAPressOnTheScene) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  const QPoint strip(40, 24);
  ASSERT_TRUE(window->view()->covered_by_strip(strip));
  const Camera before = window->view()->scene().state().camera;
  const int level = window->state().level;
  QTest::mousePress(window->view(), Qt::LeftButton, {}, strip);
  ASSERT_TRUE(settle());
  QTest::mouseMove(window->view(), strip + QPoint(80, 0));
  ASSERT_TRUE(settle());
  QTest::mouseRelease(window->view(), Qt::LeftButton, {}, strip + QPoint(80, 0));
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->view()->scene().state().camera, before);
  EXPECT_NE(window->state().level, level);  // the slider moved
}

TEST_F(Window, AWrongFileIsABannerAndTheCloudStays) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  window->open("/nonexistent/cloud.ply");
  ASSERT_TRUE(settle());
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Io);
  ASSERT_NE(window->findChild<QFrame*>("banner"), nullptr);
  EXPECT_TRUE(window->findChild<QFrame*>("banner")->isVisible());
  EXPECT_EQ(window->scene_data().cloud->size(), 4096);
}

TEST_F(Window, WindowAndRenderDrawTheSamePixels) {
  window->open_own_sample();
  ASSERT_TRUE(settle());
  window->ask(visible_point(10).first);
  ASSERT_TRUE(settle());
  const Picture in_window = window->view()->picture();
  const SceneState state = window->view()->scene().state();
  // Two OpenGL contexts of one thread: the view takes its own back when it paints next.
  OffscreenScene offscreen;
  const Picture on_egl = offscreen.draw(window->scene_data(), state);
  ASSERT_EQ(in_window.rgb.size(), on_egl.rgb.size());
  double sum = 0;
  for (std::size_t i = 0; i < on_egl.rgb.size(); ++i) sum += std::abs(in_window.rgb[i] - on_egl.rgb[i]);
  EXPECT_LT(sum / static_cast<double>(on_egl.rgb.size()), 2);
}

TEST_F(Window, EveryActionHasANameAndNoTwoShareAShortcut) {
  QSet<QString> shortcuts;
  int actions = 0;
  for (const QAction* action : window->actions()) {
    ++actions;
    EXPECT_FALSE(action->objectName().isEmpty()) << action->text().toStdString();
    const QString keys = action->shortcut().toString();
    EXPECT_FALSE(keys.isEmpty()) << action->text().toStdString();
    EXPECT_FALSE(shortcuts.contains(keys)) << keys.toStdString();
    shortcuts.insert(keys);
  }
  EXPECT_GT(actions, 15);
}

}  // namespace
}  // namespace erwin::ui
