// Memory that was predicted from shapes beside what the allocator had at its peak, and runs that do not get what they
// need or lose their device.

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/config/config.h"
#include "core/model/predict.h"
#include "core/model/prediction_memory.h"
#include "core/train/memory_plan.h"
#include "core/train/run.h"
#include "core/train/sampler.h"
#include "core/train/trainer.h"
#include "tests/core/train/support.h"
#include "tests/support/device_fault.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

#define ERWIN_CUDA_OR_SKIP() \
  if (resolve_device("auto") == "cpu") GTEST_SKIP() << "there is no CUDA device on this machine"

constexpr std::int64_t points = 20000;

struct Case {
  const char* preset;
  std::int64_t batch;
};
// Flat and U-net trunks, shallow and deep, wide and narrow.
constexpr const char* without_kernel = "car-small-ball with heads of 12";  // a width that no kernel takes
constexpr Case cases[] = {{"shapenet-car-erwin", 2}, {"shapenet-car-erwin-nsa", 2}, {"shapenet-car-full", 1},
                          {"car-small-erwin", 4},    {"car-small-ball", 3},         {without_kernel, 3}};

ModelConfig network(const std::string& preset) {
  Config config = Config::from_toml_file(find_config(preset == without_kernel ? "car-small-ball" : preset));
  if (preset == without_kernel) config.set("model.heads=4");
  ModelConfig model = model_config(config);
  model.dimension = model.input_features = 3;
  model.output_features = 1;
  return model;
}

std::shared_ptr<const ModelSample> sample_of(const ModelConfig& config, bool with_geometry) {
  SampleRecipe recipe;
  recipe.target = "height";
  return std::make_shared<ModelSample>(
      prepare_sample(*test::spiral(static_cast<int>(points), 0), 0, recipe, config, {}, with_geometry));
}

// Gives back what earlier tests left, and forgets their peak. cuBLAS's workspaces, taken at a thread's first product
// and kept, are not the network's: this thread's and that of autograd exist from now on.
void begin_counting() {
  const at::Tensor one = at::ones({1, 1}, at::TensorOptions().device(at::kCUDA)).requires_grad_(true);
  at::mm(one, one).backward();
  at::accelerator::emptyCache();
  at::accelerator::resetPeakStats(0);
}

std::int64_t allocated(bool peak) {
  const auto stats = at::accelerator::getDeviceStats(0);
  return peak ? stats.allocated_bytes[0].peak : stats.allocated_bytes[0].current;
}

void expect_within(std::uint64_t predicted, std::int64_t measured, const std::string& what) {
  const double ratio = static_cast<double>(predicted) / static_cast<double>(measured);
  testing::Test::RecordProperty(what, std::to_string(ratio));
  EXPECT_NEAR(ratio, 1, 0.15) << what << ": predicted " << predicted << ", measured " << measured;
}

TEST(MemoryGpu, OfATrainingStepIsWhatWasPredicted) {
  ERWIN_CUDA_OR_SKIP();
  for (const Case& one : cases)
    for (const auto& [precision, recompute] : {std::pair{"float32", "off"}, {"bf16", "off"}, {"float32", "on"}}) {
      const ModelConfig config = network(one.preset);
      const auto sample = sample_of(config, true);
      TrainConfig train;
      train.device = "cuda";
      train.batch = one.batch;
      train.precision = precision;
      train.recompute = recompute;
      train.graph = false;
      begin_counting();
      const std::int64_t before = allocated(false);
      std::int64_t parameters = 0;
      {
        Trainer trainer(config, train, 8, [&](std::int64_t, std::int64_t, const Job&) { return sample; });
        parameters = trainer.model().parameter_count();
        for (int i = 0; i < 2; ++i) trainer.advance();
        // In a long run as many batches wait as may; in the first steps the loaders are still behind.
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        trainer.advance();
        trainer.finish();
      }
      const MemoryPlan plan = predict_memory(config, train, parameters, sample_size(config, points), false);
      expect_within(plan.total(), allocated(true) - before,
                    std::string(one.preset) + " " + precision + " " + recompute);
    }
}

