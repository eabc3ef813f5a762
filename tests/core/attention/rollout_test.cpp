#include "core/attention/rollout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <stop_token>

#include "core/attention/contribution.h"
#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using test::DenseRows;
using test::Shape;

// Layers of one cloud: made one by one until the number of points fits.
LayerTap layer_with(Shape shape, std::int64_t points, int number) {
  for (unsigned seed = 1; seed < 4000; ++seed) {
    Tap tap = test::make_tap(shape, seed);
    if (tap.point_count != points) continue;
    tap.layers.front().layer = number;
    return tap.layers.front();
  }
  throw std::runtime_error("no such layer");
}

Tap stack(const std::vector<Shape>& shapes) {
  Tap tap = test::make_tap(shapes.front(), 7);
  tap.layers.front().layer = 0;
  for (std::size_t i = 1; i < shapes.size(); ++i)
    tap.layers.push_back(layer_with(shapes[i], tap.point_count, static_cast<int>(i)));
  return tap;
}

// One step of method 8.4 with whole matrices over units: T to the units, R, and back to points evenly.
std::vector<double> dense_step(const Tap& whole, const LayerTap& layer, int unit_slots, std::vector<double> points,
                               double& sink) {
  Tap tap = whole;
  tap.layers = {layer};
  const DenseRows rows = test::dense_rows(tap, -1, Branch::All);
  const auto n = static_cast<std::size_t>(tap.point_count);
  const auto units = static_cast<std::size_t>((layer.slots() + unit_slots - 1) / unit_slots);
  std::vector<std::vector<std::size_t>> members(units);
  std::vector<std::size_t> unit_of(n);
  for (std::size_t p = 0; p < n; ++p) {
    unit_of[p] = static_cast<std::size_t>(test::own_slot(layer, static_cast<std::int64_t>(p)) / unit_slots);
    members[unit_of[p]].push_back(p);
  }
  std::vector<double> before(units), after(units);
  for (std::size_t p = 0; p < n; ++p) before[unit_of[p]] += points[p];
  for (std::size_t u = 0; u < units; ++u) {
    if (members[u].empty()) continue;
    // Queries are slots, not points: in pooled layers several points share one.
    std::vector<std::int64_t> slots;
    std::vector<double> row(units);
    double memory = 0;
    for (const std::size_t p : members[u]) {
      const std::int64_t slot = test::own_slot(layer, static_cast<std::int64_t>(p));
      if (std::find(slots.begin(), slots.end(), slot) != slots.end()) continue;
      slots.push_back(slot);
      for (std::size_t j = 0; j < n; ++j) row[unit_of[j]] += rows.weight[p][j];
      memory += rows.memory[p];
    }
    double sum = memory;
    for (const double weight : row) sum += weight;
    for (std::size_t to = 0; to < units; ++to) after[to] += before[u] * ((to == u ? 0.5 : 0) + 0.5 * row[to] / sum);
    sink += 0.5 * before[u] * memory / sum;
  }
  for (std::size_t p = 0; p < n; ++p) points[p] = after[unit_of[p]] / static_cast<double>(members[unit_of[p]].size());
  return points;
}

class EveryStack : public ::testing::TestWithParam<int> {};  // slots of a unit

}  // namespace

