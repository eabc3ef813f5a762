// Several pictures: another sample beside the open one, and four heads of the query.

#include <QLabel>
#include <QLineEdit>
#include <algorithm>
#include <cmath>
#include <set>

#include "core/engine/sample_cloud.h"
#include "core/io/write.h"
#include "tests/ui/explorer/explorer_support.h"
#include "ui/panels/legend_bar.h"
#include "ui/scene/colour_scale.h"
#include "ui/scene/offscreen_scene.h"
#include "ui/window/command_palette.h"

namespace erwin::ui {
namespace {

class Pictures : public Explorer {
protected:
  // A data set of two cars of different sizes, the first one open, and the network.
  void open_two() {
    io::write_hdf5(folder_.path() / "cars.h5",
                   {{"one", make_sample_cloud(1000, 1)}, {"two", make_sample_cloud(1500, 9)}});
    window->open(QString::fromStdString((folder_.path() / "cars.h5").string()));
    ASSERT_TRUE(settle());
    ASSERT_EQ(window->scene_data().cloud->size(), 1000);
    ASSERT_TRUE(window->scene_data().prediction);
  }
  // As a person does: the key, a few letters, Return.
  void choose_two() {
    QTest::keyClick(window.get(), Qt::Key_V, Qt::ShiftModifier);
    auto* palette = window->findChild<CommandPalette*>();
    ASSERT_TRUE(palette);
    QTest::keyClicks(palette->findChild<QLineEdit*>(), "two");
    QTest::keyClick(palette->findChild<QLineEdit*>(), Qt::Key_Return);
    ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle() && window->compared_fields(); }, 60000));
  }
  QString text() { return window->findChild<QLabel*>("compared")->text(); }
  void click(SceneView* view, std::int64_t skip) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(view->scene().data().cloud->size()));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    const auto located = view->scene().locate(all);
    for (std::size_t i = 0; i < located.size(); ++i) {
      const QPoint at(static_cast<int>(located[i].x), static_cast<int>(located[i].y));
      if (!located[i].visible || view->covered_by_strip(at) || view->pick(at) < 0 || skip-- > 0) continue;
      clicked = view->pick(at);
      return QTest::mouseClick(view, Qt::LeftButton, {}, at);
    }
    FAIL() << "no point can be clicked";
  }
  std::int64_t clicked = -1;

private:
  test::ScratchFolder folder_;
};

TEST_F(Pictures, AnotherSampleIsPredictedAndShownBesideTheOpenOne) {
  open_two();
  choose_two();
  EXPECT_TRUE(window->state().against.ends_with("#two"));
  SceneView* side = window->side();
  ASSERT_TRUE(side && side->isVisible());
  const SceneData& there = side->scene().data();
  ASSERT_EQ(there.cloud->size(), 1500);
  ASSERT_TRUE(there.prediction);
  // One range: from the smaller minimum to the larger maximum of both predictions.
  const Field &ours = *window->scene_data().prediction->field("prediction"),
              &theirs = *there.prediction->field("prediction");
  const auto &left = window->view()->scene().legend().scale, &right = side->scene().legend().scale;
  ASSERT_TRUE(left && right);
  EXPECT_EQ(left->minimum, std::min(ours.range()->minimum, theirs.range()->minimum));
  EXPECT_EQ(left->maximum, std::max(ours.range()->maximum, theirs.range()->maximum));
  EXPECT_EQ(right->minimum, left->minimum);
  EXPECT_EQ(right->maximum, left->maximum);
  EXPECT_TRUE(window->legend_bar().isVisible());
  EXPECT_FALSE(window->view()->scene().state().legend);  // it would lie on the cloud
  // The numbers are those of both fields.
  const DistributionPair expected = compare_distributions(ours, 0, theirs, 0, 0);
  EXPECT_DOUBLE_EQ(window->compared_fields()->numbers.wasserstein, expected.wasserstein);
  EXPECT_DOUBLE_EQ(window->compared_fields()->numbers.other.mean, expected.other.mean);
  EXPECT_TRUE(text().contains("1,500") && text().contains("nothing is subtracted"));
  // Cameras are linked from box to box, from either side.
  const BoxToBox boxes = box_to_box(*window->scene_data().cloud, 0, *there.cloud, 0);
  window->view()->orbit_by(25, 5);
  EXPECT_EQ(side->camera(), carried(window->view()->camera(), boxes));
  side->zoom_by(1.5);
  EXPECT_EQ(window->view()->camera(), carried(side->camera(), boxes.reversed()));
  // D has no difference to show, and says why.
  QTest::keyClick(window.get(), Qt::Key_D);
  const auto failure = window->take_failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->message, "two samples have no difference");
  // Errors and summaries are compared, too.
  window->colour_by(ColourBy::Error);
  ASSERT_TRUE(QTest::qWaitFor([&] { return window->idle() && window->compared_fields(); }, 60000));
  EXPECT_EQ(window->compared_fields()->of.other->name(), "error");
  window->colour_by(ColourBy::Field, "entropy");
  ASSERT_TRUE(QTest::qWaitFor([&] { return window->idle() && window->compared_fields(); }, 60000));
  EXPECT_EQ(window->compared_fields()->of.other->points(), 1500);
  // Undone, it is one picture again.
  window->action("compare-none")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_FALSE(side->isVisible());
  EXPECT_TRUE(text().isEmpty());
  EXPECT_TRUE(window->view()->scene().state().legend);
  window->undo();
  ASSERT_TRUE(QTest::qWaitFor([&] { return window->idle() && window->compared_fields(); }, 60000));
  EXPECT_TRUE(side->isVisible());
}

