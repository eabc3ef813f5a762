// Rollout, receptive field and summaries of all layers in the window.

#include <QLabel>
#include <QTreeWidget>
#include <cmath>

#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/colour_choices.h"

namespace erwin::ui {
namespace {

class ReachOfAQuery : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    window->ask_id(1234);
    ASSERT_TRUE(settle());
  }
  QString text(const char* name) { return window->findChild<QLabel*>(name)->text(); }
};

TEST_F(ReachOfAQuery, RolloutIsSteppedLayerByLayer) {
  QTest::keyClick(window.get(), Qt::Key_8);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().rollout);
  EXPECT_TRUE(text("rollout").startsWith("Rollout through layers 0 to 0: half of it lies in "));
  auto* table = window->findChild<QTreeWidget*>("rollout-steps");
  EXPECT_EQ(table->topLevelItemCount(), 1);
  QTest::keyClick(window.get(), Qt::Key_Period);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().rollout);
  EXPECT_TRUE(text("rollout").startsWith("Rollout through layers 0 to 1: "));
  EXPECT_EQ(table->topLevelItemCount(), 2);
  const auto steps = rollout(tap(), {.point = 1234, .last_layer = 1});
  const Field* shown = shown_field(window->scene_data(), window->state());
  ASSERT_TRUE(shown);
  for (std::size_t p = 0; p < 4096; ++p)
    ASSERT_NEAR(shown->value(static_cast<std::int64_t>(p)), steps.back().points[p], 1e-6);
  EXPECT_EQ(table->topLevelItem(0)->text(2), QString::number(100 * steps.front().concentration.share_90, 'g',
                                                             100 * steps.front().concentration.share_90 < 1 ? 2 : 3));
  // Undo goes back to the first layer, and the rollout with it.
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(table->topLevelItemCount(), 1);
}

TEST_F(ReachOfAQuery, TheReceptiveFieldStaysWhenTheLayerChanges) {
  window->action("colour-receptive-field")->trigger();
  ASSERT_TRUE(settle());
  const auto made = window->scene_data().receptive;
  ASSERT_TRUE(made);
  EXPECT_TRUE(text("receptive-field").contains("points have an influence above 1e-10"));
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->scene_data().receptive, made);
  // Another point has another one.
  window->ask_id(77);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().receptive);
  EXPECT_EQ(window->scene_data().receptive->point, 77);
}

TEST_F(ReachOfAQuery, WithoutAQueryThereIsNothingToFollow) {
  window->ask(-1);
  ASSERT_TRUE(settle());
  window->action("colour-rollout")->trigger();
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Config);
}

TEST_F(ReachOfAQuery, SummariesAreOfOneLayerOrOfAll) {
  window->colour_by(ColourBy::Field, "entropy");
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->scene_data().summary->layer, 0);
  QTest::keyClick(window.get(), Qt::Key_S, Qt::ShiftModifier);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().summary);
  EXPECT_EQ(window->scene_data().summary->layer, -1);
  const LayerSummary mean = mean_of(summarise(tap(), window->scene_data().cloud->positions(0), {}, {}));
  for (std::int64_t p = 0; p < 4096; p += 7)
    ASSERT_NEAR(window->scene_data().summary->field("entropy")->value(p), mean.field("entropy")->value(p), 1e-3);
  bool said = false;
  for (const ColourChoice& choice : colour_choices(window->scene_data(), window->state()))
    said = said || choice.text == "entropy, all layers";
  EXPECT_TRUE(said);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->scene_data().summary->layer, 0);
}

}  // namespace
}  // namespace erwin::ui
