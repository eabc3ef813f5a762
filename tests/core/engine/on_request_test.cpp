// What the engine works out only when it is asked: summaries, heads, who looks there, windows of the matrix.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/sample_cloud.h"
#include "core/model/receptive_field.h"
#include "tests/core/engine/networks.h"

namespace erwin {
namespace {

using test::settle;

class OnRequest : public testing::Test {
protected:
  void SetUp() override {
    engine.load(test::untrained(test::small_nsa()), "small.h5");
    engine.predict(cloud);
    snapshot = settle(engine, engine.mailbox());
    ASSERT_TRUE(snapshot.prediction);
  }
  const Tap& direct() {
    if (!result) {
      TapRequest request;
      request.all_layers = true;
      result = predictor.run(*cloud, 0, request);
    }
    return *result->tap;
  }
  // Until the engine rests; its snapshots are the listener's.
  void rest() {
    for (int i = 0; i < 60'000 && !engine.idle(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_TRUE(engine.idle());
  }
  // Blocks of 32 slots, all of them.
  MatrixRequest all_blocks() {
    MatrixRequest request;
    request.layer = 1;
    request.rows = request.columns = axis_of_size(direct().require_layer(1), 32);
    return request;
  }

  PointCloudPtr cloud = make_sample_cloud(1000);
  Engine engine;
  EngineSnapshot snapshot;
  Predictor predictor{test::untrained(test::small_nsa())};
  std::optional<Predictor::Result> result;
};

TEST_F(OnRequest, NothingIsThereBeforeItIsAskedFor) {
  EXPECT_FALSE(snapshot.summary);
  EXPECT_FALSE(snapshot.heads);
  EXPECT_FALSE(snapshot.who_looks);
  EXPECT_FALSE(snapshot.matrix);
}

TEST_F(OnRequest, SummariesHaveTheNamedFieldsOfTheLayerAndHead) {
  engine.summarise(1, 2);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.summary);
  EXPECT_EQ(snapshot.summary->layer, 1);
  EXPECT_EQ(snapshot.summary->head, 2);
  const auto whole = summarise(direct(), cloud->positions(0), cloud->unit(), {{1}, 2});
  EXPECT_EQ(snapshot.summary->fields.size(), summary_fields.size());
  for (const SummaryFieldInfo& info : summary_fields) {
    const Field *made = snapshot.summary->field(info.name), *expected = whole.front().field(info.name);
    ASSERT_TRUE(made && expected) << info.name;
    for (std::int64_t p = 0; p < cloud->size(); ++p)
      ASSERT_NEAR(made->value(p), expected->value(p), 1e-4 * (1 + std::abs(expected->value(p)))) << info.name;
  }
  engine.summarise(1, 77);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.failure);
  EXPECT_EQ(snapshot.failure->kind, ErrorKind::Config);
}

TEST_F(OnRequest, HeadsOfAllLayers) {
  engine.glance_at_heads();
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.heads);
  ASSERT_EQ(snapshot.heads->size(), 2u);
  EXPECT_EQ(snapshot.heads->back().heads.size(), 4u);
}

TEST_F(OnRequest, WhoLooksAtABallIsTheSumOverItsPoints) {
  engine.ask_who_looks({500, 1, -1, Branch::All}, looks_at_ball);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.who_looks);
  const QueryView view = make_query_view(direct(), {500, 1, -1, Branch::All});
  ASSERT_EQ(snapshot.who_looks->asked, std::ssize(view.ball));
  // Point 3's row, summed over the ball.
  const AttentionRow row = attention_row(direct(), {1, -1, Branch::All, 3});
  double sum = 0;
  for (const std::int32_t point : view.ball) sum += row.points[static_cast<std::size_t>(point)];
  EXPECT_NEAR(snapshot.who_looks->field(looks_at_ball)->value(3), sum, 1e-5);
  EXPECT_EQ(snapshot.who_looks->field(looks_at_point), nullptr);
}

TEST_F(OnRequest, SummariesOfAllLayersAreTheirMean) {
  engine.summarise(-1, -1);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.summary);
  EXPECT_EQ(snapshot.summary->layer, -1);
  const auto layers = summarise(direct(), cloud->positions(0), cloud->unit(), {});
  ASSERT_EQ(layers.size(), 2u);
  for (const SummaryFieldInfo& info : summary_fields)
    for (std::int64_t p = 0; p < cloud->size(); p += 13) {
      const double mean = (layers[0].field(info.name)->value(p) + layers[1].field(info.name)->value(p)) / 2;
      ASSERT_NEAR(snapshot.summary->field(info.name)->value(p), mean, 1e-4 * (1 + std::abs(mean))) << info.name;
    }
}

