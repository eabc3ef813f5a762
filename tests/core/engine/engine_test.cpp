#include "core/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <thread>

#include "core/engine/io_thread.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using namespace std::chrono_literals;

using test::settle;

std::filesystem::path write_checkpoint(const std::filesystem::path& folder) {
  save_checkpoint(folder / "small.h5", test::untrained(test::small_nsa()));
  return folder / "small.h5";
}

TEST(IoThread, OpensTheOwnSampleWithATree) {
  Engine engine;
  IoThread io(engine);
  io.open_own_sample();
  const IoSnapshot s = settle(io, io.mailbox());
  ASSERT_TRUE(s.opened);
  EXPECT_FALSE(s.failure);
  EXPECT_EQ(s.opened->cloud->size(), 4096);
  ASSERT_TRUE(s.opened->tree);
  EXPECT_EQ(s.opened->tree->point_count, 4096);
  EXPECT_FALSE(s.opened->tree->levels.empty());
}

TEST(IoThread, AMissingFileIsAFailureAndTheThreadGoesOn) {
  Engine engine;
  IoThread io(engine);
  io.open("/nonexistent/cloud.ply");
  IoSnapshot s = settle(io, io.mailbox());
  ASSERT_TRUE(s.failure);
  EXPECT_EQ(s.failure->kind, ErrorKind::Io);
  EXPECT_FALSE(s.failure->message.empty());
  EXPECT_FALSE(s.progress.busy);
  io.open_own_sample();
  s = settle(io, io.mailbox());
  EXPECT_TRUE(s.opened);
}

TEST(Engine, PredictingWithoutANetworkIsAFailure) {
  Engine engine;
  engine.predict(make_sample_cloud(256));
  const EngineSnapshot s = settle(engine, engine.mailbox());
  ASSERT_TRUE(s.failure);
  EXPECT_EQ(s.failure->kind, ErrorKind::Config);
}

TEST(Engine, LoadsPredictsAndAnswersAQuestion) {
  const test::ScratchFolder scratch;
  const auto path = write_checkpoint(scratch.path());
  Engine engine;
  IoThread io(engine);
  io.open(path.string());
  settle(io, io.mailbox());
  const auto cloud = make_sample_cloud(1000);
  engine.predict(cloud);
  engine.query({500, 1, -1, Branch::All});
  const EngineSnapshot s = settle(engine, engine.mailbox());
  ASSERT_FALSE(s.failure) << s.failure->message << " " << s.failure->detail;
  ASSERT_TRUE(s.model);
  EXPECT_EQ(s.model->target, "pressure");
  ASSERT_TRUE(s.prediction);
  EXPECT_EQ(s.prediction->cloud, cloud);
  ASSERT_NE(s.prediction->field("prediction"), nullptr);
  EXPECT_NE(s.prediction->field("error"), nullptr);
  EXPECT_EQ(s.prediction->layers.size(), 2u);
  ASSERT_TRUE(s.memory);
  EXPECT_GT(s.memory->needed, predict_prediction_memory(s.model->config, Precision::Float32,
                                                        sample_size(s.model->config, 1000), /*on_cpu=*/true));
  EXPECT_GT(s.memory->free, s.memory->needed);
  ASSERT_TRUE(s.prediction->tree);
  EXPECT_FALSE(s.prediction->tree->levels.empty());

  // The answer agrees with the network asked directly on this thread.
  ASSERT_TRUE(s.query);
  const Predictor direct(path);
  TapRequest tap;
  tap.layers = {1};
  const auto result = direct.run(*cloud, 0, tap);
  const auto expected = attention_row(*result.tap, {1, -1, Branch::All, 500});
  ASSERT_EQ(expected.points.size(), s.query->row.points.size());
  for (std::size_t i = 0; i < expected.points.size(); ++i)
    ASSERT_NEAR(expected.points[i], s.query->row.points[i], 1e-6);
  // Its ball holds the point and has at most 128 points; no selected block lies in it.
  const auto& ball = s.query->ball;
  EXPECT_TRUE(std::find(ball.begin(), ball.end(), 500) != ball.end());
  EXPECT_LE(ball.size(), 128u);
  EXPECT_EQ(s.query->blocks.size(), 3u);
  for (const MarkedBlock& block : s.query->blocks)
    for (const auto point : block.points) EXPECT_TRUE(std::find(ball.begin(), ball.end(), point) == ball.end());
  EXPECT_GE(s.query->top.front().weight, s.query->top.back().weight);
}

// A loaded engine that has predicted a cloud; the snapshot of that.
struct Predicted {
  explicit Predicted(std::int64_t points = 1000) : cloud(make_sample_cloud(points)) {
    engine.load(test::untrained(test::small_nsa()), "small.h5");
    engine.predict(cloud);
    snapshot = settle(engine, engine.mailbox());
  }
  PointCloudPtr cloud;
  Engine engine;
  EngineSnapshot snapshot;
};

TEST(Engine, ACheckpointDroppedOnAPredictedCloudRunsAtOnce) {
  Predicted first;
  ASSERT_TRUE(first.snapshot.prediction);
  first.engine.load(test::untrained(test::small_nsa(), 6), "other.h5");
  const EngineSnapshot s = settle(first.engine, first.engine.mailbox());
  ASSERT_FALSE(s.failure) << s.failure->message;
  EXPECT_EQ(s.model->path, "other.h5");
  ASSERT_TRUE(s.prediction);
  EXPECT_EQ(s.prediction->cloud, first.cloud);
  // Another network, other numbers.
  EXPECT_NE(s.prediction->field("prediction")->value(3), first.snapshot.prediction->field("prediction")->value(3));
}

