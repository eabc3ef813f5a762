// Changes as text, and what the engine makes of them: the same numbers as the network asked directly.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/engine/engine.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"

namespace erwin {
namespace {

using test::settle;

class WhatIfEngine : public testing::Test {
protected:
  void SetUp() override {
    engine.load(test::untrained(config), "small.h5");
    engine.predict(cloud);
    snapshot = settle(engine, engine.mailbox());
    ASSERT_TRUE(snapshot.prediction);
  }
  const EngineSnapshot& ask(const std::vector<WhatIfEntry>& entries, const QueryRequest& request = {}) {
    engine.what_if(entries, request);
    return snapshot = settle(engine, engine.mailbox());
  }
  WhatIf read(const WhatIfEntry& entry) const {
    return what_if_of(std::vector<WhatIfEntry>{entry}, *cloud, snapshot.prediction->layers, config);
  }

  ModelConfig config = test::small_nsa();
  PointCloudPtr cloud = make_sample_cloud(1000);
  Engine engine;
  EngineSnapshot snapshot;
  Predictor predictor{test::untrained(config)};
};

TEST_F(WhatIfEngine, WordsForPointsAreTheOnesOfTheLayersOwnTree) {
  engine.query({500, 1, -1, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  const QueryView& view = *snapshot.query;
  const WhatIf ball = read({"hide=ball", 1, -1, 500});
  EXPECT_EQ(ball.cloud.hidden, std::vector<std::int64_t>(view.ball.begin(), view.ball.end()));
  const MarkedBlock& block = view.blocks.front();
  const WhatIf moved = read({"move=block" + std::to_string(block.block) + ":1,0,-2.5", 1});
  ASSERT_EQ(moved.cloud.movements.size(), 1u);
  EXPECT_EQ(moved.cloud.movements[0].points, std::vector<std::int64_t>(block.points.begin(), block.points.end()));
  EXPECT_EQ(moved.cloud.movements[0].offset[2], -2.5);
  const WhatIf forced = read({"force-out=" + std::to_string(block.block), 1, -1, 500});
  ASSERT_EQ(forced.attention.forced.size(), 1u);
  EXPECT_EQ(forced.attention.forced[0].query_block, view.slot / config.flat.block_size);
  EXPECT_EQ(read({"hide=query,3-5", 0, -1, 9}).cloud.hidden, (std::vector<std::int64_t>{9, 3, 4, 5}));
  EXPECT_EQ(std::ssize(read({"scale=all:2"}).cloud.movements[0].points), cloud->size());
  EXPECT_TRUE(read({"nonsense", 0, -1, -1, false}).empty()) << "what is off is not read";
}

TEST_F(WhatIfEngine, AChangeTakesItsOwnOptionsOrThoseItStandsBeside) {
  const WhatIfEntry beside{{}, 1, 2, 7, true};
  const auto read_text = [&](const std::string& text) { return entry_from(text, beside, *cloud); };
  EXPECT_EQ(read_text("head-off=3"), (WhatIfEntry{"head-off=3", 1, 2, 7, true}));
  EXPECT_EQ(read_text("edit=my field:3:1:-1 --layer all --head mean --point none  "),
            (WhatIfEntry{"edit=my field:3:1:-1", -1, -1, -1, true}));
  EXPECT_EQ(read_text("hide=ball --layer 0 --point 9"), (WhatIfEntry{"hide=ball", 0, 2, 9, true}));
  for (const WhatIfEntry& entry : {WhatIfEntry{"move=3:1,0,-2", 0, 3, 999}, WhatIfEntry{"S=2"}})
    EXPECT_EQ(read_text(text_of(entry, entry.point)), entry);  // the cloud's ids are its indices
  for (const char* bad :
       {"S=2 --layer", "S=2 --layer x", "S=2 --frame 3", "S=2 3", "S=2 --point 1000", "S=2 --point -1"})
    EXPECT_THROW(
        (void)what_if_of(std::vector<WhatIfEntry>{read_text(bad)}, *cloud, snapshot.prediction->layers, config), Error)
        << bad;
}

TEST_F(WhatIfEngine, WhatIsNotThereIsRefused) {
  for (const WhatIfEntry& bad : std::vector<WhatIfEntry>{{"head-off=4", 0},
                                                         {"head-off=x", 0},
                                                         {"S=0", 0},
                                                         {"hide=ball", 0, -1, -1},
                                                         {"hide=ball", -1, -1, 5},
                                                         {"hide=block99", 0},
                                                         {"hide=1000", 0},
                                                         {"hide=5-3", 0},
                                                         {"force-out=1", 0, -1, -1},
                                                         {"force-in=99", 0, -1, 5},
                                                         {"gate.local=1.5", 0},
                                                         {"gate.up=1", 0},
                                                         {"move=3:1,2", 0},
                                                         {"move=3:1,2,inf", 0},
                                                         {"edit=cold:3:1:1", 0},
                                                         {"exclude=all", 0},
                                                         {"teleport=3", 0},
                                                         {"nothing", 0},
                                                         {"head-off=1", 7}})
    try {
      (void)read(bad);
      ADD_FAILURE() << bad.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Config) << bad.text;
    }
}

TEST_F(WhatIfEngine, SaysWhatTheNetworkSays) {
  const std::vector<WhatIfEntry> entries{
      {"head-off=2", 1}, {"branch-off=local", -1}, {"hide=ball", 0, -1, 500}, {"S=1", 0, -1, -1, false}};
  ask(entries, {3, 1, -1, Branch::All});
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.what_if);
  const WhatIfView& view = *snapshot.what_if;
  EXPECT_EQ(view.changes, 3);
  const WhatIfRunner runner(predictor, cloud, 0);
  const WhatIf direct = what_if_of(entries, *cloud, snapshot.prediction->layers, config);
  const WhatIfRunner::Result result = runner.run(direct);
  ASSERT_FALSE(view.hidden.empty());
  for (std::int64_t point = 0; point < cloud->size(); ++point) {
    const double after = view.prediction.value(point);
    if (std::binary_search(view.hidden.begin(), view.hidden.end(), point)) {
      EXPECT_TRUE(std::isnan(after));
      continue;
    }
    EXPECT_FLOAT_EQ(static_cast<float>(after), static_cast<float>(result.prediction.value(point)));
    EXPECT_NEAR(view.difference.value(point), after - view.before->value(point), 1e-4);
  }
  EXPECT_GT(view.largest, 0);
  EXPECT_GE(view.largest, view.root_mean_square);
}

// Where the query looks in the changed run, in indices of the whole cloud.
TEST_F(WhatIfEngine, AttentionFollowsAndHiddenPointsGetNone) {
  ask({{"hide=ball", 1, -1, 500}}, {3, 1, -1, Branch::All});
  ASSERT_TRUE(snapshot.what_if && snapshot.what_if_query);
  const QueryView& view = *snapshot.what_if_query;
  EXPECT_EQ(view.request.point, 3);
  ASSERT_EQ(std::ssize(view.row.points), cloud->size());
  for (const std::int64_t point : snapshot.what_if->hidden) {
    EXPECT_EQ(view.row.points[static_cast<std::size_t>(point)], 0);
    EXPECT_FALSE(std::find(view.ball.begin(), view.ball.end(), point) != view.ball.end());
  }
  double sum = view.row.memory;
  for (const float weight : view.row.points) sum += static_cast<double>(weight);
  EXPECT_NEAR(sum, view.row.expected_sum, 1e-4);
  EXPECT_TRUE(std::find(view.ball.begin(), view.ball.end(), 3) != view.ball.end());
  // A hidden query looks nowhere.
  ask({{"hide=ball", 1, -1, 500}}, {500, 1, -1, Branch::All});
  EXPECT_TRUE(snapshot.what_if);
  EXPECT_FALSE(snapshot.what_if_query);
}

// As one asks head by head.
TEST_F(WhatIfEngine, SeveralHeadsAreAnsweredTogether) {
  const std::vector<WhatIfEntry> entries{{"hide=ball", 1, -1, 500}, {"branch-off=local", -1}};
  engine.what_if(entries, {3, 1, 0, Branch::All}, false, {2, 0});
  snapshot = settle(engine, engine.mailbox());
  const auto rows = snapshot.what_if_rows;
  ASSERT_TRUE(rows && rows->changed && rows->rows.size() == 2);
  EXPECT_EQ(rows->rows[1]->row.points, snapshot.what_if_query->row.points);
  EXPECT_NE(rows->rows[0]->row.points, rows->rows[1]->row.points);
  ask(entries, {3, 1, 2, Branch::All});
  EXPECT_EQ(rows->rows[0]->row.points, snapshot.what_if_query->row.points);
  EXPECT_EQ(rows->rows[0]->request, snapshot.what_if_query->request);
  EXPECT_FALSE(snapshot.what_if_rows) << "nobody asked";
  engine.what_if(entries, {500, 1, 0, Branch::All}, false, {2, 0});
  EXPECT_FALSE(settle(engine, engine.mailbox()).what_if_rows) << "a hidden query looks nowhere";
}

TEST_F(WhatIfEngine, AForcedBlockIsGoneFromTheSelection) {
  const QueryRequest request{500, 1, 0, Branch::All};
  engine.query(request);
  snapshot = settle(engine, engine.mailbox());
  const std::int32_t block = snapshot.query->blocks.front().block;
  ask({{"force-out=" + std::to_string(block), 1, -1, 500}}, request);
  ASSERT_TRUE(snapshot.what_if_query);
  for (const MarkedBlock& left : snapshot.what_if_query->blocks) EXPECT_NE(left.block, block);
  EXPECT_EQ(snapshot.what_if_query->blocks.size() + 1, snapshot.query->blocks.size());
}

TEST_F(WhatIfEngine, MovedPointsAreWhereTheNetworkSeesThem) {
  const std::vector<WhatIfEntry> entries{{"hide=3", 0}, {"move=3-5:0,0,2", 0}, {"scale=4,5:0.5", 0}};
  const CloudChanges changes = what_if_of(entries, *cloud, snapshot.prediction->layers, config).cloud;
  const auto view = make_moved_view(changes, *cloud, 0);
  ASSERT_TRUE(view);
  const std::vector<std::int64_t> left{4, 5};
  EXPECT_EQ(view->groups, (std::vector{left, left}));
  const PointCloudPtr changed = changed_cloud(*cloud, 0, changes);
  for (std::int64_t point = 0; point < changed->size(); ++point)
    for (std::int64_t axis = 0; axis < 3; ++axis)
      EXPECT_EQ(view->positions[static_cast<std::size_t>(3 * changed->row_id(point) + axis)],
                changed->positions(0)[static_cast<std::size_t>(3 * point + axis)]);
  EXPECT_FALSE(make_moved_view({.hidden = {3}}, *cloud, 0));
}

// While a change is dragged, each newest one gets its turn, and none is stopped for a newer one.
TEST_F(WhatIfEngine, LiveChangesAreNeverStoppedAndNeverQueued) {
  for (int step = 1; step <= 40; ++step)
    engine.what_if({{"move=3-50:0,0," + std::to_string(step), 0}}, {3, 1, -1, Branch::All}, /*live=*/true);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.what_if && snapshot.what_if_query);
  EXPECT_FALSE(snapshot.failure);  // a stopped one would be Error{Cancelled}
  EXPECT_EQ(snapshot.what_if->entries[0].text, "move=3-50:0,0,40");
}

// Getting ready changes nothing that is shown, and the first answer is the same with and without.
TEST_F(WhatIfEngine, GettingReadyChangesNoNumber) {
  ask({{"head-off=2", 1}});
  const Field unprepared = snapshot.what_if->prediction;
  engine.predict(make_sample_cloud(700));
  settle(engine, engine.mailbox());  // else the next replaces it, and nothing is forgotten
  engine.predict(cloud);
  engine.prepare_what_if();
  snapshot = settle(engine, engine.mailbox());
  EXPECT_FALSE(snapshot.what_if);
  ask({{"head-off=2", 1}});
  EXPECT_TRUE(std::ranges::equal(snapshot.what_if->prediction.values(), unprepared.values()));
}

TEST(WhatIfWords, TheSelectionIsWrittenAsIds) {
  EXPECT_EQ(with_selection("hide=selection", "3,10-20"), "hide=3,10-20");
  EXPECT_EQ(with_selection("move=5,selection:1,0,0", "7"), "move=5,7:1,0,0");
  EXPECT_EQ(with_selection("edit=selection:selection:2:0", "7"), "edit=selection:7:2:0");
  EXPECT_EQ(with_selection("branch-off=selected", "7"), "branch-off=selected");
  EXPECT_THROW((void)with_selection("hide=selection", ""), Error);
  EXPECT_EQ(in_words({"hide=1,3,5,7,9,11,13,15,17,19-30", 5}), "hide 21 points");
}

TEST_F(WhatIfEngine, NothingOnForgetsAndAnotherCloudForgetsToo) {
  ask({{"head-off=1", 0}});
  ASSERT_TRUE(snapshot.what_if);
  ask({{"head-off=1", 0, -1, -1, false}});
  EXPECT_FALSE(snapshot.what_if);
  ask({{"head-off=1", 0}});
  ASSERT_TRUE(snapshot.what_if);
  engine.predict(make_sample_cloud(700));
  snapshot = settle(engine, engine.mailbox());
  EXPECT_FALSE(snapshot.what_if);
  ask({{"head-off=9", 0}});
  ASSERT_TRUE(snapshot.failure);
  EXPECT_EQ(snapshot.failure->kind, ErrorKind::Config);
}

TEST(WhatIfWords, SayWhatChanges) {
  EXPECT_EQ(in_words({"head-off=3", 5}), "head 3 off, layer 5");
  EXPECT_EQ(in_words({"branch-off=local", -1, 2}), "local branch of head 2 off, every layer");
  EXPECT_EQ(in_words({"hide=3-9", 5}), "hide points 3-9");
  EXPECT_EQ(in_words({"move=ball:1,0,0", 2}), "move the query's ball by 1,0,0, layer 2");
  EXPECT_EQ(in_words({"edit=speed:all:1.1:0", 2}), "speed of all points x 1.1");
  EXPECT_EQ(as_options({"head-off=3", -1, 2, 7}, 12), "--layer all --head 2 --point 12 --what-if head-off=3");
}

}  // namespace
}  // namespace erwin
