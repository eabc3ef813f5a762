// A head that predicts a mean and a deviation: its loss by hand, and that it learns where its target is uncertain.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/model/internal/likelihood.h"
#include "core/model/predict.h"
#include "core/train/internal/random.h"
#include "core/train/run.h"
#include "core/train/trainer.h"
#include "tests/core/train/support.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

constexpr double half_log_two_pi = 0.91893853320467274;

TEST(GaussianLoss, ByHand) {
  // Two points of two components: means, then raw deviations.
  const at::Tensor rows = at::tensor({1.0, -2.0, 0.5, 3.0, 0.0, 0.0, -1.0, 2.0}, at::kDouble).view({2, 4});
  const at::Tensor targets = at::tensor({2.0, -2.0, 0.25, -1.0}, at::kDouble).view({2, 2});
  const auto softplus = [](double raw) { return 1e-6 + std::log1p(std::exp(raw)); };
  double sum = 0;
  for (const auto& [mean, raw, target] :
       {std::tuple{1.0, 0.5, 2.0}, {-2.0, 3.0, -2.0}, {0.0, -1.0, 0.25}, {0.0, 2.0, -1.0}})
    sum += 0.5 * std::pow((target - mean) / softplus(raw), 2) + std::log(softplus(raw)) + half_log_two_pi;
  EXPECT_NEAR(model::loss_of(rows, targets, Head::Gaussian).item<double>(), sum / 4, 1e-12);
  EXPECT_NEAR(model::prediction_of(rows, Head::Gaussian).deviation[1][0].item<double>(), softplus(-1), 1e-12);
  EXPECT_EQ(model::loss_of(targets, targets, Head::Value).item<double>(), 0);
}

// Method 2.4: a standard normal prediction of standardised targets.
TEST(GaussianLoss, TheAnchorOfAStandardNormal) {
  std::vector<float> target, zero, one;
  for (int i = 0; i < 1000; ++i) {
    target.push_back(i % 2 ? 1.f : -1.f);
    zero.push_back(0);
    one.push_back(1);
  }
  const Metrics metrics = compare(zero, target, {{10}, {std::exp(1.0)}}, one);
  ASSERT_TRUE(metrics.nll);
  EXPECT_NEAR(metrics.nll->standardised, 0.5 + half_log_two_pi, 1e-12);
  EXPECT_NEAR(metrics.nll->real, 1.5 + half_log_two_pi, 1e-12) << "e times wider in the target's unit";
  EXPECT_EQ(metrics.score(), metrics.nll->standardised);
  EXPECT_FALSE(compare(zero, target, {}).nll);
  const Metrics mean = mean_of({metrics, metrics});
  EXPECT_NEAR(mean.nll->real, metrics.nll->real, 1e-12);
}

// A cloud whose target is noise of deviation 0.1 in its lower half and 1 in its upper half.
std::shared_ptr<const ModelSample> noisy(const ModelConfig& config, std::uint64_t seed) {
  constexpr int points = 120;
  train::Random random(seed);
  PointCloud::Parts parts;
  std::vector<float> target;
  for (int i = 0; i < points; ++i) {
    const double z = 2.0 * i / points - 1;
    parts.positions.insert(parts.positions.end(), {static_cast<float>(random.unit()), static_cast<float>(random.unit()),
                                                   static_cast<float>(z)});
    const double normal = std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(2 * std::numbers::pi * random.unit());
    target.push_back(static_cast<float>((z < 0 ? 0.1 : 1.0) * normal));
  }
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::move(target));
  return std::make_shared<const ModelSample>(
      prepare_sample(PointCloud(std::move(parts)), 0, {{"position"}, "height", {}}, config));
}

TEST(GaussianHead, LearnsWhereItCannotKnow) {
  ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  config.head = Head::Gaussian;
  TrainConfig train;
  train.device = "cpu";
  train.lr = 5e-3;
  train.steps = 300;
  Trainer trainer(config, train, 1000, [&](std::int64_t, std::int64_t drawn, const Job&) {
    return noisy(config, static_cast<std::uint64_t>(drawn) + 1);
  });
  const double first = trainer.step().loss;
  double last = 0;
  for (int step = 1; step < 300; ++step) last = trainer.step().loss;
  // The best any prediction can do: the entropy of the noise.
  const double best = 0.5 * (std::log(0.1) + std::log(1.0)) + 0.5 + half_log_two_pi;
  EXPECT_LT(last, best + 0.35);
  EXPECT_GT(first, best + 0.6);
  const auto sample = noisy(config, 99999);
  const Model::Output output = trainer.model().predict(*sample);
  ASSERT_EQ(output.values.size(), 120u);
  ASSERT_EQ(output.deviations.size(), 120u);
  double low = 0, high = 0;
  for (int i = 0; i < 50; ++i) low += output.deviations[static_cast<std::size_t>(i)] / 50;
  for (int i = 70; i < 120; ++i) high += output.deviations[static_cast<std::size_t>(i)] / 50;
  EXPECT_NEAR(low, 0.1, 0.05);
  EXPECT_NEAR(high, 1, 0.3);
}

TEST(GaussianHead, NeedsAWrapper) {
  ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  config.head = Head::Gaussian;
  config.wrapper = false;
  config.output_features = config.flat.width;
  EXPECT_THROW(config.check(), Error);
}

TEST(GaussianHead, ARunIsJudgedByItsLikelihood) {
  const test::ScratchFolder folder;
  Config config = test::spiral_config(test::make_spirals(folder.path()));
  config.set("model.head=gaussian");
  const RunResult result = run_training({config, folder.path() / "run", "", ""});
  const MetricsHistory metrics = read_metrics(RunLayout(folder.path() / "run").metrics());
  ASSERT_FALSE(metrics.validation().empty());
  const ValidationEntry* best = metrics.best();
  ASSERT_TRUE(best && best->nll);
  for (const ValidationEntry& entry : metrics.validation()) EXPECT_GE(entry.nll->standardised, best->nll->standardised);
  EXPECT_GT(best->nll->real, -5);
  EXPECT_NE(best->nll->real, best->nll->standardised);

  // The checkpoint knows its head: mean and deviation in real units.
  const Predictor predictor(result.checkpoint);
  EXPECT_EQ(predictor.checkpoint().config.head, Head::Gaussian);
  const Predictor::Result predicted = predictor.run(*test::spiral(80, 5.5));
  ASSERT_EQ(predicted.fields.size(), 4u);
  EXPECT_EQ(predicted.fields[3].name(), "deviation");
  EXPECT_EQ(predicted.fields[3].unit(), "m");
  EXPECT_GT(predicted.fields[3].range(0)->minimum, 0);
  EXPECT_NEAR(predicted.metrics->nll->standardised, metrics.validation().back().nll->standardised, 1e-4);
}

}  // namespace
}  // namespace erwin
