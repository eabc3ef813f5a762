// The receptive field: of numbers with a known answer, and of networks whose reach is known (method 7.34).

#include "core/compare/receptive_field.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/tree/ball_tree.h"
#include "tests/core/train/support.h"

namespace erwin {
namespace {

TEST(ReceptiveField, SharesAndCountsOfKnownInfluences) {
  std::vector<double> influence(100, 0);
  influence[7] = 60.5;
  influence[20] = 30;
  influence[21] = 8.9;
  influence[99] = 0.6;
  influence[50] = 1e-12;
  const ReceptiveField field = measure_field(influence);
  EXPECT_EQ(field.points, 100);
  EXPECT_EQ(field.reached, 5);
  EXPECT_EQ(field.published, 4) << "1e-12 is below the published threshold";
  EXPECT_DOUBLE_EQ(field.share_50, 0.01);
  EXPECT_DOUBLE_EQ(field.share_90, 0.02);
  EXPECT_DOUBLE_EQ(field.share_99, 0.03);
  // Another scale: the shares stay, the published count does not.
  for (double& value : influence) value *= 1e-11;
  const ReceptiveField scaled = measure_field(influence);
  EXPECT_EQ(scaled.share_90, field.share_90);
  EXPECT_NE(scaled.published, field.published);
}

class Reach : public ::testing::Test {
protected:
  static constexpr int points = 128;  // fills four balls of 32 slots exactly
  ModelConfig config(ModelKind kind) const {
    ModelConfig model = test::small_network(kind);
    model.mp_steps = 0;
    model.rotate_degrees = 0;
    model.flat.depth = 1;
    return model;
  }
  ModelSample sample(const ModelConfig& model) const {
    return prepare_sample(*test::spiral(points, 1), 0, {{"position"}, "height", {}}, model);
  }
};

TEST_F(Reach, OneBallBlockSeesExactlyItsBall) {
  const ModelConfig model_config = config(ModelKind::Ball);
  Model model(model_config, 5);
  const ModelSample cloud = sample(model_config);
  constexpr std::int64_t point = 17;
  const std::vector<double> influence = influence_on(model, cloud, point);
  const BallTree& tree = *cloud.trees.main;
  std::set<std::int64_t> ball, reached;
  for (std::size_t slot = 0; slot < tree.slot_point.size(); ++slot)
    if (tree.slot_point[slot] == point)
      for (std::size_t s = slot / 32 * 32; s < slot / 32 * 32 + 32; ++s) ball.insert(tree.slot_point[s]);
  for (std::size_t i = 0; i < influence.size(); ++i)
    if (influence[i] > 0) reached.insert(static_cast<std::int64_t>(i));
  EXPECT_EQ(reached, ball);
}

TEST_F(Reach, CompressedAttentionSeesEverything) {
  for (const ModelKind kind : {ModelKind::ErwinNsa, ModelKind::Full}) {
    const ModelConfig model_config = config(kind);
    Model model(model_config, 5);
    const ModelSample cloud = sample(model_config);
    EXPECT_EQ(measure_field(influence_on(model, cloud, 3)).reached, points) << name_of(kind);
  }
}

TEST_F(Reach, AgreesWithDifferences) {
  ModelConfig model_config = config(ModelKind::ErwinNsa);
  model_config.output_features = 2;
  Model model(model_config, 6, "cpu", Precision::Float64);
  ModelSample cloud = sample(config(ModelKind::ErwinNsa));
  constexpr std::int64_t point = 40, moved = 41;
  const double influence = influence_on(model, cloud, point)[moved];
  double sum = 0;
  constexpr float step = 1e-3f;
  for (int feature = 0; feature < 3; ++feature) {
    float& value = cloud.features[moved * 3 + feature];
    const float before = value;
    value = before + step;
    const float above = value;
    const std::vector<float> high = model.predict(cloud).values;
    value = before - step;
    const float below = value;
    const std::vector<float> low = model.predict(cloud).values;
    value = before;
    for (int c = 0; c < 2; ++c) {
      const double slope =
          (static_cast<double>(high[point * 2 + c]) - low[point * 2 + c]) / (static_cast<double>(above) - below);
      sum += slope * slope;
    }
  }
  ASSERT_GT(influence, 0);
  EXPECT_NEAR(sum / influence, 1, 0.02);
}

TEST_F(Reach, TheMeanFollowsFromTheSeed) {
  const ModelConfig model_config = config(ModelKind::Erwin);
  Model model(model_config, 5);
  const ModelSample cloud = sample(model_config);
  const ReceptiveField a = mean_field(model, {&cloud, &cloud}, 3, 1), b = mean_field(model, {&cloud, &cloud}, 3, 1);
  EXPECT_EQ(a.share_90, b.share_90);
  EXPECT_EQ(a.points, points);
  EXPECT_GT(a.share_99, a.share_50);
}

}  // namespace
}  // namespace erwin