// Locked while one picture was there, or given as numbers: the same ends in both, whichever sample is where.
TEST_F(Pictures, ALockedRangeHoldsForBothSamplesAndForThoseThatFollow) {
  open_two();
  const FieldRange own = *window->scene_data().prediction->field("prediction")->range();
  const auto expect_ends = [&](SceneView* view, double low, double high) {
    const PointColours& drawn = view->scene().colours();
    ASSERT_TRUE(drawn.legend.scale);
    EXPECT_EQ(drawn.legend.scale->minimum, low);
    EXPECT_EQ(drawn.legend.scale->maximum, high);
    const Field* field = shown_field(view->scene().data(), view->scene().state());
    LegendScale scale;
    scale.minimum = low;
    scale.maximum = high;
    for (std::size_t point = 0; point < drawn.rgb.size(); point += 50)
      ASSERT_EQ(drawn.rgb[point], ColourTable(scale)(field->value(static_cast<std::int64_t>(point))));
  };
  window->set_option("range", "locked");
  choose_two();
  SceneView* side = window->side();
  ASSERT_TRUE(side && side->isVisible());
  expect_ends(window->view(), own.minimum, own.maximum);
  expect_ends(side, own.minimum, own.maximum);
  // The other sample alone, and back.
  window->action("compare-none")->trigger();
  window->open_sample("cars#two");
  ASSERT_TRUE(settle());
  ASSERT_EQ(window->scene_data().cloud->size(), 1500);
  expect_ends(window->view(), own.minimum, own.maximum);
  EXPECT_EQ(window->state().range_mode, RangeMode::Locked);
  EXPECT_FALSE(window->state().range) << "the lock's numbers are the picture's, not the session's";
  // Numbers that are given.
  window->set_option("range", "-3,5");
  window->set_option("against", "sample=cars#one");
  ASSERT_TRUE(QTest::qWaitFor([this] { return window->idle() && window->compared_fields(); }, 60000));
  expect_ends(window->view(), -3, 5);
  expect_ends(side, -3, 5);
  window->open_sample("cars#one");
  ASSERT_TRUE(settle());
  ASSERT_EQ(window->scene_data().cloud->size(), 1000);
  expect_ends(window->view(), -3, 5);
  // Of another quantity they would mean nothing.
  window->colour_by(ColourBy::Field, "pressure");
  EXPECT_FALSE(window->state().range);
}

TEST_F(Pictures, TheOtherSampleIsAskedAtTheSamePlaceOrWhereItIsClicked) {
  open_two();
  choose_two();
  window->ask_id(300);
  ASSERT_TRUE(settle());
  SceneView* side = window->side();
  const std::int64_t same = corresponding_point(*window->scene_data().cloud, 0, 300, *side->scene().data().cloud, 0);
  ASSERT_TRUE(side->scene().data().query);
  EXPECT_EQ(side->scene().data().query->request.point, same);
  ASSERT_NO_FATAL_FAILURE(click(side, 40));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(side->scene().data().query);
  EXPECT_EQ(side->scene().data().query->request.point, clicked);
  EXPECT_EQ(window->state().query.point, 300);
  EXPECT_TRUE(window->state().against.ends_with(",point=" + std::to_string(clicked)));
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(side->scene().data().query->request.point, same);
}

TEST_F(Pictures, ASampleThatIsNotThereIsAFailureAndTheWindowGoesOn) {
  window->set_option("against", "sample=nowhere");
  ASSERT_TRUE(settle());
  EXPECT_TRUE(window->take_failure());
  EXPECT_EQ(window->pictures().size(), 1u);
  EXPECT_THROW(window->set_option("against", "layer=-1"), Error);
}

