// The icicle of the tree by real mouse and keys: its numbers are the tree's, and it is tied to picture and query both
// ways.

#include <QComboBox>
#include <QImage>
#include <QLabel>
#include <QWheelEvent>
#include <cmath>
#include <set>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/icicle_panel.h"

namespace erwin::ui {
namespace {

class Icicle : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    QTest::keyClick(window.get(), Qt::Key_3, Qt::AltModifier | Qt::ShiftModifier);
    ASSERT_TRUE(settle());
    ASSERT_TRUE(view()->isVisible());
    ASSERT_TRUE(view()->map());
  }
  IcicleView* view() { return window->icicle_panel()->view(); }
  const BallMap& map() { return *view()->map(); }
  QString title() { return window->findChild<QLabel*>("icicle-title")->text(); }
  QPoint middle_of(const IcicleView::Ball& ball) { return view()->ball_rect(ball).center().toPoint(); }
  // Radius and points of a ball, counted from the record.
  std::pair<double, std::set<std::int32_t>> counted(const IcicleView::Ball& ball) {
    const LayerTap& layer = tap().require_layer(0);
    const auto held = points_of_slots(layer, map().first_slot(ball), map().end_slot(ball));
    const auto positions = window->scene_data().cloud->positions(0);
    double mean[3] = {0, 0, 0}, radius = 0;
    for (const std::int32_t point : held)
      for (std::size_t k = 0; k < 3; ++k)
        mean[k] +=
            static_cast<double>(positions[static_cast<std::size_t>(point) * 3 + k]) / static_cast<double>(held.size());
    for (const std::int32_t point : held) {
      double square = 0;
      for (std::size_t k = 0; k < 3; ++k)
        square += std::pow(static_cast<double>(positions[static_cast<std::size_t>(point) * 3 + k]) - mean[k], 2);
      radius = std::max(radius, std::sqrt(square));
    }
    return {radius, {held.begin(), held.end()}};
  }
};

TEST_F(Icicle, ABallIsAsWideAsItsPointsAndKnowsItsNumbers) {
  const auto points = static_cast<double>(window->scene_data().cloud->size());
  EXPECT_TRUE(title().contains("4,096 points")) << title().toStdString();
  const double whole_width = view()->ball_rect({0, 0}).width();
  for (const IcicleView::Ball ball : {IcicleView::Ball{1, 0}, IcicleView::Ball{3, 5}, IcicleView::Ball{6, 40}}) {
    const auto [radius, held] = counted(ball);
    EXPECT_EQ(map().points_of(ball), std::ssize(held));
    EXPECT_NEAR(map().radius(ball), radius, 1e-6 * (1 + radius));
    EXPECT_NEAR(view()->ball_rect(ball).width(), whole_width * static_cast<double>(held.size()) / points, 1e-6);
    EXPECT_EQ(map().fill(ball),
              static_cast<double>(held.size()) / static_cast<double>(map().end_slot(ball) - map().first_slot(ball)));
  }
  // Sums over any level are the cloud.
  for (int level = 0; level < static_cast<int>(map().levels.size()); ++level) {
    std::int64_t sum = 0;
    const auto balls = std::ssize(map().levels[static_cast<std::size_t>(level)].radius);
    for (std::int64_t node = 0; node < balls; ++node) sum += map().points_of({level, node});
    EXPECT_EQ(sum, map().points());
  }
}

TEST_F(Icicle, WhatIsNarrowerThanAPixelIsLeftOutUntilItIsZoomedInto) {
  const int last = static_cast<int>(map().levels.size()) - 1;
  EXPECT_LE(view()->first_left_out(), last);
  EXPECT_TRUE(title().contains("left out")) << title().toStdString();
  const auto deepest = QPointF(view()->ball_rect({0, 0}).center().x(), view()->ball_rect({last, 0}).center().y());
  EXPECT_EQ(view()->ball_at(deepest), IcicleView::Ball{});
  for (int i = 0; i < 25; ++i) {
    QWheelEvent wheel(deepest, view()->mapToGlobal(deepest), {}, {0, 120}, Qt::NoButton, Qt::NoModifier,
                      Qt::NoScrollPhase, false);
    QApplication::sendEvent(view(), &wheel);
  }
  EXPECT_EQ(view()->first_left_out(), last + 1);
  EXPECT_FALSE(title().contains("left out"));
  const IcicleView::Ball found = view()->ball_at(deepest);
  ASSERT_EQ(found.level, last);
  EXPECT_EQ(map().points_of(found), 1);
  QTest::keyClick(window.get(), Qt::Key_H, Qt::ShiftModifier);
  EXPECT_EQ(view()->shown_points(), 4096);
}

