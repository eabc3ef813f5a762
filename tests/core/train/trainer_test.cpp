#include "core/train/trainer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <thread>

#include "core/base/error.h"
#include "core/train/sampler.h"
#include "tests/core/train/support.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

// Networks this small gain nothing from threads, and lose much where the cores are busy.
class OneThread : public ::testing::Environment {
public:
  void SetUp() override { set_thread_count(1); }
};
[[maybe_unused]] const auto* const one_thread = ::testing::AddGlobalTestEnvironment(new OneThread);

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

TEST(Sampler, GoesOnWhereItWas) {
  Sampler whole(5, 3);
  std::vector<std::int64_t> drawn;
  for (int i = 0; i < 23; ++i) drawn.push_back(whole.next());
  for (const int from : {0, 1, 5, 13, 22}) {
    Sampler rest(5, 3, from);
    for (int i = from; i < 23; ++i) EXPECT_EQ(rest.next(), drawn[static_cast<std::size_t>(i)]) << from;
    EXPECT_EQ(rest.drawn(), 23);
  }
}

using test::spiral;

ModelConfig small(ModelKind kind) {
  return test::small_network(kind);
}

Trainer::Samples samples_of(std::vector<PointCloudPtr> clouds, const ModelConfig& config) {
  std::vector<std::shared_ptr<const ModelSample>> prepared;
  SampleRecipe recipe;
  recipe.target = "height";
  for (const PointCloudPtr& cloud : clouds)
    prepared.push_back(std::make_shared<ModelSample>(prepare_sample(*cloud, 0, recipe, config)));
  return [prepared](std::int64_t index, std::int64_t, const Job&) { return prepared[static_cast<std::size_t>(index)]; };
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

Checkpoint checkpoint_of(const Trainer& trainer) {
  Checkpoint checkpoint;
  checkpoint.config = trainer.model().config();
  checkpoint.step = trainer.steps_done();
  checkpoint.weights = trainer.weights();
  checkpoint.training = trainer.state();
  return checkpoint;
}

void expect_same(const Weights& a, const Weights& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].data == b[i].data) << a[i].name;
}

// Weights, averages and counts go through a checkpoint file and come out to the same bits; bf16 keeps its float32
// masters, and the U-net its running statistics.
TEST(Trainer, GoesOnFromACheckpointToTheBit) {
  const test::ScratchFolder folder;
  const struct {
    ModelKind kind;
    const char* precision;
  } cases[] = {{ModelKind::Erwin, "float32"}, {ModelKind::ErwinNsa, "bf16"}};
  for (const auto& c : cases) {
    const ModelConfig config = small(c.kind);
    TrainConfig train = quick();
    train.precision = c.precision;
    train.schedule = Schedule::Cosine;
    train.steps = 6;
    train.weight_decay = 0.1;
    train.clip = 0.5;
    const auto samples = samples_of({spiral(100, 0), spiral(90, 1), spiral(80, 2)}, config);
    Trainer whole(config, train, 3, samples);
    for (int i = 0; i < 6; ++i) whole.step();
    Trainer first(config, train, 3, samples);
    for (int i = 0; i < 2; ++i) first.step();
    save_checkpoint(folder.path() / "c.h5", checkpoint_of(first));
    train.seed = 0;
    Trainer second(config, train, 3, samples);
    second.restore(load_training_checkpoint(folder.path() / "c.h5"));
    EXPECT_EQ(second.steps_done(), 2);
    for (int i = 2; i < 6; ++i) EXPECT_EQ(second.step().step, i + 1);
    expect_same(second.weights(), whole.weights());
    expect_same(second.state().square, whole.state().square);
    // Weights alone are less than that: the averages start from zero and the samples from the beginning.
    Trainer third(config, train, 3, samples);
    third.restore(load_checkpoint(folder.path() / "c.h5"));
    EXPECT_EQ(third.steps_done(), 0);
    for (int i = 2; i < 6; ++i) third.step();
    EXPECT_FALSE(third.weights().front().data == whole.weights().front().data);
  }
}

