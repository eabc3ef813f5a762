#include "core/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/engine/io_thread.h"
#include "core/engine/sample_cloud.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using namespace std::chrono_literals;

// Takes snapshots until the thread rests; the newest one holds everything.
template <typename Source, typename Snapshot>
Snapshot settle(Source& source, Mailbox<Snapshot>& mailbox) {
  Snapshot newest;
  const auto end = std::chrono::steady_clock::now() + 60s;
  bool idle = false;
  while (!idle && std::chrono::steady_clock::now() < end) {
    idle = source.idle();
    if (const auto snapshot = mailbox.take()) newest = *snapshot;
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_TRUE(idle);
  return newest;
}

ModelConfig small_config() {
  ModelConfig config;
  config.flat.width = 16;
  config.flat.depth = 2;
  config.flat.heads = 4;
  config.flat.head_dim = 8;
  config.flat.ball_size = 128;
  config.flat.block_size = 32;
  config.flat.selected_blocks = 3;
  config.embedding_channels = 16;
  config.mp_steps = 1;
  return config;
}

// An untrained network with a fixed seed.
std::filesystem::path write_checkpoint(const std::filesystem::path& folder) {
  Checkpoint checkpoint;
  checkpoint.config = small_config();
  checkpoint.recipe.target = "pressure";
  checkpoint.recipe.normalisation.position = {{0, 0, 0.6}, {1, 1, 1}};
  checkpoint.recipe.normalisation.field["pressure"] = {{0}, {60}};
  checkpoint.weights = Model(checkpoint.config, 5).weights();
  save_checkpoint(folder / "small.h5", checkpoint);
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

TEST(Engine, CancelEndsAPredictionWithin200ms) {
  const test::ScratchFolder scratch;
  const auto path = write_checkpoint(scratch.path());
  Engine engine;
  engine.load(Predictor(path), path.string(), "cpu");
  settle(engine, engine.mailbox());
  engine.predict(make_sample_cloud(60000));
  std::this_thread::sleep_for(150ms);
  ASSERT_FALSE(engine.idle()) << "the prediction was over before it could be cancelled";
  const auto asked = std::chrono::steady_clock::now();
  engine.cancel();
  while (!engine.idle() && std::chrono::steady_clock::now() - asked < 10s) std::this_thread::sleep_for(1ms);
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 200ms);
  const auto s = engine.mailbox().take();
  ASSERT_TRUE(s && s->failure);
  EXPECT_EQ(s->failure->kind, ErrorKind::Cancelled);
}

TEST(Engine, DestructionInTheMiddleOfAPredictionIsSafe) {
  const test::ScratchFolder scratch;
  const auto path = write_checkpoint(scratch.path());
  const auto asked = std::chrono::steady_clock::now();
  {
    Engine engine;
    engine.load(Predictor(path), path.string(), "cpu");
    engine.predict(make_sample_cloud(60000));
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 10s);
}

}  // namespace
}  // namespace erwin
