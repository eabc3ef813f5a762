// Fields that are worked out when somebody asks: by a click in the list of colours, by keys, by a step to play.

#include <QLabel>
#include <QTreeWidget>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/colour_choices.h"

namespace erwin::ui {
namespace {

void expect_same(const Field& shown, const Field& direct) {
  ASSERT_EQ(shown.points(), direct.points());
  for (std::int64_t point = 0; point < shown.points(); ++point)
    ASSERT_NEAR(shown.value(point), direct.value(point), 1e-4 * (1 + std::abs(direct.value(point)))) << point;
}

TEST_F(Explorer, NothingIsWorkedOutUntilTheListIsClicked) {
  EXPECT_FALSE(window->scene_data().summary);
  EXPECT_FALSE(window->scene_data().who_looks);
  auto* list = window->findChild<QTreeWidget*>("colours");
  ASSERT_NE(list, nullptr);
  const auto rows = list->findItems("entropy", Qt::MatchExactly);
  ASSERT_EQ(rows.size(), 1);
  EXPECT_EQ(rows[0]->text(1), "on request");
  EXPECT_FALSE(rows[0]->toolTip(0).isEmpty());
  list->scrollToItem(rows[0]);
  QTest::mouseClick(list->viewport(), Qt::LeftButton, {}, list->visualItemRect(rows[0]).center());
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().summary);
  EXPECT_EQ(window->state().field, "entropy");
  const Field* shown = shown_field(window->scene_data(), window->state());
  ASSERT_NE(shown, nullptr);
  EXPECT_EQ(window->view()->scene().colours().legend.scale->title, "entropy");
  EXPECT_NE(list->findItems("entropy", Qt::MatchExactly)[0]->text(1), "on request");
  const auto direct = make_summary_fields(tap(), *window->scene_data().cloud, 0, 0, -1);
  expect_same(*shown, *direct->field("entropy"));
  // Colours follow the layer and head; Ctrl+Z takes the choice back.
  QTest::keyClick(window.get(), Qt::Key_Period);
  QTest::keyClick(window.get(), Qt::Key_Apostrophe);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().summary);
  EXPECT_EQ(window->scene_data().summary->layer, 1);
  EXPECT_EQ(window->scene_data().summary->head, 0);
  const auto of_head = make_summary_fields(tap(), *window->scene_data().cloud, 0, 1, 0);
  expect_same(*shown_field(window->scene_data(), window->state()), *of_head->field("entropy"));
  for (int i = 0; i < 3; ++i) QTest::keyClick(window.get(), Qt::Key_Z, Qt::ControlModifier);
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().colour_by, ColourBy::Prediction);
}

TEST_F(Explorer, AKeyWorksTheSummariesOutWithoutChangingTheColours) {
  QTest::keyClick(window.get(), Qt::Key_S);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().summary);
  EXPECT_EQ(window->state().colour_by, ColourBy::Prediction);
  const auto names = field_names(window->scene_data());
  for (const SummaryFieldInfo& info : summary_fields)
    EXPECT_EQ(std::count(names.begin(), names.end(), info.name), 1) << info.name;
  // What all points receive is what all points give: their rows without the memory's share.
  double received = 0, given = 0;
  const auto& gates = *window->scene_data().gates;
  const LayerSummary& summary = *window->scene_data().summary;
  for (std::int64_t p = 0; p < window->scene_data().cloud->size(); ++p) {
    received += summary.field("received")->value(p);
    const double row = gates.field("gate_local")->value(p) + gates.field("gate_compressed")->value(p) +
                       gates.field("gate_selected")->value(p);
    given += row * (1 - summary.field("share_memory")->value(p));
  }
  EXPECT_NEAR(received / given, 1, 1e-4);
}

TEST_F(Explorer, WalkingAlongTheColoursWorksNothingOut) {
  for (int i = 0; i < 12; ++i) QTest::keyClick(window.get(), Qt::Key_C);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->scene_data().summary);
}

TEST_F(Explorer, WhoLooksAtThePointAndAtItsBall) {
  QTest::keyClick(window.get(), Qt::Key_6);  // nothing is queried yet
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Config);
  const auto [point, at] = visible_point(40);
  QTest::mouseClick(window->view(), Qt::LeftButton, {}, at);
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_6);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().who_looks);
  const auto who = attended_by(tap(), {0, -1, Branch::All, {point}});
  const Field* shown = shown_field(window->scene_data(), window->state());
  ASSERT_NE(shown, nullptr);
  for (std::size_t i = 0; i < who.points.size(); ++i)
    ASSERT_NEAR(shown->value(static_cast<std::int64_t>(i)), who.points[i], 1e-5);
  // The panel says what the numbers add up to.
  const auto* text = window->findChild<QLabel*>("received");
  ASSERT_TRUE(text && text->isVisible());
  EXPECT_TRUE(text->text().contains(QString::number(who.received, 'g', 4))) << text->text().toStdString();
  EXPECT_TRUE(text->text().contains("the point itself"));
  QTest::keyClick(window.get(), Qt::Key_7);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().who_looks);
  EXPECT_EQ(window->scene_data().who_looks->asked, std::ssize(window->scene_data().query->ball));
  EXPECT_GT(window->scene_data().who_looks->received, who.received);
  // Another query is another question.
  const auto [other, there] = visible_point(60);
  ASSERT_NE(other, point);
  QTest::mouseClick(window->view(), Qt::LeftButton, {}, there);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().who_looks);
  EXPECT_EQ(window->scene_data().who_looks->request.point, other);
}

}  // namespace
}  // namespace erwin::ui
