// Agreement of two attentions against what it is by its definition, counted densely.

#include "core/attention/agreement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {
namespace {

using test::make_tap;

std::vector<float> random_row(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> value(0, 1);
  std::vector<float> row(size);
  for (float& x : row) x = value(random) < 0.4f ? 0 : value(random);
  return row;
}

double entropy(const std::vector<double>& p) {
  double sum = 0;
  for (const double x : p)
    if (x > 0) sum -= x * std::log2(x);
  return sum;
}

std::vector<double> divided(const std::vector<float>& row) {
  double whole = 0;
  for (const float x : row) whole += static_cast<double>(x);
  std::vector<double> result;
  for (const float x : row) result.push_back(static_cast<double>(x) / whole);
  return result;
}

TEST(Agreement, JensenShannonIsTheEntropyOfTheMeanLessTheMeanEntropy) {
  for (unsigned seed = 1; seed < 20; ++seed) {
    const auto a = random_row(300, seed), b = random_row(300, seed + 100);
    const auto p = divided(a), q = divided(b);
    std::vector<double> m;
    for (std::size_t i = 0; i < p.size(); ++i) m.push_back((p[i] + q[i]) / 2);
    EXPECT_NEAR(jensen_shannon(a, b), entropy(m) - (entropy(p) + entropy(q)) / 2, 1e-12);
    EXPECT_NEAR(jensen_shannon(a, b), jensen_shannon(b, a), 1e-12);
    std::vector<float> thrice = a;
    for (float& x : thrice) x *= 3;
    EXPECT_NEAR(jensen_shannon(a, thrice), 0, 1e-7);  // only shares count
    double distance = 0;
    for (std::size_t i = 0; i < p.size(); ++i) distance += std::abs(p[i] - q[i]);
    EXPECT_NEAR(row_overlap(a, b), 1 - distance / 2, 1e-12);
  }
}

TEST(Agreement, ItsEnds) {
  const std::vector<float> left{1, 2, 0, 0}, right{0, 0, 3, 1}, nothing{0, 0, 0, 0};
  EXPECT_DOUBLE_EQ(jensen_shannon(left, left), 0);
  EXPECT_DOUBLE_EQ(jensen_shannon(left, right), 1);
  EXPECT_DOUBLE_EQ(row_overlap(left, left), 1);
  EXPECT_DOUBLE_EQ(row_overlap(left, right), 0);
  EXPECT_TRUE(std::isnan(jensen_shannon(left, nothing)));
  EXPECT_TRUE(std::isnan(row_overlap(nothing, left)));
  EXPECT_THROW(jensen_shannon(left, std::vector<float>{1}), Error);
}

TEST(Agreement, Correlation) {
  const std::vector<float> a{1, 2, 3, 4}, b{3, 5, 7, 9}, c{4, 3, 2, 1}, flat{2, 2, 2, 2};
  EXPECT_NEAR(correlation(a, b), 1, 1e-12);
  EXPECT_NEAR(correlation(a, c), -1, 1e-12);
  EXPECT_TRUE(std::isnan(correlation(a, flat)));
  // 1, 2, 4 and 1, 3, 2: covariance 2 / 3, variances 14 / 9 and 2 / 3.
  const std::vector<float> d{1, 2, 4, 7}, e{1, 3, 2, NAN};
  EXPECT_NEAR(correlation(d, e), (2.0 / 3) / std::sqrt(14.0 / 9 * 2 / 3) / 2, 1e-6);
}

// The points that the block of a point selected, found by looking at everything.
std::set<std::int32_t> chosen_points(const LayerTap& layer, int head, std::int64_t point) {
  std::set<std::int32_t> points;
  const std::int64_t block = test::own_slot(layer, point) / layer.block_size;
  for (int group = 0; group < layer.kv_heads; ++group) {
    if (head >= 0 && head / (layer.heads / layer.kv_heads) != group) continue;
    for (const std::int32_t chosen : layer.selected.row({block, group})) {
      if (chosen < 0) continue;
      for (std::int64_t slot = std::int64_t{chosen} * layer.block_size;
           slot < std::min((std::int64_t{chosen} + 1) * layer.block_size, layer.slots()); ++slot)
        for (std::int64_t i = layer.slot_point_begin[static_cast<std::size_t>(slot)];
             i < layer.slot_point_begin[static_cast<std::size_t>(slot) + 1]; ++i)
          points.insert(layer.slot_points[static_cast<std::size_t>(i)]);
    }
  }
  return points;
}

TEST(Agreement, SelectionsAreComparedAsSetsOfPoints) {
  for (const test::Shape& shape : test::nsa_shapes())
    for (const int head : {-1, 0}) {
      const Tap a = make_tap(shape, 1);
      Tap b = make_tap(shape, 1);
      // The same points in the same slots, other selections.
      const Tap other = make_tap(shape, 2);
      b.layers.front().selected = other.layers.front().selected;
      const int layer = a.layers.front().layer;
      const SelectionSide here{&a, layer, head}, there{&b, layer, head};
      double sum = 0;
      std::int64_t count = 0;
      for (std::int64_t point = 0; point < a.point_count; ++point) {
        const auto in_a = chosen_points(a.layers.front(), head, point),
                   in_b = chosen_points(b.layers.front(), head, point);
        std::vector<std::int32_t> common, either;
        std::set_intersection(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::back_inserter(common));
        std::set_union(in_a.begin(), in_a.end(), in_b.begin(), in_b.end(), std::back_inserter(either));
        if (either.empty()) continue;
        const double expected = static_cast<double>(common.size()) / static_cast<double>(either.size());
        ASSERT_DOUBLE_EQ(selection_overlap(here, there, point), expected) << shape.name << " point " << point;
        ASSERT_DOUBLE_EQ(selection_overlap(here, here, point), 1) << shape.name;
        sum += expected;
        ++count;
      }
      const MeanOverlap mean = mean_selection_overlap(here, there);
      EXPECT_EQ(mean.points, count) << shape.name;
      if (count == 0) {  // one ball: there is nothing outside it to select
        EXPECT_TRUE(std::isnan(mean.mean)) << shape.name;
        continue;
      }
      EXPECT_NEAR(mean.mean, sum / static_cast<double>(count), 1e-12) << shape.name;
    }
}

TEST(Agreement, OnlyLayersThatSelectAreCompared) {
  for (const test::Shape& shape : test::all_shapes()) {
    if (shape.kind == LayerKind::Nsa) continue;
    const Tap tap = make_tap(shape, 1);
    const SelectionSide side{&tap, tap.layers.front().layer, -1};
    EXPECT_THROW(selection_overlap(side, side, 0), Error) << shape.name;
  }
}

}  // namespace
}  // namespace erwin
