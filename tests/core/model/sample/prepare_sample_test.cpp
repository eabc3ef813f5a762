// Clouds become samples: standardised numbers, graph, trees, and what is refused.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <set>

#include "core/base/error.h"
#include "core/model/sample.h"

namespace {

using namespace erwin;

const bool cache_is_off = ::setenv("ERWINSCOPE_CACHE", "off", 1) == 0;

ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

// Points along a line near 10^6 with a scalar and a vector, and bonds between neighbours.
PointCloud::Parts chain(std::int64_t n) {
  PointCloud::Parts parts;
  parts.origin = {1e6, 0, 0};
  std::vector<float> heat, flow;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto t = static_cast<float>(i);
    parts.positions.insert(parts.positions.end(), {0.25F * t, t * t, -t});
    heat.push_back(10 + t);
    flow.insert(flow.end(), {t, 2 * t, 3 * t});
    if (i + 1 < n)
      parts.cells.lines.insert(parts.cells.lines.end(),
                               {static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + 1)});
  }
  parts.fields.emplace_back("heat", FieldKind::Scalar, 1, heat);
  parts.fields.emplace_back("flow", FieldKind::Vector, 3, flow);
  return parts;
}

ModelConfig small_config() {
  ModelConfig config;
  config.kind = ModelKind::Ball;
  config.input_features = 4;
  config.output_features = 3;
  config.graph = {GraphKind::Knn, 3, true};
  config.flat.ball_size = 8;
  return config;
}

SampleRecipe recipe() {
  SampleRecipe recipe;
  recipe.inputs = {"heat", "position"};
  recipe.target = "flow";
  recipe.normalisation.position = {{1e6 + 1, 2, 3}, {0.5, 4, 2}};
  recipe.normalisation.field["heat"] = {{10}, {2}};
  recipe.normalisation.field["flow"] = {{0, 1, 2}, {1, 2, 4}};
  return recipe;
}

TEST(PrepareSample, StandardisesInTheOrderOfTheRecipe) {
  const PointCloud cloud(chain(20));
  const ModelSample sample = prepare_sample(cloud, 0, recipe(), small_config());
  ASSERT_EQ(sample.points, 20);
  ASSERT_EQ(sample.positions.size(), 60U);
  ASSERT_EQ(sample.features.size(), 80U);
  ASSERT_EQ(sample.targets.size(), 60U);
  for (std::size_t i = 0; i < 20; ++i) {
    const auto t = static_cast<double>(i);
    const double position[] = {(0.25 * t - 1) / 0.5, (t * t - 2) / 4, (-t - 3) / 2};
    for (std::size_t a = 0; a < 3; ++a) {
      EXPECT_EQ(sample.positions[3 * i + a], static_cast<float>(position[a]));
      EXPECT_EQ(sample.features[4 * i + 1 + a], sample.positions[3 * i + a]);
    }
    EXPECT_EQ(sample.features[4 * i], static_cast<float>(t / 2));
    EXPECT_EQ(sample.targets[3 * i + 2], static_cast<float>((3 * t - 2) / 4));
  }
}

TEST(PrepareSample, ACloudWithoutTheTargetHasNone) {
  PointCloud::Parts parts = chain(20);
  parts.fields.pop_back();
  EXPECT_TRUE(prepare_sample(PointCloud(parts), 0, recipe(), small_config()).targets.empty());
}

TEST(PrepareSample, FramesHaveTheirOwnPositions) {
  PointCloud::Parts parts = chain(10);
  const std::vector<float> first = parts.positions;
  for (const float value : first) parts.positions.push_back(value + 1);
  parts.frames = 2;
  const PointCloud cloud(parts);
  const ModelSample sample = prepare_sample(cloud, 1, recipe(), small_config());
  EXPECT_EQ(sample.positions[0], static_cast<float>((1.0 - 1) / 0.5));
  EXPECT_EQ(kind_of([&] { prepare_sample(cloud, 2, recipe(), small_config()); }), ErrorKind::Config);
}

TEST(PrepareSample, KnnEdgesAreThePointItselfAndItsNearest) {
  const ModelSample sample = prepare_sample(PointCloud(chain(20)), 0, recipe(), small_config());
  ASSERT_EQ(sample.edge_source.size(), 60U);
  for (std::size_t e = 0; e < 60; ++e) EXPECT_EQ(sample.edge_receiver[e], static_cast<std::int32_t>(e / 3));
  for (std::size_t i = 0; i < 20; ++i) {
    const auto distance = [&](std::size_t j) {
      double sum = 0;
      for (std::size_t a = 0; a < 3; ++a)
        sum += std::pow(
            static_cast<double>(sample.positions[3 * i + a]) - static_cast<double>(sample.positions[3 * j + a]), 2);
      return sum;
    };
    EXPECT_EQ(sample.edge_source[3 * i], static_cast<std::int32_t>(i));
    std::multiset<double> all;
    for (std::size_t j = 0; j < 20; ++j) all.insert(distance(j));
    EXPECT_EQ(distance(static_cast<std::size_t>(sample.edge_source[3 * i + 2])), *std::next(all.begin(), 2));
  }
}