TEST_F(Icicle, ABallUnderTheCursorIsABoxInThePicture) {
  QTest::mouseMove(view(), middle_of({4, 9}));
  ASSERT_TRUE(settle());
  const auto& places = window->view()->places();
  ASSERT_EQ(places.size(), 1u);
  EXPECT_EQ(places[0].name, "level 4, ball 9");
  const auto positions = window->scene_data().cloud->positions(0);
  float low = HUGE_VALF;
  for (const std::int32_t point : counted({4, 9}).second)
    low = std::min(low, positions[static_cast<std::size_t>(point) * 3 + 1]);
  EXPECT_EQ(places[0].low[1], low);
  EXPECT_TRUE(window->findChild<QLabel*>("icicle-ball")->text().startsWith("level 4, ball 9: "));
  QEvent leave(QEvent::Leave);
  QApplication::sendEvent(view(), &leave);
  EXPECT_TRUE(window->view()->places().empty());
}

TEST_F(Icicle, IsExportedWithARectangleForEveryBallThatIsWideEnoughAndATableOfAll) {
  window->ask(500);
  window->set_option("theme", "dark");
  ASSERT_TRUE(settle());
  const QString text = QString::fromUtf8(bytes_of(exported("icicle", "tree.svg")));
  EXPECT_FALSE(text.contains("<image ")) << "no picture in the place of rectangles";
  EXPECT_TRUE(text.contains("too narrow to be drawn"));
  const QImage page(exported("icicle", "tree.png"));
  EXPECT_EQ(page.pixelColor(2, 2), QColor(Qt::white));
  // Half a point is a ball's least width on paper; every ball of the levels that are wide enough is drawn.
  const double room = view()->width() - view()->ball_rect({0, 0}).width();  // of the levels' numbers
  const double pixels = 2 * (std::max(900, view()->width()) - room);
  std::int64_t wide = 0;
  for (int level = 0; level < static_cast<int>(map().levels.size()); ++level)
    for (std::int64_t node = 0; node < std::ssize(map().levels[static_cast<std::size_t>(level)].radius); ++node)
      wide += static_cast<double>(map().points_of({level, node})) / 4096 * pixels >= 1;
  EXPECT_GT(wide, 500);
  const auto drawn = text.count(" fill=\"#") - text.count("<text ");
  EXPECT_GE(drawn, wide);
  EXPECT_LE(drawn, wide + 80);  // the bar of colours

  // The table: all balls, counted again.
  QFile table(exported("icicle", "tree.csv"));
  ASSERT_TRUE(table.open(QIODevice::ReadOnly));
  EXPECT_EQ(table.readLine().trimmed(), "level,ball,first_slot,end_slot,points,fill,x,y,z,radius,parent");
  std::int64_t rows = 0, finest = 0;
  while (!table.atEnd()) {
    const QList<QByteArray> cells = table.readLine().trimmed().split(',');
    ASSERT_EQ(cells.size(), 11);
    const IcicleView::Ball ball{cells[0].toInt(), cells[1].toLongLong()};
    ASSERT_TRUE(map().has(ball));
    if (ball.level + 1 == std::ssize(map().levels)) finest += cells[4].toLongLong();
    const std::int64_t parent = ball.level > 0 ? cells[10].toLongLong() : 0;
    ASSERT_EQ(parent, ball.node / 2);  // levels are halved
    if (ball == IcicleView::Ball{5, 20}) {
      const auto [radius, held] = counted(ball);
      EXPECT_EQ(cells[4].toLongLong(), std::ssize(held));
      EXPECT_NEAR(cells[9].toDouble(), radius, 1e-6);
      double mean = 0;
      for (const std::int32_t point : held)
        mean += window->scene_data().cloud->position(point)[0] / static_cast<double>(held.size());
      EXPECT_NEAR(cells[6].toDouble(), mean, 1e-6);
    }
    ++rows;
  }
  std::int64_t balls = 0;
  for (const BallMap::Level& level : map().levels) balls += std::ssize(level.radius);
  EXPECT_EQ(rows, balls);
  EXPECT_EQ(finest, 4096);
}

