// Points that real mouse events move, and changes of the selection by keys.

#include <QLineEdit>
#include <QPushButton>
#include <cmath>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/what_if_panel.h"

namespace erwin::ui {
namespace {

constexpr auto drag_keys = Qt::AltModifier | Qt::ShiftModifier;

class DraggedPoints : public Explorer {
protected:
  void mouse(QEvent::Type type, const QPointF& at, Qt::KeyboardModifiers keys = drag_keys) {
    SceneView* view = window->view();
    const bool up = type == QEvent::MouseButtonRelease;
    QMouseEvent event(type, at, view->mapToGlobal(at), type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton,
                      up ? Qt::NoButton : Qt::LeftButton, keys);
    QApplication::sendEvent(view, &event);
  }
  void press(const QPointF& at) { mouse(QEvent::MouseButtonPress, at); }
  void move(const QPointF& at) { mouse(QEvent::MouseMove, at); }
  void release(const QPointF& at) { mouse(QEvent::MouseButtonRelease, at); }
  const std::vector<WhatIfEntry>& entries() { return window->session().now().what_if; }
  QPointF place_of(std::int64_t point) {
    const auto where = window->view()->scene().locate({point}).front();
    const double ratio = window->view()->devicePixelRatioF();
    return {where.x / ratio, where.y / ratio};
  }
  // A point that is seen, so that a press on it grabs it.
  std::int64_t seen_point() {
    for (std::int64_t point = 0; point < 4096; ++point)
      if (const auto where = window->view()->scene().locate({point}).front();
          where.visible && window->view()->pick(place_of(point)) == point)
        return point;
    return -1;
  }
  std::array<double, 3> shown_at(std::int64_t point) {
    const auto positions = shown_positions(window->scene_data(), window->state());
    const auto i = static_cast<std::size_t>(3 * point);
    return {positions[i], positions[i + 1], positions[i + 2]};
  }
};

TEST_F(DraggedPoints, TheSelectionFollowsTheMouseAndBecomesOneStep) {
  const std::int64_t grabbed = seen_point();
  ASSERT_GE(grabbed, 0);
  const std::string ids = std::to_string(grabbed) + ",4000-4095";
  window->set_option("selection", ids);
  window->ask(7);
  ASSERT_TRUE(settle());
  const Camera camera = window->view()->camera();
  const QPointF from = place_of(grabbed), by(60, -35);
  const auto before = shown_at(grabbed);
  press(from);
  move(from + 0.5 * by);
  // At once, before anything was predicted.
  ASSERT_TRUE(window->scene_data().moved);
  EXPECT_NE(shown_at(grabbed), before);
  EXPECT_TRUE(entries().empty()) << "a proposal is no step";
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().what_if) << "predicted while the button is held";
  ASSERT_TRUE(window->scene_data().query);
  const double halfway = window->scene_data().what_if->largest;
  for (int step = 6; step <= 10; ++step) move(from + 0.1 * step * by);
  EXPECT_TRUE(window->scene_data().what_if) << "what was answered last stays until the next";
  ASSERT_TRUE(settle());
  const auto dragged = window->scene_data().what_if;
  EXPECT_NE(dragged->largest, halfway);
  const QPointF now = place_of(grabbed);
  EXPECT_NEAR(now.x(), from.x() + by.x(), 1.0);
  EXPECT_NEAR(now.y(), from.y() + by.y(), 1.0);
  release(from + by);
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_TRUE(entries()[0].text.starts_with("move=" + ids + ":")) << entries()[0].text;
  EXPECT_EQ(window->scene_data().what_if, dragged) << "the last place is not asked twice";
  EXPECT_EQ(window->view()->camera(), camera);
  EXPECT_EQ(window->state().query.point, 7) << "a drag is no click";
  // In the plane that faces the eye.
  const auto after = shown_at(grabbed);
  double depth = 0, size = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    depth += (after[k] - before[k]) * (camera.focus[k] - camera.position[k]);
    size += std::pow(after[k] - before[k], 2);
  }
  EXPECT_NEAR(depth, 0, 1e-3 * std::sqrt(size));
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(entries().empty());
  EXPECT_FALSE(window->scene_data().moved);
  EXPECT_EQ(shown_at(grabbed), before);
}

