#include "core/train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "core/base/error.h"
#include "core/train/sampler.h"

namespace erwin {
namespace {

TEST(Sampler, EveryEpochIsAPermutation) {
  Sampler sampler(7, 1), same(7, 1), other(7, 2);
  std::vector<std::int64_t> first, second, third;
  for (int i = 0; i < 70; ++i) {
    first.push_back(sampler.next());
    second.push_back(same.next());
    third.push_back(other.next());
    EXPECT_EQ(sampler.epoch(), i / 7);
  }
  for (int epoch = 0; epoch < 10; ++epoch)
    EXPECT_EQ(std::set<std::int64_t>(first.begin() + 7 * epoch, first.begin() + 7 * (epoch + 1)).size(), 7u);
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
  EXPECT_NE(std::vector(first.begin(), first.begin() + 7), std::vector(first.begin() + 7, first.begin() + 14));
  Sampler single(1, 9);
  EXPECT_EQ(single.next(), 0);
  EXPECT_EQ(single.next(), 0);
}

// Points on a spiral with a smooth target of their position, standardised by hand.
PointCloudPtr spiral(int points, double phase) {
  PointCloud::Parts parts;
  std::vector<float> target;
  for (int i = 0; i < points; ++i) {
    const double t = (i + 0.5) / points, angle = 12 * t + phase;
    parts.positions.insert(parts.positions.end(),
                           {static_cast<float>(2 * t * std::cos(angle)), static_cast<float>(2 * t * std::sin(angle)),
                            static_cast<float>(2 * t - 1)});
    target.push_back(static_cast<float>(std::sqrt(2.0) * std::sin(2 * std::numbers::pi * t)));
  }
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(target));
  return std::make_shared<const PointCloud>(std::move(parts));
}

ModelConfig small(ModelKind kind) {
  ModelConfig config;
  config.kind = kind;
  config.embedding_channels = 16;
  config.mp_steps = 1;
  config.graph.k = 4;
  config.flat = {16, 2, 4, 1, 8, 32, 8, 2, Compression::Pool, Exclude::Ball, CompressedQuery::Token};
  config.unet = {{16, 32}, {32, 16}, {2, 4}, {1, 1}, {2}, {1}, {2}};
  return config;
}

Trainer::Samples samples_of(std::vector<PointCloudPtr> clouds, const ModelConfig& config) {
  std::vector<std::shared_ptr<const ModelSample>> prepared;
  SampleRecipe recipe;
  recipe.target = "height";
  for (const PointCloudPtr& cloud : clouds)
    prepared.push_back(std::make_shared<ModelSample>(prepare_sample(*cloud, 0, recipe, config)));
  return [prepared](std::int64_t index, const Job&) { return prepared[static_cast<std::size_t>(index)]; };
}

std::vector<double> losses(ModelKind kind, int steps, const TrainConfig& train, Weights* weights = nullptr) {
  const ModelConfig config = small(kind);
  Trainer trainer(config, train, 2, samples_of({spiral(100, 0), spiral(90, 1)}, config));
  std::vector<double> result;
  for (int i = 0; i < steps; ++i) result.push_back(trainer.step().loss);
  if (weights) *weights = trainer.model().weights();
  return result;
}

TrainConfig quick() {
  TrainConfig train;
  train.device = "cpu";
  train.lr = 1e-2;
  train.schedule = Schedule::Const;
  train.weight_decay = 0;
  return train;
}

// Oracle 37, small: one cloud is learned almost by heart. Its target has variance 1.
TEST(Trainer, OverfitsOneCloud) {
  for (const ModelKind kind : {ModelKind::ErwinNsa, ModelKind::Erwin}) {
    const ModelConfig config = small(kind);
    Trainer trainer(config, quick(), 1, samples_of({spiral(100, 0)}, config));
    const double first = trainer.step().loss;
    double last = first;
    for (int i = 0; i < 150; ++i) last = trainer.step().loss;
    EXPECT_GT(first, 0.5) << name_of(kind);
    EXPECT_LT(last, 0.05) << name_of(kind);
  }
}

TEST(Trainer, ASeedMeansTheSameRun) {
  TrainConfig train = quick();
  train.batch = 2;
  train.seed = 5;
  Weights first, second;
  const std::vector<double> a = losses(ModelKind::ErwinNsa, 4, train, &first),
                            b = losses(ModelKind::ErwinNsa, 4, train, &second);
  EXPECT_EQ(a, b);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(first[i].data, second[i].data) << first[i].name;
  train.seed = 6;
  EXPECT_NE(losses(ModelKind::ErwinNsa, 4, train), a);
}

// The loss of a batch is the mean over all its points: 100 and 90 of them here.
TEST(Trainer, ABatchIsTheMeanOverItsPoints) {
  const ModelConfig config = small(ModelKind::ErwinNsa);
  const auto loss = [&](std::vector<PointCloudPtr> clouds) {
    TrainConfig train = quick();
    train.batch = static_cast<std::int64_t>(clouds.size());
    const auto count = train.batch;
    Trainer trainer(config, train, count, samples_of(std::move(clouds), config));
    return trainer.step().loss;
  };
  const double one = loss({spiral(100, 0)}), other = loss({spiral(90, 1)}),
               both = loss({spiral(100, 0), spiral(90, 1)});
  EXPECT_NEAR(both, (100 * one + 90 * other) / 190, 1e-5 * both);
}

TEST(Trainer, ADivergingRunStopsAndSaysWhere) {
  TrainConfig train = quick();
  train.lr = 1e3;
  train.weight_decay = 1;  // (1 - 1000) per step: the weights leave float32 within some ten steps
  const ModelConfig config = small(ModelKind::ErwinNsa);
  Trainer trainer(config, train, 1, samples_of({spiral(100, 0)}, config));
  try {
    for (int i = 0; i < 60; ++i) trainer.step();
    FAIL() << "it did not diverge";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Model);
    EXPECT_NE(std::string(error.what()).find("step " + std::to_string(trainer.steps_done() + 1)), std::string::npos)
        << error.what();
  }
}