TEST_P(EveryStack, RolloutEqualsProductsOfDenseMatrices) {
  const Shape plain{.name = "", .balls = 4}, rotated{.name = "", .balls = 4, .padding = 0.1, .rotated = true};
  const Shape pooled{.name = "", .ball = 16, .block = 4, .balls = 4, .points_per_slot = 3};
  const Shape ball{.name = "", .kind = LayerKind::Ball, .kv_heads = 4, .balls = 4, .padding = 0.1};
  const Shape copies{.name = "", .balls = 4, .padding = 0.15, .copies = true};
  for (const auto& shapes : {std::vector<Shape>{plain, rotated, ball}, {plain, pooled, plain}, {copies, rotated}}) {
    const Tap tap = stack(shapes);
    for (const std::int64_t point : {std::int64_t{3}, tap.point_count - 4}) {
      const auto steps = rollout(tap, {.point = point, .last_layer = -1, .unit_slots = GetParam()});
      ASSERT_EQ(steps.size(), tap.layers.size());
      std::vector<double> points(static_cast<std::size_t>(tap.point_count));
      points[static_cast<std::size_t>(point)] = 1;
      double sink = 0;
      for (std::size_t s = 0; s < steps.size(); ++s) {
        const LayerTap& layer = tap.layers[tap.layers.size() - 1 - s];
        const int unit = GetParam() > 0 ? GetParam() : layer.block_size > 0 ? layer.block_size : 1;
        points = dense_step(tap, layer, unit, points, sink);
        EXPECT_EQ(steps[s].layer, layer.layer);
        EXPECT_NEAR(steps[s].sink, sink, 1e-6);
        double sum = steps[s].sink;
        for (std::size_t p = 0; p < points.size(); ++p) {
          EXPECT_NEAR(steps[s].points[p], points[p], 1e-6);
          sum += static_cast<double>(steps[s].points[p]);
        }
        EXPECT_NEAR(sum, 1, 1e-5);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryStack, ::testing::Values(1, 4, 8, 0),
                         [](const auto& given) { return "unit" + std::to_string(given.param); });

TEST(Rollout, StartsBehindTheLayerThatWasAskedFor) {
  const Shape shape{.name = "", .balls = 2};
  const Tap tap = stack({shape, shape, shape});
  const auto steps = rollout(tap, {.point = 2, .last_layer = 1});
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].layer, 1);
  EXPECT_THROW(rollout(tap, {.point = 2, .last_layer = 9}), Error);
  EXPECT_THROW(rollout(tap, {.point = -1}), Error);
  EXPECT_THROW(rollout(tap, {.point = 2, .unit_slots = -1}), Error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(rollout(tap, {.point = 2}, Job(stop.get_token())), Error);
}

TEST(Concentration, CountsTheHeaviestPoints) {
  const std::vector<float> weights{1, 0, 6, 2, 0.5F, 0.25F, 0.25F, 0, 0, 0};
  const Concentration result = concentration_of(weights);
  EXPECT_DOUBLE_EQ(result.share_50, 0.1);
  EXPECT_DOUBLE_EQ(result.share_90, 0.3);
  EXPECT_DOUBLE_EQ(result.share_99, 0.6);
  EXPECT_EQ(concentration_of(std::vector<float>(4)).share_50, 0);
}

class EveryContribution : public ::testing::TestWithParam<Shape> {};

// Key by key from the dense tables and the record's values.
TEST_P(EveryContribution, PartsEqualDenseSumsOverKeys) {
  const Tap tap = test::make_tap(GetParam(), 13);
  const LayerTap& layer = tap.layers.front();
  const std::vector<test::DenseHead> tables = test::dense_heads(tap);
  ContributionRequest request{.layer = 2, .point = tap.point_count / 2, .direction = {}, .bias = 0.25};
  for (int i = 0; i < layer.heads * layer.head_dim; ++i) request.direction.push_back(std::sin(1.7 * i));
  const Contribution result = contributions(tap, request);
  const std::int64_t slot = test::own_slot(layer, request.point);
  const auto blocks = static_cast<std::size_t>((layer.slots() + result.block_slots - 1) / result.block_slots);
  std::vector<double> local(blocks), compressed(blocks), selected(blocks);
  double memory = 0, magnitude = 0.25;
  const bool nsa = layer.kind == LayerKind::Nsa;
  for (int h = 0; h < layer.heads; ++h) {
    const int group = h * layer.kv_heads / layer.heads;
    const auto effect = [&](const Array<float>& values, std::int64_t row) {
      double sum = 0;
      for (int e = 0; e < layer.head_dim; ++e)
        sum += request.direction[static_cast<std::size_t>(h * layer.head_dim + e)] *
               static_cast<double>(values.row({row, group, e})[0]);
      return sum;
    };
    const auto gate = [&](int branch) { return nsa ? static_cast<double>(layer.gate.row({slot, branch, h})[0]) : 1.0; };
    const auto& table = tables[static_cast<std::size_t>(h)];
    const auto i = static_cast<std::size_t>(slot);
    for (std::int64_t j = 0; j < layer.slots(); ++j) {
      if (!layer.real(j)) continue;
      const auto block = static_cast<std::size_t>(j / result.block_slots), key = static_cast<std::size_t>(j);
      local[block] += gate(2) * table.local[i][key] * effect(layer.local_v, j);
      magnitude += std::abs(gate(2) * table.local[i][key] * effect(layer.local_v, j));
      if (!nsa) continue;
      selected[block] += gate(1) * table.selected[i][key] * effect(layer.v, j);
      magnitude += std::abs(gate(1) * table.selected[i][key] * effect(layer.v, j));
    }
    if (!nsa) continue;
    for (std::size_t b = 0; b < blocks; ++b) {
      const double part = gate(0) * table.compressed[i][b] * effect(layer.block_v, static_cast<std::int64_t>(b));
      compressed[b] += part;
      magnitude += std::abs(part);
    }
    if (layer.memory_v.empty()) continue;
    double value = 0;
    for (int e = 0; e < layer.head_dim; ++e)
      value += request.direction[static_cast<std::size_t>(h * layer.head_dim + e)] *
               static_cast<double>(layer.memory_v.row({group, e})[0]);
    memory += gate(0) * table.memory[i] * value;
    magnitude += std::abs(gate(0) * table.memory[i] * value);
  }
  double sum = memory + 0.25;
  for (std::size_t b = 0; b < blocks; ++b) {
    EXPECT_NEAR(result.local[b], local[b], 1e-6);
    EXPECT_NEAR(result.compressed[b], compressed[b], 1e-6);
    EXPECT_NEAR(result.selected[b], selected[b], 1e-6);
    sum += local[b] + compressed[b] + selected[b];
  }
  EXPECT_NEAR(result.memory, memory, 1e-6);
  EXPECT_NEAR(result.sum(), sum, 1e-6);
  EXPECT_NEAR(result.magnitude, magnitude, 1e-5);
  double points = result.memory + result.bias;
  for (const float part : result.points) points += static_cast<double>(part);
  EXPECT_NEAR(points, result.sum(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryContribution, ::testing::ValuesIn(test::all_shapes()),
                         [](const auto& given) { return given.param.name; });

}  // namespace erwin