TEST(MemoryGpu, OfAPredictionIsWhatWasPredicted) {
  ERWIN_CUDA_OR_SKIP();
  for (const Case& one : cases)
    for (const Precision precision : {Precision::Float32, Precision::BFloat16}) {
      const ModelConfig config = network(one.preset);
      const auto sample = sample_of(config, true);
      const Model model(config, 0, "cuda", precision);
      begin_counting();
      const std::int64_t before = allocated(false);
      model.predict(*sample);
      const SampleSize size = sample_size(config, points);
      expect_within(predict_prediction_memory(config, precision, size, false), allocated(true) - before,
                    std::string(one.preset) + " " + name_of(precision));
    }
}

class RunsGpu : public ::testing::Test {
protected:
  Config config() const {
    Config made = test::spiral_config(manifest_);
    made.assign("train.device", std::string("cuda"));
    made.assign("train.steps", std::int64_t{40});
    made.assign("train.checkpoint_every", std::int64_t{10});
    return made;
  }
  std::filesystem::path path(const char* name) const { return folder_.path() / name; }

private:
  test::ScratchFolder folder_;
  std::filesystem::path manifest_ = test::make_spirals(folder_.path());
};

// Another program takes the device's memory while the run is under way, then comes a sample that needs some: what was
// done until then is saved, and the run goes on when there is room again.
TEST_F(RunsGpu, OutOfMemoryOnTheWaySaves) {
  ERWIN_CUDA_OR_SKIP();
  io::write(path("train_5.csv"), {{"cloud", test::spiral(240000, 0)}});
  Config wanted = config();
  wanted.set("train.validate_every=0");
  wanted.set("train.memory_check=false");
  wanted.assign("train.steps", std::int64_t{12});
  std::int64_t seed = 0;  // of an order in which the large one comes last of the six
  const auto place = [](std::int64_t of) {
    Sampler sampler(6, static_cast<std::uint64_t>(of));
    std::int64_t at = 0;
    while (sampler.next() != 5) ++at;
    return at;
  };
  while (place(seed) != 5) ++seed;
  wanted.assign("train.seed", seed);
  const RunLayout run(path("run"));
  at::Tensor hog;
  const auto watch = [&](const RunProgress&) {
    if (hog.defined()) return;
    at::accelerator::emptyCache();
    const auto room = static_cast<std::int64_t>(free_memory("cuda:0")) - (std::int64_t{96} << 20);
    hog = at::empty({room}, at::TensorOptions().device(at::kCUDA).dtype(at::kByte));
  };
  try {
    run_training({wanted, run.root(), "test", {}}, {}, watch);
    FAIL() << "it does not fit";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::DeviceMemory) << error.what();
    EXPECT_NE(error.hint().find("train --from"), std::string::npos) << error.what();
    EXPECT_NE(error.detail().find("step 5 is saved"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Failed);
  hog = at::Tensor();
  at::accelerator::emptyCache();
  const RunResult result = run_training({wanted, path("more"), "test", run.last()});
  EXPECT_EQ(result.first_step, 5);
  EXPECT_EQ(result.steps, 12);
}

// The device fails at step 25: what was saved at step 20 is whole, the run says so and goes on from there.
TEST_F(RunsGpu, AFailedDeviceLeavesTheLastCheckpointAndSaysHowToGoOn) {
  ERWIN_CUDA_OR_SKIP();
  const RunLayout run(path("run"));
  bool broken = false;
  const auto watch = [&](const RunProgress& progress) {
    if (progress.step >= 25 && !broken) {
      test::break_device();
      broken = true;
    }
  };
  try {
    run_training({config(), run.root(), "test", {}}, {}, watch);
    FAIL() << "the device failed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Device) << error.what();
    EXPECT_NE(error.detail().find("step 20 is saved"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("train --resume"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_run_state(run).phase, RunPhase::Failed);
  ResumeRequest again{run.root(), std::nullopt, {}, "cpu", "test"};
  const RunResult result = resume_training(again);
  EXPECT_EQ(result.first_step, 20);
  EXPECT_EQ(result.steps, 40);
}

}  // namespace
}  // namespace erwin