TEST(PrepareSample, LinesGiveBothDirectionsOnce) {
  ModelConfig config = small_config();
  config.graph = {GraphKind::Lines, 1, false};
  PointCloud::Parts parts = chain(5);
  parts.cells.lines.insert(parts.cells.lines.end(), {1, 0, 2, 2});  // a line twice, and one from a point to itself
  const ModelSample plain = prepare_sample(PointCloud(parts), 0, recipe(), config);
  std::set<std::pair<int, int>> edges;
  for (std::size_t e = 0; e < plain.edge_source.size(); ++e)
    edges.insert({plain.edge_source[e], plain.edge_receiver[e]});
  EXPECT_EQ(plain.edge_source.size(), 8U);
  EXPECT_EQ(edges, (std::set<std::pair<int, int>>{{0, 1}, {1, 0}, {1, 2}, {2, 1}, {2, 3}, {3, 2}, {3, 4}, {4, 3}}));
  config.graph.self_loop = true;
  EXPECT_EQ(prepare_sample(PointCloud(parts), 0, recipe(), config).edge_source.size(), 13U);
  parts.cells.lines.clear();
  EXPECT_EQ(kind_of([&] { prepare_sample(PointCloud(parts), 0, recipe(), config); }), ErrorKind::Config);
  config.mp_steps = 0;
  EXPECT_TRUE(prepare_sample(PointCloud(parts), 0, recipe(), config).edge_source.empty());
}

TEST(PrepareSample, WhatDoesNotFitIsAnErrorThatSaysSo) {
  const PointCloud cloud(chain(20));
  const auto with = [&](const std::function<void(SampleRecipe&, ModelConfig&)>& change) {
    SampleRecipe changed = recipe();
    ModelConfig config = small_config();
    change(changed, config);
    return kind_of([&] { prepare_sample(cloud, 0, changed, config); });
  };
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) { r.inputs = {"cold", "position"}; }), ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) { r.inputs = {"position"}; }), ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe&, ModelConfig& c) { c.output_features = 1; }), ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) {
              r.normalisation.field["heat"] = {{0, 0}, {1, 1}};
            }),
            ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) { r.normalisation.field["heat"] = {{0}, {0}}; }), ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) { r.normalisation.position.mean[1] = std::nan(""); }),
            ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe&, ModelConfig& c) {
              c.dimension = 2;
              c.input_features = 3;
            }),
            ErrorKind::Config);
  EXPECT_EQ(with([](SampleRecipe& r, ModelConfig&) {
              r.normalisation.field["heat"] = {{0}, {1e-300}};
            }),
            ErrorKind::Format);
}

TEST(PrepareSample, ANonFiniteInputNamesFieldAndPoint) {
  PointCloud::Parts parts = chain(20);
  std::vector<float> heat(20, 1.0F);
  heat[7] = std::numeric_limits<float>::quiet_NaN();
  parts.fields[0] = Field("heat", FieldKind::Scalar, 1, heat);
  for (std::int64_t i = 0; i < 20; ++i) parts.row_ids.push_back(100 + i);
  try {
    prepare_sample(PointCloud(parts), 0, recipe(), small_config());
    FAIL() << "no error was raised";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Format);
    EXPECT_NE(error.detail().find("heat"), std::string::npos);
    EXPECT_NE(error.detail().find("107"), std::string::npos);
  }
}

TEST(PrepareSample, TreesAreThoseOfTheNetwork) {
  ModelConfig config = small_config();
  config.kind = ModelKind::Erwin;
  config.unet = {{8, 8, 8}, {4, 4, 8}, {2, 2, 2}, {2, 1, 2}, {2, 2}, {1, 1}, {2, 2}};
  ASSERT_EQ(config.unit(), 32);
  const PointCloud cloud(chain(70));
  const ModelSample masked = prepare_sample(cloud, 0, recipe(), config);
  EXPECT_EQ(masked.trees.main->slot_count, 96);
  ASSERT_EQ(masked.trees.rotated.size(), 3U);
  ASSERT_TRUE(masked.trees.rotated[0] && masked.trees.rotated[2]);
  EXPECT_FALSE(masked.trees.rotated[1]);  // no level-1 block runs rotated: depth 1 on both sides
  EXPECT_EQ(masked.trees.rotated[0]->point_count, 70);
  // The points of a pooled level are its nodes with a real child.
  std::int64_t nodes = 0;
  for (std::size_t node = 0; node < 24; ++node) {
    bool real = false;
    for (std::size_t slot = 4 * node; slot < 4 * node + 4; ++slot) real = real || masked.trees.main->slot_mask[slot];
    nodes += real;
  }
  EXPECT_EQ(masked.trees.rotated[2]->point_count, nodes);
  EXPECT_EQ(masked.trees.rotated[2]->unit, 8);
  config.padding = Padding::Duplicate;
  const ModelSample copies = prepare_sample(cloud, 0, recipe(), config);
  EXPECT_EQ(copies.trees.main->slot_count, 128);
  EXPECT_EQ(copies.trees.rotated[0]->point_count, 128);
  EXPECT_EQ(copies.trees.rotated[2]->point_count, 32);
  EXPECT_EQ(kind_of([&] { prepare_sample(PointCloud(chain(16)), 0, recipe(), config); }), ErrorKind::Config);
  config.rotate_degrees = 0;
  for (const BallTreePtr& tree : prepare_sample(cloud, 0, recipe(), config).trees.rotated) EXPECT_FALSE(tree);
}

}  // namespace
