// The what-if panel by real keys and clicks: a change is made, predicted with, switched off, removed and taken back.

#include <QComboBox>
#include <QLabel>
#include <QPushButton>
#include <QTreeWidget>
#include <cmath>

#include "core/base/error.h"
#include "core/io/open.h"
#include "core/model/what_if.h"
#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/what_if_panel.h"
#include "ui/scene/attention_colours.h"

namespace erwin::ui {
namespace {

class WhatIfDock : public Explorer {
protected:
  void SetUp() override {
    Explorer::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    window->ask(500);
    ASSERT_TRUE(settle());
    QTest::keyClick(window.get(), Qt::Key_Exclam, Qt::AltModifier | Qt::ShiftModifier);
    if (!panel()->isVisible()) window->action("panel-what-if")->trigger();
    ASSERT_TRUE(settle());
    ASSERT_TRUE(panel()->isVisible());
  }
  WhatIfPanel* panel() { return window->what_if_panel(); }
  template <typename Widget>
  Widget* part(const char* name) {
    return panel()->findChild<Widget*>(name);
  }
  const std::vector<WhatIfEntry>& entries() { return window->session().now().what_if; }
  void add(const char* kind, const char* which) {
    auto* box = part<QComboBox>("what-if-kind");
    box->setCurrentIndex(box->findData(QString(kind)));
    part<QComboBox>("what-if-which")->setCurrentText(which);
    QTest::mouseClick(part<QPushButton>("what-if-add"), Qt::LeftButton);
    ASSERT_TRUE(settle());
  }
  QTreeWidget* list() { return part<QTreeWidget>("what-if-list"); }
};

TEST_F(WhatIfDock, AChangeIsPredictedWithAndShown) {
  add("head-off", "2");
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(entries()[0], (WhatIfEntry{"head-off=2", 0, -1, 500, true}));
  const auto view = window->scene_data().what_if;
  ASSERT_TRUE(view);
  EXPECT_GT(view->largest, 0);
  EXPECT_EQ(list()->topLevelItemCount(), 1);
  EXPECT_TRUE(part<QLabel>("what-if-numbers")->text().contains("After"));
  // Its difference as a colour.
  QTest::mouseClick(part<QPushButton>("what-if-difference"), Qt::LeftButton);
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().field, what_if_difference);
  ASSERT_TRUE(window->view()->scene().legend().scale);
  EXPECT_EQ(window->view()->scene().legend().scale->map, ColourMap::Diverging);
  // And it is said.
  bool said = false;
  for (const QLabel* label : window->findChildren<QLabel*>())
    said |= label->text().startsWith("What-if is on: head 2 off");
  EXPECT_TRUE(said);
}

TEST_F(WhatIfDock, IsSwitchedOffRemovedAndTakenBack) {
  add("branch-off", "selected");
  const double with_one = window->scene_data().what_if->largest;
  window->what_if("S=1");
  ASSERT_TRUE(settle());
  ASSERT_EQ(list()->topLevelItemCount(), 2);
  // Space switches the marked row.
  list()->setFocus();
  list()->setCurrentItem(list()->topLevelItem(1));
  QTest::keyClick(list(), Qt::Key_Space);
  ASSERT_TRUE(settle());
  EXPECT_FALSE(entries()[1].on);
  EXPECT_EQ(window->scene_data().what_if->largest, with_one);
  QTest::keyClick(list(), Qt::Key_Delete);
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(entries().size(), 2u);
  window->action("what-if-switch")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_FALSE(window->scene_data().what_if);
  window->action("what-if-clear")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(entries().empty());
  for (int i = 0; i < 5; ++i) window->undo();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(entries().empty());
  EXPECT_FALSE(window->scene_data().what_if);
}

TEST_F(WhatIfDock, HiddenPointsLeaveThePictureAndTheAttention) {
  window->ask(3);
  ASSERT_TRUE(settle());
  const auto before = window->scene_data().query;
  window->what_if("hide=500-520");
  ASSERT_TRUE(settle());
  const auto emphasis = emphasis_of(window->scene_data(), window->state());
  ASSERT_EQ(std::ssize(emphasis), window->scene_data().cloud->size());
  EXPECT_EQ(emphasis[510], Emphasis::Hidden);
  ASSERT_TRUE(window->scene_data().query);
  EXPECT_NE(window->scene_data().query, before);
  EXPECT_EQ(window->scene_data().query->row.points[510], 0);
  window->what_if("off 0");
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->scene_data().query->row.points[510], before->row.points[510]);
}

