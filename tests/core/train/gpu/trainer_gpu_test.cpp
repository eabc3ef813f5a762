// Training on a CUDA device: the host works two steps ahead, and nothing is lost or misplaced by that.

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/model/prediction_memory.h"
#include "core/train/trainer.h"
#include "tests/core/train/support.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

bool has_cuda() {
  for (const DeviceInfo& device : find_devices())
    if (device.id.starts_with("cuda")) return true;
  return false;
}

#define ERWIN_CUDA_OR_SKIP() \
  if (!has_cuda()) GTEST_SKIP() << "there is no CUDA device on this machine"

TrainConfig options(const char* device) {
  TrainConfig train;
  train.device = device;
  train.lr = 1e-2;
  train.steps = 12;
  train.clip = 0.5;
  train.batch = 2;
  return train;
}

// Each smaller than the one before by `fewer` points.
Trainer::Samples spirals(const ModelConfig& config, int fewer = 9) {
  std::vector<std::shared_ptr<const ModelSample>> prepared;
  SampleRecipe recipe;
  recipe.target = "height";
  for (int i = 0; i < 3; ++i)
    prepared.push_back(
        std::make_shared<ModelSample>(prepare_sample(*test::spiral(100 - fewer * i, i), 0, recipe, config)));
  return [prepared](std::int64_t index, std::int64_t, const Job&) { return prepared[static_cast<std::size_t>(index)]; };
}

std::vector<StepRecord> records(Trainer& trainer, int steps) {
  std::vector<StepRecord> all;
  for (int i = 0; i < steps; ++i)
    for (const StepRecord& record : trainer.advance()) all.push_back(record);
  for (const StepRecord& record : trainer.finish()) all.push_back(record);
  return all;
}

TEST(TrainerGpu, RecordsComeLateInOrderAndAreThoseOfTheCpu) {
  ERWIN_CUDA_OR_SKIP();
  for (const ModelKind kind : {ModelKind::Erwin, ModelKind::ErwinNsa, ModelKind::Full}) {
    const ModelConfig config = test::small_network(kind);
    Trainer device(config, options("cuda"), 3, spirals(config)), host(config, options("cpu"), 3, spirals(config));
    EXPECT_TRUE(device.advance().empty()) << "its numbers are still on the way";
    const std::vector<StepRecord> there = records(device, 7), here = records(host, 8);
    ASSERT_EQ(there.size(), 8u);
    for (std::size_t i = 0; i < 8; ++i) {
      EXPECT_EQ(there[i].step, static_cast<std::int64_t>(i) + 1);
      EXPECT_EQ(there[i].learning_rate, here[i].learning_rate);
      // float32 drifts apart with the steps.
      EXPECT_NEAR(there[i].loss, here[i].loss, (i < 2 ? 1e-4 : 3e-2) * here[i].loss) << name_of(kind) << " step " << i;
    }
    EXPECT_GT(device.peak_memory(), 0u);
    EXPECT_GT(free_memory("cuda"), std::uint64_t{1} << 20);
  }
}

// The device goes on for two steps before the host knows; the weights must not.
TEST(TrainerGpu, ADivergingRunStopsAtTheStepWithTheWeightsBeforeIt) {
  ERWIN_CUDA_OR_SKIP();
  const ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  TrainConfig train = options("cuda");
  train.lr = 1e3;
  train.weight_decay = 1;
  train.clip = 0;
  train.schedule = Schedule::Const;
  Trainer ahead(config, train, 3, spirals(config)), careful(config, train, 3, spirals(config));
  EXPECT_THROW(records(ahead, 60), Error);
  Weights before;
  try {
    for (int i = 0; i < 60; ++i) {
      before = careful.weights();
      careful.step();
    }
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("step " + std::to_string(careful.steps_done() + 1)), std::string::npos);
  }
  EXPECT_EQ(ahead.steps_done(), careful.steps_done());
  const Weights after = ahead.weights();
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i)
    if (after[i].name.find("running_") == std::string::npos) {
      EXPECT_TRUE(after[i].data == before[i].data) << after[i].name;
    }
}

// Saved and gone on with on the device: gradients are deterministic there, too.
TEST(TrainerGpu, GoesOnFromACheckpointToTheBit) {
  ERWIN_CUDA_OR_SKIP();
  const test::ScratchFolder folder;
  for (const char* precision : {"float32", "bf16"}) {
    const ModelConfig config = test::small_network(ModelKind::ErwinNsa);
    TrainConfig train = options("cuda");
    train.precision = precision;
    Trainer whole(config, train, 3, spirals(config)), first(config, train, 3, spirals(config)),
        second(config, train, 3, spirals(config));
    records(whole, 6);
    records(first, 2);
    Checkpoint checkpoint;
    checkpoint.config = config;
    checkpoint.step = first.steps_done();
    checkpoint.weights = first.weights();
    checkpoint.training = first.state();
    save_checkpoint(folder.path() / "c.h5", checkpoint);
    second.restore(load_training_checkpoint(folder.path() / "c.h5"));
    records(second, 4);
    const Weights a = whole.weights(), b = second.weights();
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].data == b[i].data) << precision << " " << a[i].name;
  }
}

// Recording saves launches and must change nothing else: the same kernels run on the same numbers.
TEST(TrainerGpu, AReplayedStepIsTheOneThatIsLaunched) {
  ERWIN_CUDA_OR_SKIP();
  for (const ModelKind kind : {ModelKind::Erwin, ModelKind::ErwinNsa, ModelKind::Ball, ModelKind::Full})
    for (const char* precision : {"float32", "bf16"}) {
      const ModelConfig config = test::small_network(kind);
      TrainConfig train = options("cuda");
      train.precision = precision;
      train.steps = 50;
      Trainer replayed(config, train, 3, spirals(config, 0)), again(config, train, 3, spirals(config, 0));
      train.recompute = "on";
      Trainer recomputed(config, train, 3, spirals(config, 0));
      train.recompute = "off";
      train.graph = false;
      Trainer launched(config, train, 3, spirals(config, 0));
      const std::vector<StepRecord> a = records(replayed, 50), b = records(launched, 50), c = records(again, 50);
      EXPECT_EQ(replayed.replayed_steps(), 49) << "the first step of a shape is launched";
      EXPECT_EQ(launched.replayed_steps(), 0);
      const std::vector<StepRecord> d = records(recomputed, 50);
      EXPECT_EQ(recomputed.replayed_steps(), 49) << "blocks that run again can be recorded too";
      ASSERT_EQ(d.size(), 50u);
      ASSERT_EQ(a.size(), 50u);
      ASSERT_EQ(b.size(), 50u);
      for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].loss, c[i].loss) << name_of(kind) << " " << precision << " step " << i + 1;
        EXPECT_EQ(a[i].loss, b[i].loss) << name_of(kind) << " " << precision << " step " << i + 1;
        EXPECT_EQ(a[i].loss, d[i].loss) << name_of(kind) << " " << precision << " step " << i + 1;
      }
      const Weights one = replayed.weights(), other = launched.weights();
      for (std::size_t i = 0; i < one.size(); ++i)
        EXPECT_TRUE(one[i].data == other[i].data) << name_of(kind) << " " << precision << " " << one[i].name;
    }
}

}  // namespace
}  // namespace erwin