TEST(Trainer, ClippingBoundsTheStep) {
  TrainConfig train = quick();
  const std::vector<double> free = losses(ModelKind::Erwin, 3, train);
  train.clip = 1e30;
  EXPECT_EQ(losses(ModelKind::Erwin, 3, train), free) << "a limit that is never reached changes nothing";
}

TEST(Trainer, AFrozenSigmaStays) {
  ModelConfig config = small(ModelKind::ErwinNsa);
  config.freeze_sigma = true;
  Trainer trainer(config, quick(), 1, samples_of({spiral(100, 0)}, config));
  const Weights before = trainer.model().weights();
  for (int i = 0; i < 3; ++i) trainer.step();
  const Weights after = trainer.model().weights();
  int sigmas = 0, moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].name.ends_with("sigma")) {
      ++sigmas;
      EXPECT_EQ(before[i].data, after[i].data) << before[i].name;
    } else {
      moved += before[i].data != after[i].data;
    }
  }
  EXPECT_EQ(sigmas, 2);
  EXPECT_GT(moved, 20);
}

TEST(Trainer, RefusesWhatCannotBeTrained) {
  const ModelConfig config = small(ModelKind::ErwinNsa);
  EXPECT_THROW(Trainer(config, quick(), 0, {}), Error);
  TrainConfig train = quick();
  train.precision = "float8";
  EXPECT_THROW(Trainer(config, train, 1, samples_of({spiral(40, 0)}, config)), Error);
  SampleRecipe without_target;
  const auto sample = std::make_shared<const ModelSample>(prepare_sample(*spiral(40, 0), 0, without_target, config));
  Trainer trainer(config, quick(), 1, [sample](std::int64_t, const Job&) { return sample; });
  EXPECT_THROW(trainer.step(), Error);
}

}  // namespace
}  // namespace erwin