TEST(Engine, WhatWasPredictedIsNotPredictedAgain) {
  Predicted first;
  first.engine.predict(first.cloud);
  const EngineSnapshot s = settle(first.engine, first.engine.mailbox());
  EXPECT_EQ(s.prediction, first.snapshot.prediction);  // and it is in the mailbox for who has dropped it
}

TEST(Engine, PrecisionIsChosenAndANetworkIsMadeAgain) {
  Predicted single;
  single.engine.configure({"cpu", Precision::Float64});
  const EngineSnapshot wide = settle(single.engine, single.engine.mailbox());
  ASSERT_FALSE(wide.failure) << wide.failure->message;
  EXPECT_EQ(wide.model->settings.precision, Precision::Float64);
  EXPECT_EQ(wide.settings.precision, Precision::Float64);
  ASSERT_TRUE(wide.prediction);
  single.engine.configure({"cpu", Precision::BFloat16});
  const EngineSnapshot narrow = settle(single.engine, single.engine.mailbox());
  ASSERT_FALSE(narrow.failure) << narrow.failure->message;
  ASSERT_TRUE(narrow.prediction);
  const auto largest_difference = [&](const EngineSnapshot& a, const EngineSnapshot& b) {
    const auto x = a.prediction->field("prediction")->values(), y = b.prediction->field("prediction")->values();
    float largest = 0;
    for (std::size_t i = 0; i < x.size(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
    return largest;
  };
  // 24 bits against 53, then 8: relative to the prediction's unit of 60.
  EXPECT_GT(largest_difference(single.snapshot, wide), 0);
  EXPECT_LT(largest_difference(single.snapshot, wide), 60 * 1e-4);
  EXPECT_GT(largest_difference(wide, narrow), largest_difference(single.snapshot, wide));
  EXPECT_LT(largest_difference(wide, narrow), 60 * 0.1);
}

TEST(Engine, AnAbsentDeviceIsAFailureAndTheNetworkStays) {
  Predicted before;
  before.engine.configure({"cuda:77", Precision::Float32});
  const EngineSnapshot s = settle(before.engine, before.engine.mailbox());
  ASSERT_TRUE(s.failure);
  EXPECT_EQ(s.failure->kind, ErrorKind::Device);
  EXPECT_FALSE(s.failure->hint.empty());
  EXPECT_EQ(s.model->device, before.snapshot.model->device);
  EXPECT_EQ(s.prediction, before.snapshot.prediction);
  EXPECT_EQ(s.settings.device, "auto");
}

TEST(Engine, GatesOfTheAskedLayerAndHeadAreFields) {
  Predicted asked;
  ASSERT_TRUE(asked.snapshot.gates);
  EXPECT_EQ(asked.snapshot.gates->layer, 0);
  asked.engine.query({500, 1, 2, Branch::All});
  EngineSnapshot s = settle(asked.engine, asked.engine.mailbox());
  ASSERT_TRUE(s.gates);
  EXPECT_EQ(s.gates->layer, 1);
  EXPECT_EQ(s.gates->head, 2);
  for (const char* const name : gate_field_names) {
    ASSERT_NE(s.gates->field(name), nullptr) << name;
    EXPECT_EQ(s.gates->field(name)->points(), 1000);
    EXPECT_GE(s.gates->field(name)->range()->minimum, 0);
    EXPECT_LE(s.gates->field(name)->range()->maximum, 1);
  }
  // The row's own gates, which another piece of code reads from the record.
  EXPECT_NEAR(s.gates->field("gate_local")->value(500), s.query->row.gate_local, 1e-6);
  EXPECT_NEAR(s.gates->field("gate_compressed")->value(500), s.query->row.gate_compressed, 1e-6);
  EXPECT_NEAR(s.gates->field("gate_selected")->value(500), s.query->row.gate_selected, 1e-6);
  // Without a point the layer's gates are shown all the same.
  asked.engine.query({-1, 0, -1, Branch::All});
  s = settle(asked.engine, asked.engine.mailbox());
  EXPECT_FALSE(s.query);
  ASSERT_TRUE(s.gates);
  EXPECT_EQ(s.gates->layer, 0);
  EXPECT_EQ(s.gates->head, -1);
}

TEST(Engine, BallAttentionHasNoGates) {
  ModelConfig config = test::small_nsa();
  config.kind = ModelKind::Ball;
  Engine engine;
  engine.load(test::untrained(config), "ball.h5");
  engine.predict(make_sample_cloud(1000));
  engine.query({5, 0, -1, Branch::All});
  const EngineSnapshot s = settle(engine, engine.mailbox());
  ASSERT_FALSE(s.failure) << s.failure->message << s.failure->detail;
  ASSERT_TRUE(s.query);
  EXPECT_FALSE(s.gates);
}

TEST(Engine, DestructionInTheMiddleOfAPredictionIsSafe) {
  const auto asked = std::chrono::steady_clock::now();
  {
    Engine engine;
    engine.load(test::untrained(test::small_nsa()), "small.h5");
    engine.predict(make_sample_cloud(60000));
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 10s);
}

}  // namespace
}  // namespace erwin
