// Missed blocks and the attribution panel by real keys and clicks, linked with the picture both ways.

#include <QApplication>
#include <QClipboard>
#include <QPushButton>
#include <QTreeWidget>

#include "core/base/error.h"
#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/attribution_panel.h"
#include "ui/scene/attention_colours.h"
#include "ui/scene/block_marks.h"

namespace erwin::ui {
namespace {

class Why : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    window->ask(500);
    ASSERT_TRUE(settle());
  }
  QTreeWidget* table(const char* name) { return window->findChild<QTreeWidget*>(name); }
  static void click(QTreeWidget* table, int row) {
    QTreeWidgetItem* item = table->topLevelItem(row);
    table->scrollToItem(item);
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualItemRect(item).center());
  }
  void attribute() {
    window->action("panel-attribution")->trigger();
    ASSERT_TRUE(settle());
    QTest::mouseClick(window->attribution_panel()->findChild<QPushButton*>("attribute"), Qt::LeftButton);
    ASSERT_TRUE(settle());
    ASSERT_TRUE(window->scene_data().attribution);
  }
};

TEST_F(Why, KShowsMissedBlocksAndRecallAndCanBeTakenBack) {
  EXPECT_FALSE(window->scene_data().missed);
  QTest::keyClick(window.get(), Qt::Key_N);
  ASSERT_TRUE(settle());
  const auto missed = window->scene_data().missed;
  ASSERT_TRUE(missed);
  EXPECT_NEAR(missed->recall, missed_mass(tap(), 0, -1, 500).recall, 1e-5);
  QTreeWidget* rows = table("missed");
  ASSERT_EQ(rows->topLevelItemCount(), std::ssize(missed->blocks));
  bool in_legend = false;
  for (const LegendSwatch& swatch : window->view()->scene().legend().swatches)
    in_legend |= swatch.colour == missed_colour(Theme::Dark);
  EXPECT_TRUE(in_legend);
  // Another layer misses other blocks.
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().missed);
  EXPECT_EQ(window->scene_data().missed->request.layer, 1);
  window->undo();
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->state().misses);
  EXPECT_FALSE(rows->isVisible());
}

TEST_F(Why, InsertAsksWhatIfAMissedBlockWereSelected) {
  window->action("misses")->trigger();
  ASSERT_TRUE(settle());
  QTreeWidget* rows = table("missed");
  ASSERT_GT(rows->topLevelItemCount(), 0);
  const int block = rows->topLevelItem(0)->text(1).toInt();
  rows->setFocus();
  rows->setCurrentItem(rows->topLevelItem(0));
  EXPECT_EQ(shown_block(window->state()), block);
  QTest::keyClick(rows, Qt::Key_Insert);
  ASSERT_TRUE(settle());
  ASSERT_EQ(window->session().now().what_if.size(), 1u);
  EXPECT_EQ(window->session().now().what_if[0].text, "force-in=" + std::to_string(block));
  bool selected = false;
  for (const MarkedBlock& mark : window->scene_data().query->blocks) selected |= mark.block == block;
  EXPECT_TRUE(selected);
}

TEST_F(Why, RecallIsAFieldOnRequest) {
  window->set_option("field", "recall");
  ASSERT_TRUE(settle());
  ASSERT_TRUE(window->scene_data().recall);
  EXPECT_EQ(window->view()->scene().legend().scale->title, "recall");
}

TEST_F(Why, ThePartsOfThePredictionAndItsBlocksAreListed) {
  attribute();
  const Attribution& made = window->scene_data().attribution->result;
  EXPECT_EQ(table("attribution-blocks")->topLevelItemCount(), std::ssize(made.blocks));
  QTreeWidget* parts = table("attribution-branches");
  double sum = 0;
  for (int row = 0; row + 1 < parts->topLevelItemCount(); ++row)
    sum += parts->topLevelItem(row)->data(1, Qt::UserRole).toDouble();
  EXPECT_NEAR(sum, made.prediction, 1e-4 * (std::abs(made.prediction) + made.contribution.magnitude));
  window->action("colour-contribution")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->view()->scene().legend().scale->map, ColourMap::Diverging);
  // Another point has not been asked about.
  window->ask(3);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->scene_data().attribution);
  EXPECT_TRUE(window->attribution_panel()->csv().isEmpty());
  EXPECT_THROW(window->save_attribution("nothing.csv"), Error);
}

TEST_F(Why, ARowIsABlockInThePictureAndTheOtherWayRound) {
  attribute();
  QTreeWidget* blocks = table("attribution-blocks");
  ASSERT_GT(blocks->topLevelItemCount(), 1);
  click(blocks, 1);
  ASSERT_TRUE(settle());
  const int block = blocks->topLevelItem(1)->text(0).toInt();
  EXPECT_EQ(shown_block(window->state()), block);
  const auto points = marked_block_points(window->scene_data(), window->state());
  ASSERT_FALSE(points.empty());
  // The query panel's table marks the same block, where it has it.
  for (int row = 0; row < table("blocks")->topLevelItemCount(); ++row) {
    const QTreeWidgetItem* same = table("blocks")->topLevelItem(row);
    EXPECT_EQ(same == table("blocks")->currentItem(), same->text(1).toInt() == block);
  }
  // The block under the cursor is bold.
  Q_EMIT window->view()->point_hovered(points.front());
  EXPECT_TRUE(blocks->topLevelItem(1)->font(0).bold());
  Q_EMIT window->view()->point_hovered(-1);
  EXPECT_FALSE(blocks->topLevelItem(1)->font(0).bold());
  // From elsewhere: the row follows.
  window->set_option("block", blocks->topLevelItem(0)->text(0).toStdString());
  ASSERT_TRUE(settle());
  EXPECT_EQ(blocks->currentItem(), blocks->topLevelItem(0));
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(shown_block(window->state()), -1) << "a block is one of its own layer";
}

TEST_F(Why, TheAttributionIsExportedAsNumbersAndAsAFigure) {
  EXPECT_THROW(window->export_to("attribution", "nothing.csv"), Error);
  attribute();
  const AttributionView& made = *window->scene_data().attribution;
  EXPECT_EQ(bytes_of(exported("attribution", "all.csv")).toStdString(), csv_of(made));
  const QString figure = QString::fromUtf8(bytes_of(exported("attribution", "all.svg")));
  EXPECT_TRUE(figure.startsWith("<svg "));
  for (const char* words : {">Parts of the prediction<", ">Deletion curves<", ">remainder<", ">contribution<"})
    EXPECT_TRUE(figure.contains(words)) << words;
  // Every block has its number below its bar.
  for (const AttributedBlock& block : made.result.blocks)
    EXPECT_TRUE(figure.contains(">" + QString::number(block.block) + "<")) << block.block;
}

TEST_F(Why, NothingIsAttributedWithoutAPoint) {
  window->ask(-1);
  ASSERT_TRUE(settle());
  window->action("attribute")->trigger();
  ASSERT_TRUE(settle());
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, ErrorKind::Config);
}

}  // namespace
}  // namespace erwin::ui