TEST_F(Icicle, AClickFliesToTheBall) {
  const Camera before = window->view()->scene().state().camera;
  QTest::mouseClick(view(), Qt::LeftButton, {}, middle_of({5, 20}));
  ASSERT_TRUE(settle());
  const Camera after = window->view()->scene().state().camera;
  EXPECT_NE(before, after);
  EXPECT_EQ(window->state().only.which, OnlyBall::Which::All);
  const auto positions = window->scene_data().cloud->positions(0);
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const std::int32_t point : counted({5, 20}).second) {
    const double x = static_cast<double>(positions[static_cast<std::size_t>(point) * 3]);
    low = std::min(low, x);
    high = std::max(high, x);
  }
  EXPECT_NEAR(after.focus[0], (low + high) / 2, 1e-6);
}

TEST_F(Icicle, ADoubleClickHidesAllElseAndUndoShowsItAgain) {
  QTest::mouseDClick(view(), Qt::LeftButton, {}, middle_of({3, 2}));
  ASSERT_TRUE(settle());
  EXPECT_EQ(to_string(window->state().only), "3:2");
  EXPECT_TRUE(window->state().hide_rest);
  EXPECT_EQ(view()->alone(), (IcicleView::Ball{3, 2}));
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(to_string(window->state().only), "all");
  EXPECT_EQ(view()->alone(), IcicleView::Ball{});
}

TEST_F(Icicle, TheKeyboardWalksTheTree) {
  view()->setFocus();
  QTest::keyClick(view(), Qt::Key_Down);
  EXPECT_EQ(view()->current(), (IcicleView::Ball{1, 0}));
  QTest::keyClick(view(), Qt::Key_Right);
  QTest::keyClick(view(), Qt::Key_Down);
  EXPECT_EQ(view()->current(), (IcicleView::Ball{2, 2}));
  QTest::keyClick(view(), Qt::Key_Left);
  EXPECT_EQ(view()->current(), (IcicleView::Ball{2, 1}));
  QTest::keyClick(view(), Qt::Key_Up);
  EXPECT_EQ(view()->current(), (IcicleView::Ball{1, 0}));
  EXPECT_EQ(window->view()->places().size(), 1u);
  QTest::keyClick(view(), Qt::Key_Space);
  ASSERT_TRUE(settle());
  EXPECT_EQ(to_string(window->state().only), "1:0");
  QTest::keyClick(window.get(), Qt::Key_O);
  ASSERT_TRUE(settle());
  EXPECT_EQ(to_string(window->state().only), "all");
  // Where the ball would be too narrow to be seen, the window follows.
  for (int i = 0; i < 12; ++i) QTest::keyClick(view(), Qt::Key_Down);
  EXPECT_EQ(view()->current().level, static_cast<int>(map().levels.size()) - 1);
  EXPECT_GT(view()->ball_rect(view()->current()).width(), 8);
}

TEST_F(Icicle, TheQueryIsAPathAndABallIsAQuery) {
  const auto [point, at] = visible_point(60);
  QTest::mouseClick(window->view(), Qt::LeftButton, {}, at);
  ASSERT_TRUE(settle());
  EXPECT_EQ(view()->query_slot(), tap().require_layer(0).slot_of_point(point));
  QTest::mouseClick(view(), Qt::LeftButton, Qt::ControlModifier, middle_of({5, 7}));
  ASSERT_TRUE(settle());
  const std::int64_t asked = window->state().query.point;
  EXPECT_TRUE(counted({5, 7}).second.contains(static_cast<std::int32_t>(asked)));
  EXPECT_EQ(map().at_slot(5, view()->query_slot()), (IcicleView::Ball{5, 7}));
  // Another layer has another tree, and the path follows.
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(view()->query_slot(), tap().require_layer(1).slot_of_point(asked));
}

TEST_F(Icicle, APointUnderTheCursorInThePictureIsAPath) {
  const auto [point, at] = visible_point(90);
  QTest::mouseMove(window->view(), at);
  ASSERT_TRUE(QTest::qWaitFor([this] { return view()->marked_slot() >= 0; }, 5000));
  EXPECT_EQ(view()->marked_slot(), tap().require_layer(0).slot_of_point(point));
}

TEST_F(Icicle, ColoursGoInTurn) {
  EXPECT_EQ(view()->colour(), BallColour::Radius);
  QTest::keyClick(window.get(), Qt::Key_I, Qt::ShiftModifier);
  EXPECT_EQ(view()->colour(), BallColour::Fill);
  const QImage filled = view()->grab().toImage();
  QTest::keyClick(window.get(), Qt::Key_I, Qt::ShiftModifier);
  EXPECT_EQ(view()->colour(), BallColour::Level);
  EXPECT_NE(view()->grab().toImage(), filled);
}

}  // namespace
}  // namespace erwin::ui
