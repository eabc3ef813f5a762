// Attention records in the engine: everything that was recorded is answered, nothing is run.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "core/engine/engine.h"
#include "core/engine/io_thread.h"
#include "core/engine/record_view.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"
#include "tests/support/example_record.h"

namespace erwin {
namespace {

using test::settle;

class Recorded : public testing::Test {
protected:
  void SetUp() override {
    const Predictor predictor{test::untrained(test::small_nsa())};
    TapRequest request;
    request.all_layers = true;
    const Predictor::Result result = predictor.run(*cloud, 0, request);
    tree = result.sample->trees.main;
    tap = result.tap;
    path = scratch.path() / "record.h5";
    save_record(path, "body", cloud, *tap);
  }
  test::ScratchFolder scratch;
  PointCloudPtr cloud = make_sample_cloud(1000);
  TapPtr tap;
  BallTreePtr tree;
  std::filesystem::path path;
};

TEST_F(Recorded, AnswersAsTheNetworkDid) {
  Engine engine;
  IoThread io(engine);
  io.open(path.string());
  const IoSnapshot opened = settle(io, io.mailbox());
  ASSERT_FALSE(opened.failure) << opened.failure->message;
  ASSERT_TRUE(opened.opened && opened.opened->is_record);
  EXPECT_EQ(opened.opened->sample, "body");
  EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.model && snapshot.model->is_record && snapshot.prediction);
  EXPECT_NE(snapshot.model->generator.find("erwinscope"), std::string::npos);
  EXPECT_EQ(snapshot.prediction->cloud, opened.opened->cloud);
  ASSERT_EQ(snapshot.prediction->layers.size(), tap->layers.size());

  const QueryRequest query{.point = 77, .layer = 1, .head = 2};
  engine.query(query);
  engine.summarise(1, -1);
  engine.glance_at_heads();
  engine.ask_who_looks(query, looks_at_point);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.query && snapshot.gates && snapshot.summary && snapshot.heads && snapshot.who_looks);
  const QueryView direct = make_query_view(*tap, query);
  EXPECT_EQ(snapshot.query->row.points, direct.row.points);
  ASSERT_EQ(snapshot.query->blocks.size(), direct.blocks.size());
  for (std::size_t i = 0; i < direct.blocks.size(); ++i) {
    EXPECT_EQ(snapshot.query->blocks[i].block, direct.blocks[i].block);
    EXPECT_EQ(snapshot.query->blocks[i].points, direct.blocks[i].points);
  }
}

TEST_F(Recorded, RunsNothing) {
  Engine engine;
  engine.show_record(load_record(path), path.string());
  engine.predict(make_sample_cloud(500));
  EngineSnapshot snapshot = settle(engine, engine.mailbox());
  EXPECT_FALSE(snapshot.failure);
  ASSERT_TRUE(snapshot.prediction);
  EXPECT_EQ(snapshot.prediction->cloud->size(), cloud->size());
  engine.query({.point = 5, .layer = 99});
  EXPECT_TRUE(settle(engine, engine.mailbox()).failure);
  engine.load(test::untrained(test::small_nsa()), "small.h5");
  engine.predict(cloud);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.model);
  EXPECT_FALSE(snapshot.model->is_record);
  ASSERT_TRUE(snapshot.prediction);
  EXPECT_EQ(snapshot.prediction->cloud, cloud);
}

// Each is a failure that says so, and the engine goes on.
TEST_F(Recorded, WhatNeedsTheNetworkIsRefused) {
  Engine engine;
  engine.show_record(load_record(path), path.string());
  const auto refused = [&](const char* what) {
    const EngineSnapshot snapshot = settle(engine, engine.mailbox());
    ASSERT_TRUE(snapshot.failure) << what;
    EXPECT_NE(snapshot.failure->message.find("needs the network itself"), std::string::npos)
        << what << ": " << snapshot.failure->message;
  };
  engine.what_if({{.text = "head-off=1"}}, {.point = 5});
  refused("what-if");
  engine.attribute({.point = 5, .layer = 1});
  refused("attribution");
  engine.ask_reach(5, 1, receptive_field_name);
  refused("receptive field");
  engine.ask_reach(5, 1, rollout_field);
  const EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.rollout) << "the record holds what a rollout needs";
}

