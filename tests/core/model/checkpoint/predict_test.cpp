// Predictions from a checkpoint: real units, metrics, and what a checkpoint must hold for them.

#include "core/model/predict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

TEST(Metrics, OfNumbersWorkedOutByHand) {
  // Standardised errors 1 and -2 with deviations 3 and 10: 3 and -20 in real units; targets 0 * 3 + 4 and 1 * 10 + 7.
  const std::vector<float> prediction{1, -1}, target{0, 1};
  const Metrics metrics = compare(prediction, target, {{4, 7}, {3, 10}});
  EXPECT_DOUBLE_EQ(metrics.mse_standardised, 2.5);
  EXPECT_DOUBLE_EQ(metrics.mse, (9 + 400) / 2.0);
  EXPECT_DOUBLE_EQ(metrics.mae, 11.5);
  EXPECT_DOUBLE_EQ(metrics.relative_l2, std::sqrt(409.0 / (16 + 289)));
  const Metrics plain = compare(prediction, target, {});
  EXPECT_DOUBLE_EQ(plain.mse, 2.5);
  EXPECT_DOUBLE_EQ(mean_of({metrics, plain}).mse, (204.5 + 2.5) / 2);
  EXPECT_THROW(compare(prediction, {}, {}), Error);
}

PointCloudPtr cloud(bool with_target) {
  PointCloud::Parts parts;
  std::vector<float> heat;
  for (int i = 0; i < 60; ++i) {
    parts.positions.insert(parts.positions.end(),
                           {std::sin(0.7f * static_cast<float>(i)), std::cos(0.3f * static_cast<float>(i)),
                            0.05f * static_cast<float>(i)});
    heat.push_back(static_cast<float>(i));
  }
  if (with_target) parts.fields.emplace_back("heat", FieldKind::Scalar, 1, std::move(heat), "K");
  return std::make_shared<const PointCloud>(std::move(parts));
}

Checkpoint checkpoint_with(const Standard& target) {
  Checkpoint checkpoint;
  checkpoint.config.kind = ModelKind::Ball;
  checkpoint.config.flat.width = 8;
  checkpoint.config.flat.heads = 2;
  checkpoint.config.flat.depth = 2;
  checkpoint.config.flat.ball_size = 16;
  checkpoint.config.embedding_channels = 8;
  checkpoint.config.mp_steps = 1;
  checkpoint.recipe.target = "heat";
  if (!target.empty()) checkpoint.recipe.normalisation.field["heat"] = target;
  checkpoint.weights = Model(checkpoint.config, 1).weights();
  return checkpoint;
}

// TF32 is a switch of CUDA's matrix products.
TEST(Predictor, OnTheCpuTf32IsFloat32) {
  const Checkpoint checkpoint = checkpoint_with({});
  const Predictor plain(checkpoint, "cpu", Precision::Float32), rounded(checkpoint, "cpu", Precision::Tf32);
  const Field one = plain.run(*cloud(false)).fields[0], other = rounded.run(*cloud(false)).fields[0];
  EXPECT_TRUE(std::equal(one.values().begin(), one.values().end(), other.values().begin(), other.values().end()));
}

TEST(Predictor, AnswersInRealUnits) {
  const test::ScratchFolder folder;
  save_checkpoint(folder.path() / "plain.h5", checkpoint_with({}));
  save_checkpoint(folder.path() / "scaled.h5", checkpoint_with({{10}, {2}}));
  const Predictor plain(folder.path() / "plain.h5"), scaled(folder.path() / "scaled.h5");
  const Predictor::Result a = plain.run(*cloud(true)), b = scaled.run(*cloud(true), 0, TapRequest{});
  ASSERT_EQ(b.fields.size(), 3u);
  EXPECT_EQ(b.fields[0].name(), "prediction");
  EXPECT_EQ(b.fields[0].unit(), "K");
  for (std::int64_t i = 0; i < 60; ++i) {
    EXPECT_NEAR(b.fields[0].value(i), 2 * a.fields[0].value(i) + 10, 1e-5);
    EXPECT_NEAR(b.fields[1].value(i), static_cast<double>(i), 1e-5);
    EXPECT_NEAR(b.fields[2].value(i), b.fields[0].value(i) - static_cast<double>(i), 1e-5);
  }
  ASSERT_TRUE(b.metrics.has_value());
  EXPECT_EQ(a.tap, nullptr);
  ASSERT_NE(b.tap, nullptr);
  EXPECT_EQ(b.tap->layers.size(), 2u);
  EXPECT_EQ(b.sample->points, 60);
  // Without the field there is a prediction and nothing to compare it with.
  const Predictor::Result c = scaled.run(*cloud(false));
  EXPECT_EQ(c.fields.size(), 1u);
  EXPECT_FALSE(c.metrics.has_value());
  for (std::int64_t i = 0; i < 60; ++i) EXPECT_EQ(c.fields[0].value(i), b.fields[0].value(i));
}

TEST(Predictor, RefusesACheckpointThatDoesNotFitItself) {
  const test::ScratchFolder folder;
  const auto kind = [&](const Checkpoint& checkpoint) {
    save_checkpoint(folder.path() / "a.h5", checkpoint);
    try {
      const Predictor predictor(folder.path() / "a.h5");
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::Internal;
  };
  Checkpoint missing = checkpoint_with({});
  missing.weights.pop_back();
  EXPECT_EQ(kind(missing), ErrorKind::Model);
  Checkpoint two = checkpoint_with({{1, 2}, {1, 1}});  // a target of two components for a network of one
  EXPECT_EQ(kind(two), ErrorKind::Format);
  // A configuration of billions of numbers over a small file is found out before anything is allocated.
  Checkpoint absurd = checkpoint_with({});
  absurd.config.flat.width = 16384;
  absurd.config.flat.depth = 1000;
  EXPECT_EQ(kind(absurd), ErrorKind::Format);
}

}  // namespace
}  // namespace erwin