TEST_F(DraggedPoints, EscapePutsThemBack) {
  window->set_option("selection", "100-300");
  ASSERT_TRUE(settle());
  const QPointF from(window->view()->rect().center());
  press(from);
  move(from + QPointF(50, 0));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().moved && window->scene_data().what_if);
  QTest::keyClick(window.get(), Qt::Key_Escape);
  EXPECT_FALSE(window->scene_data().moved);
  move(from + QPointF(80, 0));
  release(from + QPointF(80, 0));
  ASSERT_TRUE(settle());
  EXPECT_TRUE(entries().empty());
  EXPECT_FALSE(window->scene_data().moved);
  EXPECT_FALSE(window->scene_data().what_if);
}

TEST_F(DraggedPoints, TheQuerysBallIsMovedOnByASecondDragWithoutKeys) {
  const QPointF from(window->view()->rect().center());
  press(from);  // nothing is selected, nothing is asked: it is said
  release(from);
  EXPECT_TRUE(window->take_failure());
  window->ask(500);
  ASSERT_TRUE(settle());
  press(from);
  move(from + QPointF(40, 0));
  release(from + QPointF(40, 0));
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_TRUE(entries()[0].text.starts_with("move=ball:"));
  const std::vector<WhatIfEntry> once = entries();
  const auto after_one = shown_at(500);
  QTest::keyClick(window.get(), Qt::Key_G, Qt::ShiftModifier);
  mouse(QEvent::MouseButtonPress, from, Qt::NoModifier);
  mouse(QEvent::MouseMove, from + QPointF(0, 40), Qt::NoModifier);
  mouse(QEvent::MouseButtonRelease, from + QPointF(0, 40), Qt::NoModifier);
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_NE(entries(), once);
  EXPECT_NE(shown_at(500), after_one);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(entries(), once);
  EXPECT_EQ(shown_at(500), after_one);
}

TEST_F(DraggedPoints, TheSelectionIsHiddenMovedAndScaledByKeys) {
  window->set_option("selection", "500-520,600");
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(entries()[0].text, "hide=500-520,600");
  EXPECT_EQ(window->scene_data().what_if->hidden.size(), 22u);
  window->undo();
  auto* amount = window->what_if_panel()->findChild<QLineEdit*>("what-if-amount");
  const auto add = [&](Qt::Key key, const char* typed, const std::string& expected) {
    QTest::keyClick(window.get(), key, Qt::ControlModifier | Qt::ShiftModifier);
    ASSERT_TRUE(settle());
    ASSERT_TRUE(amount->isVisible());
    QTest::keyClicks(amount, typed);
    QTest::keyClick(amount, Qt::Key_Return);
    ASSERT_TRUE(settle());
    ASSERT_FALSE(entries().empty());
    EXPECT_EQ(entries().back().text, expected);
    ASSERT_TRUE(window->scene_data().moved);
    EXPECT_EQ(window->scene_data().moved->groups.back().size(), 22u);
  };
  add(Qt::Key_M, "0.5, 0, 0", "move=500-520,600:0.5,0,0");
  add(Qt::Key_G, "2", "scale=500-520,600:2");
  QTest::mouseClick(window->what_if_panel()->findChild<QPushButton*>("what-if-hide-selection"), Qt::LeftButton);
  ASSERT_TRUE(settle());
  EXPECT_EQ(entries().back().text, "hide=500-520,600");
  window->action("select-none")->trigger();
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_D, Qt::ControlModifier | Qt::ShiftModifier);
  EXPECT_EQ(entries().size(), 3u);
  EXPECT_TRUE(window->take_failure());
}

}  // namespace
}  // namespace erwin::ui