TEST_F(Recorded, RowsThatWereNotKeptAreSaidToBeMissing) {
  auto bare = std::make_shared<Tap>(*tap);
  LayerTap& layer = bare->layers[1];
  layer.q = layer.k = layer.v = layer.local_q = layer.local_k = layer.local_v = {};
  Engine engine;
  engine.show_record({cloud, bare, "", "body"}, "bare.h5");
  engine.query({.point = 5, .layer = 1});
  const EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.failure);
  EXPECT_EQ(snapshot.failure->kind, ErrorKind::Config);
  EXPECT_NE(snapshot.failure->message.find("keeps no rows"), std::string::npos) << snapshot.failure->message;
}

// Levels nest, cover all slots, go through the layer's own balls and blocks, and their boxes hold their points.
TEST_F(Recorded, TheTreeGoesThroughBallsAndBlocks) {
  const AttentionRecord record = load_record(path);
  const BallTreePtr made = tree_of_record(record);
  EXPECT_EQ(made->slot_count, tree->slot_count);
  EXPECT_EQ(made->levels.back().size(), made->slot_count);
  const LayerTap& layer = record.tap->layers.front();
  for (const int size : {layer.ball_size, layer.block_size}) {
    bool found = false;
    for (const TreeLevel& level : made->levels) {
      bool same = level.size() == (made->slot_count + size - 1) / size;
      for (std::size_t i = 0; same && i + 1 < level.slot_begin.size(); ++i)
        same = level.slot_begin[i] == static_cast<std::int64_t>(i) * size;
      found |= same;
    }
    EXPECT_TRUE(found) << size;
  }
  for (std::size_t l = 0; l < made->levels.size(); ++l) {
    const TreeLevel& level = made->levels[l];
    std::int64_t points = 0;
    for (const std::int32_t count : level.point_count) points += count;
    EXPECT_EQ(points, cloud->size());
    if (l > 0) {
      EXPECT_TRUE(std::includes(level.slot_begin.begin(), level.slot_begin.end(),
                                made->levels[l - 1].slot_begin.begin(), made->levels[l - 1].slot_begin.end()));
    }
  }
  const TreeLevel& root = made->levels.front();
  EXPECT_NEAR(root.box_minimum[0][0], cloud->bounds().minimum[0], 1e-6);
  EXPECT_NEAR(root.box_maximum[0][2], cloud->bounds().maximum[2], 1e-6);
  EXPECT_GT(root.radius[0], 0);
}

TEST(RecordOfOthers, TheExampleWithNumpyIsAnswered) {
  const test::ScratchFolder scratch;
  const auto path = test::write_example_record(scratch.path());
  if (path.empty()) GTEST_SKIP() << test::no_numpy;
  Engine engine;
  engine.show_record(load_record(path), path.string());
  engine.query({.point = 7, .layer = 0, .head = 3});
  engine.summarise(0, -1);
  engine.glance_at_heads();
  EngineSnapshot snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.query && snapshot.summary && snapshot.heads);
  EXPECT_EQ(snapshot.query->top.front().point, 7);
  EXPECT_EQ(snapshot.heads->size(), 2U);
  EXPECT_FALSE(snapshot.gates);
  MatrixRequest request;
  request.layer = 1;
  const AttentionRecord record = load_record(path);
  request.rows = request.columns = axis_of_size(record.tap->require_layer(1), 10);
  engine.show_matrix(request);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.matrix && snapshot.matrix->is_exact());
  for (int row = 0; row < 20; ++row) {  // softmax rows sum to 1
    double sum = 0;
    for (int column = 0; column < 20; ++column)
      sum += snapshot.matrix->cells[static_cast<std::size_t>(row * 20 + column)];
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

}  // namespace
}  // namespace erwin
