// Choosing points by real mouse events, and what a choice is asked.

#include <QLabel>
#include <QStatusBar>
#include <algorithm>
#include <cmath>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/colour_choices.h"
#include "ui/scene/points_in_shape.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {
namespace {

constexpr auto box_keys = Qt::ShiftModifier;
constexpr auto lasso_keys = Qt::ShiftModifier | Qt::ControlModifier;

class ChosenPoints : public Explorer {
protected:
  void drag(const std::vector<QPoint>& along, Qt::KeyboardModifiers keys) {
    SceneView* view = window->view();
    QTest::mousePress(view, Qt::LeftButton, keys, along.front());
    for (std::size_t i = 1; i < along.size(); ++i) {
      QMouseEvent move(QEvent::MouseMove, along[i], view->mapToGlobal(along[i]), Qt::NoButton, Qt::LeftButton, keys);
      QApplication::sendEvent(view, &move);
    }
    QTest::mouseRelease(view, Qt::LeftButton, keys, along.back());
    ASSERT_TRUE(settle());
  }
  // Points whose centres are drawn at a place for which `inside` holds, hidden or not.
  template <typename Inside>
  PointSet located(Inside inside) {
    std::vector<std::int64_t> all(4096);
    std::iota(all.begin(), all.end(), std::int64_t{0});
    const auto where = window->view()->scene().locate(all);
    PointSet found;
    for (std::size_t i = 0; i < where.size(); ++i)
      if (inside(where[i].x, where[i].y)) found.push_back(static_cast<std::int64_t>(i));
    return found;
  }
  const PointSet& chosen() {
    static const PointSet none;
    const auto& points = window->session().selection().points;
    return points ? *points : none;
  }
  QPoint middle() { return window->view()->rect().center(); }
};

TEST_F(ChosenPoints, ABoxChoosesWhatLiesInItAndUndoTakesItBack) {
  const QPoint from = middle() - QPoint(70, 50), to = middle() + QPoint(30, 40);
  const Camera before = window->view()->camera();
  drag({from, to}, box_keys);
  const PointSet expected =
      located([&](double x, double y) { return x > from.x() && x < to.x() && y > from.y() && y < to.y(); });
  ASSERT_GT(expected.size(), 20u);
  EXPECT_EQ(chosen(), expected);
  EXPECT_EQ(window->view()->camera(), before);  // it moves nothing
  EXPECT_EQ(window->state().query.point, -1);   // and is no click
  const auto* line = window->statusBar()->findChild<QLabel*>();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text(), QString("%1 of 4,096 points are selected").arg(expected.size()));
  drag({to, to + QPoint(40, 30)}, box_keys);
  EXPECT_NE(chosen(), expected);
  window->undo();
  EXPECT_EQ(chosen(), expected);
  window->undo();
  EXPECT_TRUE(chosen().empty());
  window->redo();
  EXPECT_EQ(chosen(), expected);
  QTest::keyClick(window.get(), Qt::Key_Backspace, Qt::ShiftModifier);
  EXPECT_TRUE(chosen().empty());
}

TEST_F(ChosenPoints, ALassoIsAnyShape) {
  const QPoint a = middle() + QPoint(-90, 40), b = middle() + QPoint(90, 40), c = middle() + QPoint(0, -80);
  drag({a, b, c}, lasso_keys);
  const auto side = [](const QPoint& p, const QPoint& q, double x, double y) {
    return (q.x() - p.x()) * (y - p.y()) - (q.y() - p.y()) * (x - p.x());
  };
  const PointSet expected =
      located([&](double x, double y) { return side(a, b, x, y) < 0 && side(b, c, x, y) < 0 && side(c, a, x, y) < 0; });
  ASSERT_GT(expected.size(), 20u);
  EXPECT_EQ(chosen(), expected);
  // The action does the same for the next drag only.
  window->action("select-none")->trigger();
  window->action("lasso")->trigger();
  drag({a, b, c}, Qt::NoModifier);
  EXPECT_EQ(chosen(), expected);
  const Camera before = window->view()->camera();
  drag({a, b}, Qt::NoModifier);
  EXPECT_NE(window->view()->camera(), before);
}