TEST_F(Pictures, FourHeadsShowTheQuerysRowsWithOneCameraAndOneRange) {
  QTest::keyClick(window.get(), Qt::Key_H);
  EXPECT_TRUE(window->take_failure());  // no point is asked
  window->ask_id(900);
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_H);
  ASSERT_TRUE(settle());
  const std::vector<SceneView*> views = window->pictures();
  ASSERT_EQ(views.size(), 4u);
  double most = 0;
  for (int head = 0; head < 4; ++head) {
    SceneView* view = views[static_cast<std::size_t>(head)];
    EXPECT_EQ(view->scene().state().title, "head " + std::to_string(head));
    AttentionQuery query;
    query.head = head;
    query.point = 900;
    const AttentionRow row = attention_row(tap(), query);
    const Field* shown = shown_field(view->scene().data(), view->scene().state());
    ASSERT_TRUE(shown);
    for (std::int64_t point = 0; point < 4096; point += 5)
      ASSERT_NEAR(shown->value(point), row.points[static_cast<std::size_t>(point)], 1e-6);
    most = std::max(most, shown->range()->maximum);
  }
  for (SceneView* view : views) {
    ASSERT_TRUE(view->scene().legend().scale);
    EXPECT_EQ(view->scene().legend().scale->maximum, most);
    EXPECT_EQ(view->camera(), window->view()->camera());
  }
  views[3]->orbit_by(40, 0);
  for (SceneView* view : views) EXPECT_EQ(view->camera(), views[3]->camera());
  // A click chooses the head, the next one a point.
  ASSERT_NO_FATAL_FAILURE(click(views[2], 30));
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().query.head, 2);
  EXPECT_EQ(window->state().query.point, 900);
  EXPECT_TRUE(views[2]->parentWidget()->property("chosen").toBool());
  EXPECT_FALSE(views[0]->parentWidget()->property("chosen").toBool());
  ASSERT_NO_FATAL_FAILURE(click(views[2], 30));
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->state().query.point, clicked);
  for (SceneView* view : views) EXPECT_EQ(view->scene().data().query->request.point, clicked);
  // The picture that is saved holds all of them.
  const Picture picture = window->picture();
  EXPECT_GT(picture.height, 2 * views[0]->height());
  EXPECT_GT(picture.width, 2 * views[0]->width());
  // Others by name; undo and the key show one again.
  window->set_option("heads", "3,1");
  ASSERT_TRUE(settle());
  ASSERT_EQ(window->pictures().size(), 2u);
  EXPECT_EQ(window->view()->scene().state().query.head, 3);
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->pictures().size(), 4u);
  QTest::keyClick(window.get(), Qt::Key_H);
  ASSERT_TRUE(settle());
  EXPECT_EQ(window->pictures().size(), 1u);
  EXPECT_EQ(window->view()->scene().state().query.head, 2);
  for (const char* wrong : {"1,1", "0,1,2,3,4", "x", "-1"}) EXPECT_THROW(window->set_option("heads", wrong), Error);
}

// Head by head the pictures show what the one picture shows with the same changes.
TEST_F(Pictures, FourHeadsFollowAWhatIf) {
  const auto rows = [&] {
    std::vector<std::vector<float>> all;
    for (SceneView* view : window->pictures()) {
      const Field* field = shown_field(view->scene().data(), view->scene().state());
      all.emplace_back(field->values().begin(), field->values().end());
    }
    return all;
  };
  window->ask_id(900);
  ASSERT_TRUE(settle());
  QTest::keyClick(window.get(), Qt::Key_H);
  ASSERT_TRUE(settle());
  const auto as_it_is = rows();
  ASSERT_EQ(as_it_is.size(), 4u);
  window->what_if("branch-off=local --layer all");
  ASSERT_TRUE(settle());
  const auto changed = rows();
  ASSERT_EQ(changed.size(), 4u);
  const std::vector<SceneView*> views = window->pictures();
  for (std::size_t head = 0; head < 4; ++head) {
    EXPECT_NE(changed[head], as_it_is[head]);
    EXPECT_EQ(views[head]->scene().state().title, "head " + std::to_string(head) + ", what-if");
    EXPECT_EQ(views[head]->scene().legend().scale->maximum, views[0]->scene().legend().scale->maximum);
  }
  EXPECT_TRUE(window->legend_bar().caption().contains("what-if: 1 change"));
  EXPECT_FALSE(window->legend_bar().caption().contains("without it"));
  // Another change of the same list, and its end.
  window->action("what-if-switch")->trigger();
  ASSERT_TRUE(settle());
  EXPECT_EQ(rows(), as_it_is);
  EXPECT_EQ(views[1]->scene().state().title, "head 1");
  window->undo();
  ASSERT_TRUE(settle());
  EXPECT_EQ(rows(), changed);
  // One picture, head by head.
  QTest::keyClick(window.get(), Qt::Key_H);
  ASSERT_TRUE(settle());
  for (const int head : {0, 3}) {
    window->set_option("head", std::to_string(head));
    ASSERT_TRUE(settle());
    ASSERT_EQ(window->pictures().size(), 1u);
    EXPECT_EQ(rows()[0], changed[static_cast<std::size_t>(head)]);
  }
  // Where the network no longer sees the point there is no changed row, and that is said.
  QTest::keyClick(window.get(), Qt::Key_H);
  window->what_if("hide=query");
  ASSERT_TRUE(settle());
  EXPECT_EQ(rows(), as_it_is);
  EXPECT_EQ(views[1]->scene().state().title, "head 1");
  EXPECT_TRUE(window->legend_bar().caption().contains("without it"));
}

}  // namespace
}  // namespace erwin::ui
