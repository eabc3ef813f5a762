#include "core/model/attribution.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/dataset/dataset.h"
#include "core/model/internal/network.h"
#include "core/model/receptive_field.h"
#include "core/model/what_if.h"
#include "tests/core/model/what_if/support.h"
#include "tests/support/shared_data.h"

namespace erwin {

namespace {

struct Subject {
  explicit Subject(const ModelConfig& config, Precision precision = Precision::Float32)
      : predictor(test::make_checkpoint(config), "cpu", precision),
        cloud(test::make_cloud(150, 5)),
        runner(predictor, cloud, 0) {}
  Predictor predictor;
  PointCloudPtr cloud;
  WhatIfRunner runner;
};

// What taking a block away does, by attribution and by a what-if of its own.
void expect_changes_of_what_if(const Subject& subject, int layer, KnockOut how, bool all_layers) {
  const Attribution result = attribute(
      subject.predictor, subject.runner.sample(),
      {.point = 40, .component = 0, .layer = layer, .most_blocks = 5, .knock_out = how, .all_layers = all_layers});
  ASSERT_FALSE(result.blocks.empty());
  const TapPtr tap = subject.predictor.model().predict(subject.runner.sample(), TapRequest{}).tap;
  const LayerTap& asked = tap->layers[static_cast<std::size_t>(layer)];
  const std::int64_t own = asked.slot_of_point(40) / asked.block_size;
  for (const AttributedBlock& block : result.blocks) {
    WhatIf what_if;
    for (const LayerTap& changed : tap->layers)
      if (changed.layer == layer || (all_layers && changed.rotated == asked.rotated))
        what_if.attention.forced.push_back({.layer = changed.layer,
                                            .query_block = how == KnockOut::Everywhere ? -1 : own,
                                            .block = block.block,
                                            .in = false,
                                            .everywhere = how == KnockOut::Everywhere});
    const double without = subject.runner.run(what_if).prediction.value(40);
    EXPECT_NEAR(block.measured, subject.runner.baseline().value(40) - without, 2e-5);
  }
  for (std::size_t i = 1; i < result.blocks.size(); ++i)
    EXPECT_GE(std::abs(result.blocks[i - 1].contribution), std::abs(result.blocks[i].contribution));
  ASSERT_EQ(result.curves.size(), 4U);
  const DeletionCurve& by_contribution = result.curves[0];
  EXPECT_EQ(by_contribution.removed.back(), static_cast<int>(result.blocks.size()));
  EXPECT_NEAR(by_contribution.change[0], std::abs(result.blocks[0].measured), 2e-5);
  for (const DeletionCurve& curve : result.curves)  // with all of them gone the order does not matter
    EXPECT_NEAR(curve.change.back(), by_contribution.change.back(), 2e-5) << curve.order;
}

}  // namespace

// The parts add up to the share that the network itself has, to 1e-5 of the sum of magnitudes, in plain, rotated and
// pooled layers of every kind.
TEST(Attribution, PartsSumToTheLayersShare) {
  for (const ModelConfig& config : {test::nsa_config(), test::unet_config(), test::flat_config(ModelKind::Ball),
                                    test::flat_config(ModelKind::Full)}) {
    const Subject subject(config);
    for (int layer = 0; layer < static_cast<int>(heads_by_layer(config).size()); ++layer)
      for (const std::int64_t point : {3, 77, 149}) {
        const Attribution result = attribute(subject.predictor, subject.runner.sample(),
                                             {.point = point, .component = 0, .layer = layer, .most_blocks = 0});
        EXPECT_LT(std::abs(result.contribution.sum() - result.share), 1e-5 * result.contribution.magnitude)
            << name_of(config.kind) << " layer " << layer << " point " << point;
        EXPECT_GT(result.contribution.magnitude, 0);
        EXPECT_NEAR(result.prediction, subject.runner.baseline().value(point), 1e-5);
        EXPECT_NEAR(result.share + result.remainder, result.prediction, 1e-9);
      }
  }
}

// d y / d out_i is a derivative: a small step along it changes the prediction as it says.
TEST(Attribution, TheShareIsADerivative) {
  const Subject subject(test::nsa_config(), Precision::Float64);
  const Model& model = subject.predictor.model();
  const model::Batch batch = model::make_batch({&subject.runner.sample()}, model.config(), model.impl().options);
  const std::int64_t point = 31;
  for (const int layer : {0, 1}) {
    const Attribution result = attribute(subject.predictor, subject.runner.sample(),
                                         {.point = point, .component = 0, .layer = layer, .most_blocks = 0});
    const TapPtr tap = model.predict(subject.runner.sample(), TapRequest{}).tap;
    const std::int64_t slot = tap->layers[static_cast<std::size_t>(layer)].slot_of_point(point);
    const auto scaled = [&](double factor) {
      const c10::AutoGradMode without_gradient(false);
      model::Interventions interventions;
      interventions.replace = [&](const std::string& module, const at::Tensor& rows) {
        if (module != "block." + std::to_string(layer) + ".attention") return rows;
        at::Tensor changed = rows.clone();
        changed.select(0, slot).mul_(factor);
        return changed;
      };
      model::ForwardContext context;
      context.interventions = &interventions;
      return model.impl().network->forward(batch, context).select(0, point).select(0, 0).item<double>();
    };
    constexpr double step = 1e-4;
    EXPECT_NEAR((scaled(1 + step) - scaled(1 - step)) / (2 * step), result.share, 1e-5 * result.contribution.magnitude);
  }
}

// What the batched pass measures is what a prediction without the block says.
// Passes compute only the rows that matter of their first and last layer: every layer is asked once, of a network with
// a compressed query per slot and of one with a query per block.
TEST(Attribution, MeasuredChangesAreThoseOfWhatIf) {
  ModelConfig per_block = test::nsa_config();
  per_block.flat.compressed_query = CompressedQuery::Block;
  for (const ModelConfig& config : {test::nsa_config(), per_block}) {
    const Subject subject(config);
    for (const int layer : {0, 1, 2})  // 1 runs in the rotated tree
      for (const KnockOut how : {KnockOut::Selection, KnockOut::Everywhere})
        for (const bool all_layers : {false, true}) expect_changes_of_what_if(subject, layer, how, all_layers);
  }
}

TEST(Attribution, OtherNetworksHaveNoBlocksToTakeAway) {
  const Subject subject(test::unet_config());
  const Attribution result = attribute(subject.predictor, subject.runner.sample(), {.point = 4, .layer = 1});
  EXPECT_TRUE(result.blocks.empty() && result.curves.empty());
  EXPECT_TRUE(std::isnan(result.contribution_correlation));
  EXPECT_THROW(attribute(subject.predictor, subject.runner.sample(), {.point = 150}), Error);
  EXPECT_THROW(attribute(subject.predictor, subject.runner.sample(), {.point = 4, .component = 1}), Error);
  EXPECT_THROW(attribute(subject.predictor, subject.runner.sample(), {.point = 4, .layer = 9}), Error);
}

// Planted truth: what a cluster is to say is its partner's charge, so that the weightiest block holds the partner.
TEST(Attribution, FindsThePartnerOfTheBeacons) {
  const auto folder = test::source_folder() / "datasets";
  const Dataset dataset = Dataset::open(folder / "beacons-small.toml");
  const Predictor predictor(folder / "beacons-small-erwin-nsa.h5");
  int found = 0, asked = 0, confirmed = 0;
  for (const std::int64_t index : dataset.split("test")) {
    const PointCloudPtr cloud = dataset.load(index);
    const WhatIfRunner runner(predictor, cloud, 0);
    const Field &cluster = cloud->require_field("cluster"), &partner = cloud->require_field("partner");
    for (std::int64_t point = 5; point < cloud->size(); point += 37) {
      // The layer whose own share of the prediction is the largest says where the prediction comes from.
      Attribution best;
      for (int layer = 0; layer < static_cast<int>(heads_by_layer(predictor.checkpoint().config).size()); ++layer) {
        Attribution one = attribute(predictor, runner.sample(),
                                    {.point = point, .component = 0, .layer = layer, .deletion_curves = false});
        const auto top = [](const Attribution& a) { return a.blocks.empty() ? 0 : std::abs(a.blocks[0].contribution); };
        if (best.blocks.empty() || top(one) > top(best)) best = std::move(one);
      }
      ASSERT_FALSE(best.blocks.empty());
      const TapPtr tap = predictor.model().predict(runner.sample(), TapRequest{}).tap;
      const LayerTap& layer = tap->require_layer(best.request.layer);
      const auto holds_partner = [&](const AttributedBlock& block) {
        const std::int64_t first = std::int64_t{block.block} * layer.block_size;
        const auto points = points_of_slots(layer, first, first + layer.block_size);
        return std::any_of(points.begin(), points.end(),
                           [&](std::int32_t other) { return cluster.value(other) == partner.value(point); });
      };
      ++asked;
      found += holds_partner(best.blocks[0]);
      // Does taking it away change the prediction most? Said, not asked for: blocks that share a partner stand in for
      // one another, and few are selected.
      confirmed += std::all_of(best.blocks.begin(), best.blocks.end(), [&](const AttributedBlock& block) {
        return std::abs(block.measured) <= std::abs(best.blocks[0].measured);
      });
    }
  }
  RecordProperty("asked", asked);
  RecordProperty("found", found);
  std::printf("partner found %d of %d; its block's knock-out was the largest in %d\n", found, asked, confirmed);
  EXPECT_GE(found, asked * 9 / 10);
}

// Every entry of the Jacobian by central differences.
TEST(ReceptiveField, EqualsTheDenseJacobian) {
  for (const ModelConfig& config : {test::nsa_config(), test::unet_config()}) {
    const Checkpoint checkpoint = test::make_checkpoint(config);
    const Predictor predictor(checkpoint, "cpu", Precision::Float64);
    const PointCloudPtr cloud = test::make_cloud(60, 8);
    const WhatIfRunner runner(predictor, cloud, 0);
    const Model& model = predictor.model();
    const ReceptiveField field = receptive_field(predictor, runner.sample(), 17);
    const model::Batch batch = model::make_batch({&runner.sample()}, config, model.impl().options);
    const auto shifted = [&](std::int64_t point, std::int64_t feature, double step) {
      const c10::AutoGradMode without_gradient(false);
      model::Interventions interventions;
      interventions.replace = [&](const std::string& module, const at::Tensor& rows) {
        if (module != "embed") return rows;
        at::Tensor changed = rows.clone();
        changed.select(0, point).select(0, feature).add_(step);
        return changed;
      };
      model::ForwardContext context;
      context.interventions = &interventions;
      return model.impl().network->forward(batch, context).select(0, 17).select(0, 0).item<double>();
    };
    double largest = 0;
    for (std::int64_t point = 0; point < 60; ++point) largest = std::max(largest, field.influence.value(point));
    EXPECT_GT(largest, 0);
    for (std::int64_t point = 2; point < 60; point += 5) {
      double squares = 0;
      for (std::int64_t feature = 0; feature < 16; ++feature)
        squares += std::pow((shifted(point, feature, 1e-5) - shifted(point, feature, -1e-5)) / 2e-5, 2);
      EXPECT_NEAR(field.influence.value(point), squares, 1e-5 * largest) << point;
    }
    EXPECT_GE(field.above_zero, field.above_threshold);
    EXPECT_LE(field.concentration.share_50, field.concentration.share_90);
  }
}

// Ball attention without message passing, one layer: the ball and nothing else (method 7, 34).
TEST(ReceptiveField, OfOneBallLayerIsTheBall) {
  ModelConfig config = test::flat_config(ModelKind::Ball);
  config.flat.depth = 1;
  config.mp_steps = 0;
  const Predictor predictor(test::make_checkpoint(config));
  const WhatIfRunner runner(predictor, test::make_cloud(150, 8), 0);
  const ReceptiveField field = receptive_field(predictor, runner.sample(), 17);
  const TapPtr tap = predictor.model().predict(runner.sample(), TapRequest{}).tap;
  const LayerTap& layer = tap->layers.front();
  std::int64_t inside = 0;
  for (std::int64_t point = 0; point < 150; ++point) {
    const bool same = layer.slot_of_point(point) / 32 == layer.slot_of_point(17) / 32;
    inside += same;
    EXPECT_EQ(field.influence.value(point) > 0, same) << point;
  }
  EXPECT_EQ(field.above_zero, inside);
}

}  // namespace erwin
