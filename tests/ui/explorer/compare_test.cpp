// What is shown beside another layer, head or network: numbers, differences and two pictures.

#include <QLabel>
#include <cmath>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/colour_choices.h"

namespace erwin::ui {
namespace {

class Compared : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    window->ask_id(900);
    ASSERT_TRUE(settle());
  }
  AttentionRow row(int layer, int head) {
    AttentionQuery query;
    query.layer = layer;
    query.head = head;
    query.point = 900;
    return attention_row(tap(), query);
  }
  QString text() { return window->findChild<QLabel*>("compared")->text(); }
};

TEST_F(Compared, WhatIsKeptIsComparedWithWhatIsShownNext) {
  QTest::keyClick(window.get(), Qt::Key_K);
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().against, "layer=0,head=-1");
  ASSERT_TRUE(window->scene_data().comparison);
  EXPECT_NEAR(window->scene_data().comparison->agreement.divergence, 0, 1e-9);
  QTest::keyClick(window.get(), Qt::Key_Period);
  ASSERT_TRUE(settle());
  const auto made = window->scene_data().comparison;
  ASSERT_TRUE(made);
  EXPECT_EQ(made->shown.layer, 1);
  EXPECT_EQ(made->other.layer, 0);
  const AttentionRow here = row(1, -1), there = row(0, -1);
  EXPECT_NEAR(made->agreement.divergence, jensen_shannon(here.points, there.points), 1e-5);
  EXPECT_NEAR(made->agreement.overlap, row_overlap(here.points, there.points), 1e-5);
  const SelectionSide a{&tap(), 1, -1}, b{&tap(), 0, -1};
  EXPECT_NEAR(made->agreement.selected, selection_overlap(a, b, 900), 1e-9);
  EXPECT_NEAR(made->agreement.mean_selected, mean_selection_overlap(a, b).mean, 1e-9);
  EXPECT_TRUE(std::isnan(made->agreement.prediction_correlation));
  EXPECT_TRUE(text().startsWith("layer 1, mean of heads beside layer 0, mean of heads: the query's rows diverge by "));
  QTest::keyClick(window.get(), Qt::Key_D);
  ASSERT_TRUE(settle());
  const Field* shown = shown_field(window->scene_data(), window->state());
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->name(), attention_difference);
  for (std::int64_t point = 0; point < 4096; point += 3) {
    const auto i = static_cast<std::size_t>(point);
    ASSERT_NEAR(shown->value(point), here.points[i] - there.points[i], 1e-6);
  }
  window->action("compare-none")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->scene_data().comparison);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->scene_data().comparison);
}

TEST_F(Compared, AnotherNetworkIsRunOnTheSameCloud) {
  const test::ScratchFolder folder;
  const auto path = folder.path() / "other.h5";
  save_checkpoint(path, test::untrained(test::small_nsa(), 6));
  window->set_option("against", path.string());
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle() && window->scene_data().comparison; }, 60000));
  const auto made = window->scene_data().comparison;
  const Predictor other(path);
  const auto result = other.run(*window->scene_data().cloud, 0);
  const Field& theirs = result.fields.front();
  ASSERT_EQ(theirs.name(), "prediction");
  const Field* ours = window->scene_data().prediction->field("prediction");
  EXPECT_NEAR(made->agreement.prediction_correlation, correlation(ours->values(), theirs.values()), 1e-4);
  double square = 0;
  for (std::int64_t point = 0; point < 4096; ++point)
    square += std::pow(ours->value(point) - theirs.value(point), 2) / 4096;
  EXPECT_NEAR(made->agreement.prediction_difference, std::sqrt(square), 1e-3 * std::sqrt(square));
  EXPECT_TRUE(text().contains("beside other.h5, layer 0"));
  window->ask(-1);
  ASSERT_TRUE(settle());
  window->action("colour-difference")->trigger();
  ASSERT_TRUE(settle());
  const Field* shown = shown_field(window->scene_data(), window->state());
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->name(), prediction_difference);
  EXPECT_NEAR(shown->value(77), ours->value(77) - theirs.value(77), 1e-3 * (1 + std::abs(ours->value(77))));
  // A file that is no network is a failure, and the window goes on.
  window->set_option("against", (folder.path() / "nothing.h5").string());
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->take_failure());
}

TEST_F(Compared, SideBySideHasOneCameraAndOneRange) {
  window->colour_by(ColourBy::Attention);
  QTest::keyClick(window.get(), Qt::Key_K);
  QTest::keyClick(window.get(), Qt::Key_Period);
  QTest::keyClick(window.get(), Qt::Key_V);
  ASSERT_TRUE(settle());
  SceneView* side = window->side();
  ASSERT_TRUE(side && side->isVisible());
  ASSERT_TRUE(QTest::qWaitFor([&] { return side->settled(); }, 10000));
  EXPECT_EQ(side->scene().state().query.layer, 0);
  EXPECT_EQ(window->view()->scene().state().query.layer, 1);
  const auto &left = window->view()->scene().legend().scale, &right = side->scene().legend().scale;
  ASSERT_TRUE(left && right);
  EXPECT_EQ(left->maximum, right->maximum);
  EXPECT_EQ(left->minimum, right->minimum);
  EXPECT_EQ(window->view()->camera(), side->camera());
  // The mouse in either picture moves both.
  const QPoint from = side->rect().center();
  QTest::mousePress(side, Qt::LeftButton, {}, from);
  for (int i = 1; i < 5; ++i) {
    const QPoint at = from + QPoint(15 * i, 6 * i);
    QMouseEvent move(QEvent::MouseMove, at, side->mapToGlobal(at), Qt::NoButton, Qt::LeftButton, {});
    QApplication::sendEvent(side, &move);
  }
  QTest::mouseRelease(side, Qt::LeftButton, {}, from + QPoint(60, 24));
  EXPECT_EQ(window->view()->camera(), side->camera());
  const Camera turned = side->camera();
  window->view()->orbit_by(30, 0);
  EXPECT_NE(side->camera(), turned);
  EXPECT_EQ(window->view()->camera(), side->camera());
  // Other heads side by side.
  window->set_option("head", "2");
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->view()->scene().state().query.head, 2);
  EXPECT_EQ(side->scene().state().query.head, -1);
  QTest::keyClick(window.get(), Qt::Key_V);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(side->isVisible());
}

}  // namespace
}  // namespace erwin::ui
