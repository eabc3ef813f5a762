// The table of heads by real clicks: it is filled when it is looked at, it sorts by numbers, a row is a selection.

#include <QDockWidget>
#include <QHeaderView>
#include <QTreeWidget>

#include "tests/ui/explorer/explorer_support.h"

namespace erwin::ui {
namespace {

class Heads : public Explorer {
protected:
  QTreeWidget* open_table() {
    QTest::keyClick(window.get(), Qt::Key_8, Qt::AltModifier);
    EXPECT_TRUE(settle());
    return window->findChild<QTreeWidget*>("heads");
  }
  static void click(QTreeWidget* table, QTreeWidgetItem* row) {
    table->scrollToItem(row);
    QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualItemRect(row).center());
  }
};

// Qt counts a panel behind another tab as visible; its answers cost more than the prediction.
TEST_F(Heads, AreNotWorkedOutBehindAnotherTab) {
  const auto* table = window->findChild<QTreeWidget*>("heads");
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->topLevelItemCount(), 0);
  EXPECT_EQ(open_table()->topLevelItemCount(), 10);
}

TEST_F(Heads, ShowsTheNumbersOfEveryHeadAndTheirMeans) {
  QTreeWidget* table = open_table();
  ASSERT_NE(table, nullptr);
  ASSERT_TRUE(table->isVisible());
  ASSERT_EQ(table->topLevelItemCount(), 2 * (4 + 1));
  const PointCloud& cloud = *window->scene_data().cloud;
  const auto direct = glance_at_heads(tap(), cloud.positions(0), {});
  for (const LayerGlance& layer : direct)
    for (const HeadGlance& head : layer.heads) {
      QTreeWidgetItem* row = table->topLevelItem(layer.layer * 5 + 1 + head.head);
      EXPECT_EQ(row->text(0), QString::number(layer.layer));
      EXPECT_EQ(row->text(1), QString::number(head.head));
      EXPECT_NEAR(row->text(2).toDouble(), head.distance, 0.01 * head.distance);
      EXPECT_NEAR(row->text(3).toDouble(), head.entropy, 0.01 * head.entropy);
      EXPECT_NEAR(row->text(5).toDouble(), head.gate_local, 0.01);
      EXPECT_NEAR(row->text(9).toDouble(), head.agreement, 0.01);
    }
  EXPECT_EQ(table->topLevelItem(0)->text(1), "mean");
}

TEST_F(Heads, AClickOnARowIsTheLayerAndHeadEverywhereAndCanBeTakenBack) {
  QTreeWidget* table = open_table();
  ASSERT_EQ(table->topLevelItemCount(), 10);
  click(table, table->topLevelItem(8));
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->session().selection().layer, 1);
  EXPECT_EQ(window->session().selection().head, 2);
  ASSERT_TRUE(window->scene_data().gates);
  EXPECT_EQ(window->scene_data().gates->head, 2);
  // And the other way round.
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->session().selection().layer, 0);
  EXPECT_EQ(table->currentItem(), table->topLevelItem(0));
  window->action("layer-next")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(table->currentItem(), table->topLevelItem(5));
}

TEST_F(Heads, AClickOnATitleSortsByNumber) {
  QTreeWidget* table = open_table();
  ASSERT_EQ(table->topLevelItemCount(), 10);
  QHeaderView* header = table->header();
  const QPoint title(header->sectionViewportPosition(2) + header->sectionSize(2) / 2, header->height() / 2);
  QTest::mouseClick(header->viewport(), Qt::LeftButton, {}, title);
  ASSERT_TRUE(settle());
  const auto distance = [&](int row) { return table->topLevelItem(row)->data(2, Qt::UserRole).toDouble(); };
  const bool up = header->sortIndicatorOrder() == Qt::AscendingOrder;
  for (int row = 1; row < 10; ++row)
    EXPECT_TRUE(up ? distance(row - 1) <= distance(row) : distance(row - 1) >= distance(row)) << row;
  const int layer = table->topLevelItem(3)->text(0).toInt();
  click(table, table->topLevelItem(3));
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->session().selection().layer, layer);
}

}  // namespace
}  // namespace erwin::ui