TEST_F(WhatIfDock, FilesNameWhatIsOfTheChangedRun) {
  window->what_if("hide=3");
  window->what_if("move=5:0.5,0,0");
  ASSERT_TRUE(settle());
  const auto& view = window->scene_data().what_if;
  ASSERT_TRUE(view);
  const PointCloud& cloud = *window->scene_data().cloud;
  const PointCloudPtr read = io::open(exported("field", "all.h5").toStdString());
  EXPECT_TRUE(read->field("attention_what_if"));
  EXPECT_FALSE(read->field("attention"));
  const Field &after = read->require_field("prediction_what_if"), &moved = read->require_field("moved_by");
  EXPECT_TRUE(std::isnan(after.value(3)));
  EXPECT_EQ(after.value(5), view->prediction.value(5));
  EXPECT_EQ(moved.value(5, 0), 0.5f);
  EXPECT_EQ(moved.value(6, 0), 0);
  EXPECT_NEAR(read->position(5)[0], cloud.position(5)[0] + 0.5, 1e-5);

  const auto titles = [&](const char* name) {
    const QByteArray table = bytes_of(exported("points", name));
    return table.left(table.indexOf('\n'));
  };
  EXPECT_EQ(titles("points.csv"), "id,weight_what_if,x,y,z");
  window->action("panel-matrix")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(bytes_of(exported("matrix", "matrix.svg")).contains(">Of the network"));  // the caption's lines wrap
  // The network as it is has the plain names.
  window->action("what-if-clear")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(titles("plain.csv"), "id,weight,x,y,z");
  EXPECT_FALSE(io::open(exported("field", "plain.h5").toStdString())->field("prediction_what_if"));
}

TEST_F(WhatIfDock, ABlockOfTheQuerysTableIsTakenOutByItsKey) {
  const std::int32_t block = window->scene_data().query->blocks.front().block;
  auto* blocks = window->findChild<QTreeWidget*>("blocks");
  window->action("panel-query")->trigger();
  blocks->setFocus();
  blocks->setCurrentItem(blocks->topLevelItem(0));
  QTest::keyClick(blocks, Qt::Key_Delete);
  ASSERT_TRUE(settle());
  ASSERT_EQ(entries().size(), 1u);
  EXPECT_EQ(entries()[0].text, "force-out=" + std::to_string(block));
  for (const MarkedBlock& left : window->scene_data().query->blocks) EXPECT_NE(left.block, block);
}

TEST_F(WhatIfDock, WhatIsWrongIsSaidAndNothingChanges) {
  for (const char* bad : {"head-off=77", "nonsense", "off 3", "head-off=1 --north 2", "S=2 --layer"})
    EXPECT_THROW(window->what_if(bad), Error) << bad;
  EXPECT_TRUE(entries().empty());
  add("hide-block", "seven");
  EXPECT_TRUE(entries().empty());
  EXPECT_TRUE(window->take_failure());
}

// Another cloud has other points: its changes do not come along, and undo brings them back with their cloud.
TEST_F(WhatIfDock, AnotherCloudStartsWithoutChanges) {
  window->what_if("hide=500-520");
  ASSERT_TRUE(settle());
  window->close_cloud();
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle(); }, 60000));
  open_sample();
  ASSERT_TRUE(settle());
  EXPECT_TRUE(entries().empty());
}

}  // namespace
}  // namespace erwin::ui