TEST_F(OnRequest, RolloutGoesUpToTheLayerThatIsAskedFor) {
  for (const int layer : {0, 1}) {
    engine.ask_reach(500, layer, rollout_field);
    snapshot = settle(engine, engine.mailbox());
    ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
    ASSERT_TRUE(snapshot.rollout);
    EXPECT_EQ(snapshot.rollout->layer, layer);
    ASSERT_EQ(std::ssize(snapshot.rollout->steps), layer + 1);
    const auto steps = rollout(direct(), {.point = 500, .last_layer = layer});
    double sum = steps.back().sink;
    for (std::int64_t p = 0; p < cloud->size(); ++p) {
      ASSERT_NEAR(snapshot.rollout->field.value(p), steps.back().points[static_cast<std::size_t>(p)], 1e-6);
      sum += snapshot.rollout->field.value(p);
    }
    EXPECT_NEAR(sum, 1, 1e-4);
    EXPECT_EQ(snapshot.rollout->concentration.share_90, steps.back().concentration.share_90);
  }
  engine.ask_reach(1'000'000, 0, rollout_field);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.failure);
  EXPECT_EQ(snapshot.failure->kind, ErrorKind::Config);
}

TEST_F(OnRequest, TheReceptiveFieldIsTheModels) {
  engine.ask_reach(500, 1, receptive_field_name);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.receptive);
  (void)direct();
  const ReceptiveField expected = receptive_field(predictor, *result->sample, 500);
  EXPECT_EQ(snapshot.receptive->above_threshold, expected.above_threshold);
  for (std::int64_t p = 0; p < cloud->size(); ++p)
    ASSERT_NEAR(snapshot.receptive->field.value(p), expected.influence.value(p),
                1e-4 * (1e-6 + expected.influence.value(p)));
  EXPECT_GT(snapshot.receptive->field.value(500), 0);
}

TEST_F(OnRequest, ASetLooksAsTheMeanOfItsRowsAndReceivesTheSum) {
  const auto points = std::make_shared<const PointSet>(PointSet{3, 40, 41, 700});
  engine.ask_set(points, {-1, 1, -1, Branch::All}, selection_looks_at);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.set_looks);
  EXPECT_EQ(snapshot.set_looks->points, points);
  std::vector<double> mean(1000);
  double received = 0;
  for (const std::int64_t point : *points) {
    const AttentionRow row = attention_row(direct(), {1, -1, Branch::All, point});
    for (std::size_t p = 0; p < mean.size(); ++p) mean[p] += static_cast<double>(row.points[p]) / 4;
    received += attended_by(direct(), {1, -1, Branch::All, {point}}).received;
  }
  for (std::size_t p = 0; p < mean.size(); ++p)
    ASSERT_NEAR(snapshot.set_looks->look.value(static_cast<std::int64_t>(p)), mean[p], 1e-6);
  engine.ask_set(points, {-1, 1, -1, Branch::All}, looks_at_selection);
  snapshot = settle(engine, engine.mailbox());
  EXPECT_EQ(snapshot.set_looks->look.name(), looks_at_selection);
  EXPECT_NEAR(snapshot.set_looks->sum, received, 1e-4 * received);
}