TEST_F(ChosenPoints, WhatIsLeftOutOfThePictureIsNotChosen) {
  window->set_option("only", "2:1");
  window->set_option("rest", "hide");
  ASSERT_TRUE(settle());
  drag({QPoint(2, 2), QPoint(window->view()->width() - 3, 3), QPoint(window->view()->width() - 3, 400)}, box_keys);
  SceneState state = window->state();
  drag({QPoint(1, window->view()->height() - 2), QPoint(window->view()->width() - 2, 1)}, box_keys);
  const LayerTap& layer = tap().require_layer(0);
  const auto ball = points_of_slots(layer, 1024, 2048);
  for (const std::int64_t point : chosen())
    EXPECT_TRUE(std::binary_search(ball.begin(), ball.end(), static_cast<std::int32_t>(point)));
  EXPECT_GT(chosen().size(), 500u);
}

TEST_F(ChosenPoints, IdsAndBallsAreChosen) {
  window->set_option("selection", "3,10-12,7");
  EXPECT_EQ(chosen(), (PointSet{3, 7, 10, 11, 12}));
  EXPECT_EQ(print_scene_option(window->state(), "selection", window->scene_data().cloud.get()), "3,7,10-12");
  EXPECT_THROW(window->set_option("selection", "4096"), Error);
  EXPECT_THROW(window->set_option("selection", "5-2"), Error);
  EXPECT_EQ(chosen().size(), 5u);
  window->set_option("selection", "none");
  EXPECT_TRUE(chosen().empty());
  window->ask_id(100);
  window->set_option("level", "5");
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_B, Qt::ShiftModifier);
  ASSERT_TRUE(settle());
  const LayerTap& layer = tap().require_layer(0);
  const std::int64_t first = layer.slot_of_point(100) / 128 * 128;
  const auto ball = points_of_slots(layer, first, first + 128);
  EXPECT_EQ(chosen(), PointSet(ball.begin(), ball.end()));
}

TEST_F(ChosenPoints, AreAskedWhereTheyLookAndWhoLooksAtThem) {
  window->set_option("selection", "50-89");
  QTest::keyClick(window.get(), Qt::Key_6, Qt::ControlModifier);
  ASSERT_TRUE(settle());
  const auto looks = window->scene_data().set_looks;
  ASSERT_TRUE(looks);
  AttentionQuery query;
  for (std::int64_t point = 50; point < 90; ++point) query.points.push_back(point);
  const AttentionRow row = attention_row(tap(), query);
  double sum = 0, inside = 0;
  for (std::int64_t point = 0; point < 4096; ++point) {
    ASSERT_NEAR(looks->look.value(point), row.points[static_cast<std::size_t>(point)], 1e-6);
    sum += looks->look.value(point);
    if (point >= 50 && point < 90) inside += looks->look.value(point);
  }
  EXPECT_NEAR(looks->sum, sum, 1e-4);
  EXPECT_NEAR(looks->from_themselves, inside, 1e-4);
  const auto* text = window->findChild<QLabel*>("selection");
  EXPECT_TRUE(text->text().startsWith("Where the 40 selected points look: the mean of their rows A."));
  window->action("colour-looks-at-selection")->trigger();
  ASSERT_TRUE(settle());
  const auto received = window->scene_data().set_looks;
  ASSERT_TRUE(received);
  const AttendedBy direct = attended_by(tap(), {0, -1, Branch::All, query.points});
  EXPECT_NEAR(received->sum, direct.received, 1e-4 * direct.received);
  EXPECT_TRUE(text->text().startsWith("Who looks at the 40 selected points: "));
  // Another choice is another answer; another layer, too.
  window->set_option("selection", "50-60");
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().set_looks);
  EXPECT_LT(window->scene_data().set_looks->sum, received->sum);
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().set_looks);
  EXPECT_EQ(window->scene_data().set_looks->request.layer, 1);
  window->action("select-none")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->scene_data().set_looks);
  window->action("colour-selection-looks")->trigger();
  EXPECT_TRUE(window->take_failure());
}

}  // namespace
}  // namespace erwin::ui