// Without BatchNorm, three batches of one cloud are one batch of three, up to rounding; sizes differ, so plain means
// would not be the mean over all points.
TEST(Trainer, AccumulatedBatchesAreOneBatch) {
  const ModelConfig config = small(ModelKind::ErwinNsa);
  const auto weights = [&](std::int64_t batch, std::int64_t accumulate) {
    TrainConfig train = quick();
    train.precision = "float64";
    train.batch = batch;
    train.accumulate = accumulate;
    train.eps = 1e-3;  // where a gradient is nearly 0, Adam's step would otherwise be the sign of its rounding
    Trainer trainer(config, train, 3, samples_of({spiral(100, 0), spiral(40, 1), spiral(70, 2)}, config));
    trainer.step();
    return trainer.weights();
  };
  const Weights one = weights(3, 1), parts = weights(1, 3);
  ASSERT_EQ(one.size(), parts.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (one[i].type != ElementType::Float64) continue;
    const auto* a = reinterpret_cast<const double*>(one[i].data.data());
    const auto* b = reinterpret_cast<const double*>(parts[i].data.data());
    for (std::size_t k = 0; k < one[i].data.size() / 8; ++k) ASSERT_NEAR(a[k], b[k], 1e-9) << one[i].name;
  }
}

// How many threads prepare samples, and when they are done, changes nothing.
TEST(Trainer, LoadersDeliverInOrder) {
  const ModelConfig config = small(ModelKind::ErwinNsa);
  std::vector<std::vector<double>> all;
  for (const int loaders : {1, 4}) {
    TrainConfig train = quick();
    train.loaders = loaders;
    const auto samples = samples_of({spiral(100, 0), spiral(90, 1), spiral(80, 2)}, config);
    Trainer trainer(config, train, 3, [samples](std::int64_t index, std::int64_t drawn, const Job& job) {
      std::this_thread::sleep_for(std::chrono::milliseconds(drawn * 7 % 5));
      return samples(index, drawn, job);
    });
    all.emplace_back();
    for (int i = 0; i < 7; ++i) all.back().push_back(trainer.step().loss);
  }
  EXPECT_EQ(all[0], all[1]);
}

// A weight blown up in the second block: what comes before is finite, so the report names that block.
TEST(Trainer, NamesTheLayerWhereNumbersLeaveTheFiniteOnes) {
  const ModelConfig config = small(ModelKind::ErwinNsa);
  const auto samples = samples_of({spiral(100, 0)}, config);
  Trainer made(config, quick(), 1, samples);
  Checkpoint checkpoint = checkpoint_of(made);
  for (WeightArray& weight : checkpoint.weights)
    if (weight.name == "block.1.norm2.weight")
      for (std::size_t i = 0; i < weight.data.size() / 4; ++i) reinterpret_cast<float*>(weight.data.data())[i] = 3e38f;
  Trainer trainer(config, quick(), 1, samples);
  trainer.restore(checkpoint);
  try {
    trainer.step();
    FAIL() << "it did not diverge";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step 1, first in block.1"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("--from"), std::string::npos);
  }
  expect_same(trainer.weights(), checkpoint.weights);
}

// Activations that are computed again are the same, and so are the gradients.
TEST(Trainer, RecomputingChangesNothing) {
  for (const ModelKind kind : {ModelKind::Erwin, ModelKind::ErwinNsa, ModelKind::Ball, ModelKind::Full})
    for (const char* precision : {"float32", "bf16"}) {
      const ModelConfig config = small(kind);
      TrainConfig train;
      train.device = "cpu";
      train.batch = 2;
      train.precision = precision;
      const auto source = [&](std::int64_t index, std::int64_t, const Job&) {
        SampleRecipe recipe;
        recipe.target = "height";
        return std::make_shared<const ModelSample>(
            prepare_sample(*spiral(80 + 7 * static_cast<int>(index), 0), 0, recipe, config));
      };
      train.recompute = "off";
      Trainer keeping(config, train, 4, source);
      train.recompute = "on";
      Trainer again(config, train, 4, source);
      for (int i = 0; i < 4; ++i) {
        const auto one = keeping.advance(), other = again.advance();
        ASSERT_EQ(one.size(), 1u);
        ASSERT_EQ(other.size(), 1u);
        EXPECT_EQ(one[0].loss, other[0].loss) << name_of(kind) << " " << precision << " step " << i + 1;
      }
      const Weights a = keeping.weights(), b = again.weights();
      ASSERT_EQ(a.size(), b.size());
      for (std::size_t i = 0; i < a.size(); ++i)
        EXPECT_TRUE(a[i].data == b[i].data) << name_of(kind) << " " << precision << " " << a[i].name;
    }
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
  Trainer trainer(config, quick(), 1, [sample](std::int64_t, std::int64_t, const Job&) { return sample; });
  EXPECT_THROW(trainer.step(), Error);
}

}  // namespace
}  // namespace erwin