TEST_F(OnRequest, ComparisonsAreOfLayersHeadsAndNetworks) {
  engine.compare(against_from("layer=0,head=1"), {500, 1, 2, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  ASSERT_TRUE(snapshot.comparison);
  const AttentionRow here = attention_row(direct(), {1, 2, Branch::All, 500});
  const AttentionRow there = attention_row(direct(), {0, 1, Branch::All, 500});
  EXPECT_NEAR(snapshot.comparison->agreement.divergence, jensen_shannon(here.points, there.points), 1e-5);
  EXPECT_EQ(snapshot.comparison->field(prediction_difference), nullptr);
  engine.load_other(test::untrained(test::small_nsa(), 8), "other.h5");
  engine.compare(against_from("other.h5,layer=0"), {500, 1, -1, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  ASSERT_FALSE(snapshot.failure) << snapshot.failure->message;
  EXPECT_EQ(snapshot.other, "other.h5");
  EXPECT_EQ(snapshot.comparison->other.layer, 0);
  const Predictor other{test::untrained(test::small_nsa(), 8)};
  const auto theirs = other.run(*cloud, 0);
  const Field* difference = snapshot.comparison->field(prediction_difference);
  ASSERT_TRUE(difference);
  for (std::int64_t p = 0; p < cloud->size(); ++p) {
    const double expected = snapshot.prediction->field("prediction")->value(p) - theirs.fields.front().value(p);
    ASSERT_NEAR(difference->value(p), expected, 1e-3 * (1 + std::abs(expected)));
  }
  engine.compare(against_from("elsewhere.h5"), {500, 1, -1, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.failure);
  EXPECT_EQ(snapshot.failure->kind, ErrorKind::Config);
}

TEST(Against, IsWrittenInWords) {
  EXPECT_TRUE(against_from("none").empty());
  for (const char* text : {"none", "layer=2", "head=-1", "layer=2,head=0", "a/b.h5", "a/b.h5,layer=1,head=3"})
    EXPECT_EQ(to_string(against_from(text)), text);
  for (const char* text : {"layer=", "layer=x", "a.h5,b.h5", "layer=1,,", "head=-2"})
    EXPECT_THROW(against_from(text), Error) << text;
}

TEST_F(OnRequest, AMatrixIsFirstApproximateAndThenExactAndIsKept) {
  const MatrixRequest request = all_blocks();
  std::vector<std::shared_ptr<const AttentionMatrix>> seen;  // by the engine's thread until it rests
  engine.mailbox().set_listener([&] {
    if (const auto s = engine.mailbox().take())
      if (s->matrix && (seen.empty() || seen.back() != s->matrix)) seen.push_back(s->matrix);
  });
  engine.show_matrix(request);
  rest();
  ASSERT_GE(seen.size(), 2u);
  EXPECT_TRUE(seen.front()->complete());
  const AttentionMatrix direct_answer = attention_matrix(direct(), request);
  ASSERT_TRUE(seen.back()->complete() && seen.back()->is_exact());
  ASSERT_EQ(seen.back()->cells.size(), direct_answer.cells.size());
  for (std::size_t i = 0; i < direct_answer.cells.size(); ++i)
    ASSERT_NEAR(seen.back()->cells[i], direct_answer.cells[i], 1e-5);
  EXPECT_FALSE(seen.front()->is_exact());
  // Another window, and back: the first one is exact at once.
  MatrixRequest other = request;
  other.head = 1;
  engine.show_matrix(other);
  rest();
  seen.clear();
  engine.show_matrix(request);
  rest();
  engine.mailbox().set_listener({});
  ASSERT_FALSE(seen.empty());
  // The old answer may be told once more with the beginning of the work.
  const auto first_own = std::find_if(seen.begin(), seen.end(), [](const auto& m) { return m->request.head == -1; });
  ASSERT_NE(first_own, seen.end());
  EXPECT_TRUE((*first_own)->is_exact());
}

TEST_F(OnRequest, AnotherCloudForgetsThem) {
  engine.summarise(0, -1);
  engine.show_matrix(all_blocks());
  engine.glance_at_heads();
  engine.ask_reach(3, 1, rollout_field);
  engine.ask_reach(3, 1, receptive_field_name);
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.summary && snapshot.matrix && snapshot.heads && snapshot.rollout && snapshot.receptive);
  engine.predict(make_sample_cloud(700));
  snapshot = settle(engine, engine.mailbox());
  EXPECT_FALSE(snapshot.summary || snapshot.matrix || snapshot.heads || snapshot.rollout || snapshot.receptive);
}

TEST_F(OnRequest, AQueryComesFirstAndTheSummaryFollows) {
  engine.summarise(1, -1);
  engine.query({10, 0, -1, Branch::All});
  snapshot = settle(engine, engine.mailbox());
  ASSERT_TRUE(snapshot.query);
  EXPECT_EQ(snapshot.query->request.point, 10);
  ASSERT_TRUE(snapshot.summary);
  EXPECT_EQ(snapshot.summary->layer, 1);
}

}  // namespace
}  // namespace erwin
