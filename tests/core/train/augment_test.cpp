#include "core/train/internal/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/error.h"
#include "core/model/model.h"
#include "tests/core/train/support.h"

namespace erwin::train {
namespace {

TEST(Random, IsSplitmix64) {
  // The first outputs of the published generator for seed 1234567.
  Random random(1234567);
  EXPECT_EQ(random.draw(), 6457827717110365317u);
  EXPECT_EQ(random.draw(), 3203168211198807973u);
  EXPECT_NE(Random(1, 1).draw(), Random(1, 2).draw());
}

SampleRecipe recipe_of(const std::vector<std::string>& inputs) {
  SampleRecipe recipe{inputs, "height", {}};
  recipe.normalisation.position = {{0.1, -0.2, 0.3}, {2, 1, 0.5}};
  return recipe;
}

// The network's answer follows its points, since its trees do not depend on their order.
TEST(Augment, ReorderedSamplesAreTheSameCloud) {
  for (const ModelKind kind : {ModelKind::ErwinNsa, ModelKind::Erwin}) {
    for (const Padding padding : {Padding::Masked, Padding::Duplicate}) {
      ModelConfig config = test::small_network(kind);
      config.padding = padding;
      const ModelSample sample = prepare_sample(*test::spiral(90, 0), 0, recipe_of({"position"}), config);
      std::vector<std::int32_t> order(90);
      std::iota(order.begin(), order.end(), 0);
      Random random(7);
      shuffle(order, random);
      const ModelSample other = reordered(sample, order, padding);
      const Model model(config, 1, "cpu", Precision::Float64);
      const std::vector<float> a = model.predict(sample).values, b = model.predict(other).values;
      for (std::size_t i = 0; i < order.size(); ++i) {
        const auto old = static_cast<std::size_t>(order[i]);
        EXPECT_EQ(other.targets[i], sample.targets[old]);
        EXPECT_NEAR(b[i], a[old], 1e-6) << name_of(kind);
      }
    }
  }
}

// A cloud with positions and a velocity on it, turned by a matrix in float64.
PointCloudPtr moving_spiral(const std::array<double, 9>& turn) {
  const PointCloudPtr still = test::spiral(80, 0);
  std::array<double, 3> centre{};
  for (std::int64_t i = 0; i < 80; ++i)
    for (std::size_t c = 0; c < 3; ++c) centre[c] += still->position(i)[c] / 80;
  const auto turned = [&](const std::array<double, 3>& v, std::size_t c) {
    return turn[3 * c] * v[0] + turn[3 * c + 1] * v[1] + turn[3 * c + 2] * v[2];
  };
  PointCloud::Parts parts;
  std::vector<float> velocity;
  for (std::int64_t i = 0; i < 80; ++i) {
    std::array<double, 3> place = still->position(i);
    const std::array<double, 3> speed{place[1], 1 - place[0], 0.5 * place[2]};
    for (std::size_t c = 0; c < 3; ++c) place[c] -= centre[c];
    for (std::size_t c = 0; c < 3; ++c) {
      parts.positions.push_back(static_cast<float>(turned(place, c) + centre[c]));
      velocity.push_back(static_cast<float>(turned(speed, c)));
    }
  }
  const std::span<const float> height = still->require_field("height").values();
  parts.fields.emplace_back("velocity", FieldKind::Vector, 3, std::move(velocity));
  parts.fields.emplace_back("height", FieldKind::Scalar, 1, std::vector<float>(height.begin(), height.end()));
  return std::make_shared<const PointCloud>(std::move(parts));
}

// Turning the prepared sample is preparing the turned cloud, though the scales differ per axis.
TEST(Augment, TurnedSamplesAreTurnedClouds) {
  Random random(5);
  const std::array<double, 9> rotation = random_rotation("any", random), still{1, 0, 0, 0, 1, 0, 0, 0, 1};
  SampleRecipe recipe = recipe_of({"height", "position", "velocity"});
  recipe.normalisation.field["velocity"] = {{0.5, 0, -1}, {1, 3, 2}};
  ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  config.input_features = 7;
  const PointCloudPtr cloud = moving_spiral(still);
  const Augmentation augmentation = make_augmentation(0, false, "any", recipe, *cloud, 3);
  const ModelSample sample = prepare_sample(*cloud, 0, recipe, config),
                    wanted = prepare_sample(*moving_spiral(rotation), 0, recipe, config),
                    found = turned(sample, rotation, augmentation, recipe, config, {});
  for (std::size_t i = 0; i < wanted.positions.size(); ++i) EXPECT_NEAR(found.positions[i], wanted.positions[i], 1e-5);
  for (std::size_t i = 0; i < wanted.features.size(); ++i)
    EXPECT_NEAR(found.features[i], wanted.features[i], 1e-5) << i % 7;
  EXPECT_EQ(found.targets, sample.targets);
  EXPECT_EQ(found.edge_source, wanted.edge_source);
  EXPECT_EQ(found.trees.main->slot_point, wanted.trees.main->slot_point);
}

TEST(Augment, RotationsAreRotations) {
  Random random(11);
  for (const char* about : {"x", "y", "z", "any"}) {
    const auto r = random_rotation(about, random);
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j) {
        double dot = 0;
        for (std::size_t k = 0; k < 3; ++k) dot += r[3 * i + k] * r[3 * j + k];
        EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-12) << about;
      }
    const double determinant =
        r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
    EXPECT_NEAR(determinant, 1, 1e-12) << about;
    const std::size_t axis = std::string("xyz").find(about);
    if (axis < 3) {
      EXPECT_EQ(r[4 * axis], 1) << about;
    }
  }
}

TEST(Augment, FollowsFromSeedAndNumberAlone) {
  const SampleRecipe recipe = recipe_of({"position"});
  const ModelConfig config = test::small_network(ModelKind::ErwinNsa);
  const PointCloudPtr cloud = test::spiral(60, 0);
  const ModelSample sample = prepare_sample(*cloud, 0, recipe, config);
  const Augmentation augmentation = make_augmentation(9, true, "z", recipe, *cloud, 3),
                     other = make_augmentation(10, true, "z", recipe, *cloud, 3);
  const auto seen = [&](const Augmentation& how, std::int64_t drawn) {
    return augmented(sample, how, recipe, config, drawn, {}).positions;
  };
  EXPECT_EQ(seen(augmentation, 4), seen(augmentation, 4));
  EXPECT_NE(seen(augmentation, 4), seen(augmentation, 5));
  EXPECT_NE(seen(augmentation, 4), seen(other, 4));
}

TEST(Augment, RefusesWhatDoesNotTurn) {
  const PointCloudPtr cloud = test::spiral(20, 0);
  EXPECT_THROW(make_augmentation(0, false, "x", recipe_of({"position"}), *cloud, 2), Error);
  EXPECT_NO_THROW(make_augmentation(0, true, "none", recipe_of({"position"}), *cloud, 2));
}

}  // namespace
}  // namespace erwin::train
