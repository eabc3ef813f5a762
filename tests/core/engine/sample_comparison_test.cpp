// Another sample beside the shown one, against the same network run on it directly.

#include "core/engine/sample_comparison.h"

#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"

namespace erwin {
namespace {

using test::settle;

TEST(Against, SaysWhatIsNotUnderstood) {
  const Against sample = against_from("layer=1,sample=car#2,point=7");
  EXPECT_EQ(sample.sample, "car#2");
  EXPECT_EQ(sample.point, 7);
  EXPECT_EQ(sample.layer, 1);
  EXPECT_EQ(to_string(sample), "layer=1,sample=car#2,point=7");
  EXPECT_EQ(against_from("head=-1").head, -1);
  for (const char* wrong :
       {"layer=-1", "layer=x", "head=-2", "sample=", "point=3", "other.h5,sample=a", "sample=a,point=-2", "layer=1,,"})
    EXPECT_THROW(against_from(wrong), Error) << wrong;
}

TEST(BoxToBox, LaysMiddleOnMiddleAndDiagonalOnDiagonal) {
  PointCloud::Parts small, large;
  small.positions = {0, 0, 0, 2, 2, 1};
  large.positions = {10, 0, 0, 14, 4, 2, 12, 2, 1};
  const auto a = std::make_shared<const PointCloud>(std::move(small)),
             b = std::make_shared<const PointCloud>(std::move(large));
  const BoxToBox boxes = box_to_box(*a, 0, *b, 0);
  EXPECT_DOUBLE_EQ(boxes.scale, 2);
  const auto corner = boxes.place({2, 2, 1});
  EXPECT_DOUBLE_EQ(corner[0], 14);
  EXPECT_DOUBLE_EQ(corner[2], 2);
  const auto back = boxes.reversed().place(corner);
  EXPECT_DOUBLE_EQ(back[0], 2);
  EXPECT_EQ(corresponding_point(*a, 0, 1, *b, 0), 1);
}

TEST(Samples, TheSameNetworkSaysWhatItSaysOfTheOther) {
  const PointCloudPtr cloud = make_sample_cloud(1000), other = make_sample_cloud(1300, 5);
  Engine engine;
  engine.load(test::untrained(test::small_nsa()), "small.h5");
  engine.predict(cloud);
  settle(engine, engine.mailbox());
  SampleRequest request{against_from("sample=other"), {40, 1, 2, Branch::All}, "entropy", false};
  engine.compare_sample(request, other);
  EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.sample_comparison);
  const auto first = snapshot.sample_comparison;  // it outlives the snapshot
  const SampleComparison& made = *first;
  const Predictor direct{test::untrained(test::small_nsa())};
  TapRequest all;
  all.all_layers = true;
  const auto result = direct.run(*other, 0, all);
  const Field& theirs = result.fields.front();
  const Field* ours = made.prediction->field("prediction");
  ASSERT_TRUE(ours);
  for (std::int64_t point = 0; point < 1300; point += 7) ASSERT_EQ(ours->value(point), theirs.value(point));
  EXPECT_EQ(made.query.point, corresponding_point(*cloud, 0, 40, *other, 0));
  ASSERT_TRUE(made.view);
  const QueryView view = make_query_view(*result.tap, made.query);
  EXPECT_EQ(made.view->row.points, view.row.points);
  ASSERT_TRUE(made.summary && made.summary->field("entropy"));
  const auto summary = make_summary_fields(*result.tap, *other, 0, 1, 2);
  EXPECT_EQ(made.summary->field("entropy")->value(9), summary->field("entropy")->value(9));
  // A point of the other's own.
  request.against.point = 3;
  engine.compare_sample(request, other);
  snapshot = settle(engine, engine.mailbox());
  EXPECT_EQ(snapshot.sample_comparison->query.point, other->point_of_row(3));
  EXPECT_EQ(snapshot.sample_comparison->prediction, made.prediction);  // it is not run again
  engine.compare_sample({}, nullptr);
  EXPECT_FALSE(settle(engine, engine.mailbox()).sample_comparison);
}

TEST(HeadRows, AreTheRowsOfTheHeads) {
  const PointCloudPtr cloud = make_sample_cloud(1000);
  Engine engine;
  engine.load(test::untrained(test::small_nsa()), "small.h5");
  engine.predict(cloud);
  settle(engine, engine.mailbox());
  engine.ask_head_rows({40, 1, -1, Branch::All}, {3, 1});
  const EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.head_rows && snapshot.head_rows->rows.size() == 2);
  const Predictor direct{test::untrained(test::small_nsa())};
  TapRequest all;
  all.all_layers = true;
  const auto result = direct.run(*cloud, 0, all);
  EXPECT_EQ(snapshot.head_rows->rows[0]->row.points, make_query_view(*result.tap, {40, 1, 3, Branch::All}).row.points);
  EXPECT_EQ(snapshot.head_rows->rows[1]->row.points, make_query_view(*result.tap, {40, 1, 1, Branch::All}).row.points);
}

}  // namespace
}  // namespace erwin
