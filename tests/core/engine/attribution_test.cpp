// What the selection missed and where a prediction comes from, asked of the engine: the numbers of the questions asked
// directly, and a layer's fields.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <sstream>
#include <string>
#include <thread>

#include "core/engine/engine.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"

namespace erwin {
namespace {

using test::settle;

class Explained : public testing::Test {
protected:
  void SetUp() override {
    engine.load(test::untrained(test::small_nsa()), "small.h5");
    engine.predict(cloud);
    snapshot = settle(engine, engine.mailbox());
    ASSERT_TRUE(snapshot.prediction);
    TapRequest request;
    request.all_layers = true;
    result = predictor.run(*cloud, 0, request);
  }

  PointCloudPtr cloud = make_sample_cloud(1000);
  Engine engine;
  EngineSnapshot snapshot;
  Predictor predictor{test::untrained(test::small_nsa())};
  Predictor::Result result;
};

TEST_F(Explained, MissedBlocksAreNoneOfTheSelectedOnes) {
  const QueryRequest request{500, 1, 2, Branch::All};
  engine.query(request);
  engine.ask_missed(request);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.query && snapshot.missed);
  const MissedView& view = *snapshot.missed;
  const MissedMass direct = missed_mass(*result.tap, 1, 2, 500);
  EXPECT_NEAR(view.recall, direct.recall, 1e-6);
  ASSERT_EQ(view.blocks.size(), direct.missed.size());
  ASSERT_FALSE(view.blocks.empty());
  for (std::size_t i = 0; i < view.blocks.size(); ++i) {
    EXPECT_EQ(view.blocks[i].block, direct.missed[i].block);
    EXPECT_FALSE(view.blocks[i].points.empty());
    for (const MarkedBlock& selected : snapshot.query->blocks)
      EXPECT_NE(view.blocks[i].block, selected.block);
  }
}

// The query's own block alone, and every block: the same numbers.
TEST_F(Explained, RecallOfABlockIsItsRecallAmongAll) {
  engine.recall(1, 2);
  engine.ask_missed({500, 1, 2, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.recall && snapshot.missed);
  EXPECT_FALSE(snapshot.recall->recall.sampled);
  EXPECT_NEAR(snapshot.recall->field("recall")->value(500), snapshot.missed->block_recall, 1e-6);
  EXPECT_NEAR(snapshot.recall->field("rank_correlation")->value(500), snapshot.missed->rank_correlation, 1e-6);
  EXPECT_EQ(snapshot.recall->field("entropy"), nullptr);
  EXPECT_THROW(recall_field(*result.tap, {.layer = 1, .only_block = 32}), Error);
}

TEST_F(Explained, AnAttributionAddsUpAndIsWrittenAsATable) {
  AttributionRequest request;
  request.point = 500;
  request.layer = 1;
  engine.attribute(request);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.attribution);
  const Attribution& made = snapshot.attribution->result;
  EXPECT_NEAR(made.contribution.sum(), made.share, 1e-4 * made.contribution.magnitude);
  EXPECT_NEAR(made.share + made.remainder, snapshot.prediction->field("prediction")->value(500),
              1e-3 * std::abs(made.prediction));
  EXPECT_EQ(snapshot.attribution->unit, snapshot.prediction->field("prediction")->unit());
  ASSERT_FALSE(made.blocks.empty());
  double points = 0;
  const Field* field = snapshot.attribution->field(contribution_field);
  ASSERT_TRUE(field);
  for (std::int64_t point = 0; point < cloud->size(); ++point) points += field->value(point);
  EXPECT_NEAR(points + made.contribution.memory + made.contribution.bias, made.share,
              1e-4 * made.contribution.magnitude);
  std::istringstream table(csv_of(*snapshot.attribution));
  std::string line;
  std::size_t blocks = 0;
  while (std::getline(table, line)) blocks += line.starts_with("block,");
  EXPECT_EQ(blocks, made.blocks.size());
}

TEST_F(Explained, AnotherCloudForgetsAndCancelStops) {
  engine.ask_missed({500, 1, -1, Branch::All});
  engine.recall(0, -1);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.missed && snapshot.recall);
  engine.predict(make_sample_cloud(700));
  snapshot = settle(engine, engine.mailbox());
  EXPECT_FALSE(snapshot.missed || snapshot.recall || snapshot.attribution);
  engine.recall(0, -1);
  engine.cancel();
  const auto start = std::chrono::steady_clock::now();
  while (!engine.idle()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace erwin
