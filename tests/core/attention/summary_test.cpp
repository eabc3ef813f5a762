#include "core/attention/summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stop_token>

#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using test::DenseRows;
using test::Shape;

double distance(const std::vector<float>& positions, std::size_t a, std::size_t b) {
  double square = 0;
  for (std::size_t axis = 0; axis < 3; ++axis)
    square += std::pow(static_cast<double>(positions[3 * a + axis]) - static_cast<double>(positions[3 * b + axis]), 2);
  return std::sqrt(square);
}

double sum_of(const std::vector<double>& row) {
  double sum = 0;
  for (const double value : row) sum += value;
  return sum;
}

double entropy_of(const std::vector<double>& row) {
  const double sum = sum_of(row);
  double entropy = 0;
  for (const double value : row)
    if (value > 0) entropy -= value / sum * std::log(value / sum);
  return entropy;
}

double mean_gate(const LayerTap& layer, std::int64_t slot, int branch, int head) {
  double sum = 0;
  for (int h = 0; h < layer.heads; ++h)
    if (head < 0 || h == head) sum += static_cast<double>(layer.gate.row({slot, branch, h})[0]);
  return head < 0 ? sum / layer.heads : sum;
}

class EverySummary : public ::testing::TestWithParam<Shape> {
protected:
  void SetUp() override {
    tap = test::make_tap(GetParam(), 7);
    positions = test::make_positions(tap.point_count, 3);
  }
  const LayerTap& layer() const { return tap.layers.front(); }
  std::size_t n() const { return static_cast<std::size_t>(tap.point_count); }
  LayerSummary summary(int head) const { return summarise(tap, positions, "m", {.layers = {}, .head = head}).front(); }
  static void expect(const LayerSummary& summary, const char* name, const std::vector<double>& wanted) {
    const Field* field = summary.field(name);
    ASSERT_TRUE(field) << name;
    ASSERT_EQ(field->points(), std::ssize(wanted)) << name;
    for (std::size_t p = 0; p < wanted.size(); ++p)
      EXPECT_NEAR(field->value(static_cast<std::int64_t>(p)), wanted[p], 3e-6 * std::max(1.0, std::abs(wanted[p])))
          << name << " point " << p;
  }
  Tap tap;
  std::vector<float> positions;
};

}  // namespace

TEST_P(EverySummary, WidthReachAndReceivedAttentionEqualDenseRows) {
  for (const int head : {-1, 1}) {
    const LayerSummary result = summary(head);
    const DenseRows dense = test::dense_rows(tap, head, Branch::All);
    std::vector<double> entropy, keys, reach, received(n());
    for (std::size_t i = 0; i < n(); ++i) {
      entropy.push_back(entropy_of(dense.weight[i]));
      keys.push_back(std::exp(entropy.back()));
      double far = 0;
      for (std::size_t j = 0; j < n(); ++j) {
        far += dense.weight[i][j] * distance(positions, i, j);
        received[j] += dense.weight[i][j];
      }
      reach.push_back(far / sum_of(dense.weight[i]));
    }
    expect(result, "entropy", entropy);
    expect(result, "effective_keys", keys);
    expect(result, "distance", reach);
    expect(result, "received", received);
    EXPECT_EQ(result.field("distance")->unit(), "m");
  }
}

TEST_P(EverySummary, GatesSharesAndSelectionsEqualDenseRows) {
  if (layer().kind != LayerKind::Nsa) {
    EXPECT_FALSE(summary(-1).field("gate_local"));
    EXPECT_FALSE(summary(-1).field("selection_count"));
    return;
  }
  for (const int head : {-1, 2}) {
    const LayerSummary result = summary(head);
    const char* const names[3] = {"gate_compressed", "gate_selected", "gate_local"};
    for (int branch = 0; branch < 3; ++branch) {
      std::vector<double> gates;
      for (std::size_t i = 0; i < n(); ++i)
        gates.push_back(mean_gate(layer(), test::own_slot(layer(), static_cast<std::int64_t>(i)), branch, head));
      expect(result, names[branch], gates);
    }
    // Gated shares from the tables of every head.
    const std::vector<test::DenseHead> tables = test::dense_heads(tap);
    std::vector<double> local, compressed, selected, memory, count;
    for (std::size_t i = 0; i < n(); ++i) {
      const std::int64_t slot = test::own_slot(layer(), static_cast<std::int64_t>(i));
      double l = 0, c = 0, s = 0, m = 0, times = 0;
      for (int h = 0; h < layer().heads; ++h) {
        if (head >= 0 && h != head) continue;
        const auto& table = tables[static_cast<std::size_t>(h)];
        const auto at = static_cast<std::size_t>(slot);
        const auto gate = [&](int b) { return static_cast<double>(layer().gate.row({slot, b, h})[0]); };
        l += gate(2);
        c += gate(0) * (1 - table.memory[at]);
        m += gate(0) * table.memory[at];
        if (std::isfinite(table.lse_selected[at])) s += gate(1);
      }
      const double whole = l + c + s + m;
      local.push_back(l / whole);
      compressed.push_back(c / whole);
      selected.push_back(s / whole);
      memory.push_back(m / whole);
      for (std::int64_t b = 0; b < layer().blocks(); ++b)
        for (int g = 0; g < layer().kv_heads; ++g)
          if (head < 0 || g == head * layer().kv_heads / layer().heads)
            for (const std::int32_t id : layer().selected.row({b, g}))
              if (id == slot / layer().block_size) times += head < 0 ? 1.0 / layer().kv_heads : 1;
      count.push_back(times);
    }
    expect(result, "share_local", local);
    expect(result, "share_compressed", compressed);
    expect(result, "share_selected", selected);
    expect(result, "share_memory", memory);
    expect(result, "selection_count", count);
  }
}

TEST_P(EverySummary, HeadsAtAGlanceEqualDenseRows) {
  const LayerGlance glance = glance_at_heads(tap, positions, {.layers = {}, .most_queries = 0}).front();
  ASSERT_EQ(glance.queries, tap.point_count);
  std::vector<DenseRows> dense;
  for (int h = 0; h < layer().heads; ++h) dense.push_back(test::dense_rows(tap, h, Branch::All));
  const auto heads = static_cast<std::size_t>(layer().heads);
  for (std::size_t h = 0; h < heads; ++h) {
    double entropy = 0, reach = 0, memory = 0;
    std::vector<double> overlap(heads);
    for (std::size_t i = 0; i < n(); ++i) {
      const auto& row = dense[h].weight[i];
      const double sum = sum_of(row), share = 1 / static_cast<double>(n());
      entropy += share * entropy_of(row);
      memory += share * dense[h].memory[i] / (sum + dense[h].memory[i]);
      for (std::size_t j = 0; j < n(); ++j) reach += share * row[j] / sum * distance(positions, i, j);
      for (std::size_t other = 0; other < heads; ++other) {
        const auto& second = dense[other].weight[i];
        const double whole = sum_of(second);
        for (std::size_t j = 0; j < n(); ++j) overlap[other] += share * std::min(row[j] / sum, second[j] / whole);
      }
    }
    EXPECT_NEAR(glance.heads[h].entropy, entropy, 1e-6);
    EXPECT_NEAR(glance.heads[h].distance, reach, 1e-6);
    EXPECT_NEAR(glance.heads[h].memory, memory, 1e-6);
    double agreement = 0;
    for (std::size_t other = 0; other < heads; ++other) {
      EXPECT_NEAR(glance.overlap[h * heads + other], overlap[other], 1e-6);
      if (other != h) agreement += overlap[other] / static_cast<double>(heads - 1);
    }
    EXPECT_NEAR(glance.heads[h].agreement, heads > 1 ? agreement : 1, 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, EverySummary, ::testing::ValuesIn(test::all_shapes()),
                         [](const auto& given) { return given.param.name; });

TEST(Summary, SeveralLayersAreAveraged) {
  Tap tap = test::make_tap({.name = ""}, 1);
  tap.layers.push_back(test::make_tap({.name = ""}, 1).layers.front());
  tap.layers.back().layer = 3;
  for (std::size_t i = 0; i < tap.layers.back().gate.element_count(); ++i) tap.layers.back().gate.data()[i] = 0.25F;
  const std::vector<float> positions = test::make_positions(tap.point_count, 3);
  const auto both = summarise(tap, positions, "m", {});
  ASSERT_EQ(both.size(), 2U);
  const LayerSummary mean = mean_of(both);
  EXPECT_EQ(mean.layer, -1);
  for (const char* name : {"gate_local", "entropy", "received"})
    for (std::int64_t p = 0; p < tap.point_count; p += 9)
      EXPECT_NEAR(mean.field(name)->value(p), (both[0].field(name)->value(p) + both[1].field(name)->value(p)) / 2,
                  1e-5);
  EXPECT_NE(both[0].field("gate_local")->value(3), both[1].field("gate_local")->value(3));
}

TEST(Summary, ComesOutTheSameEveryTimeAndCanBeStopped) {
  const Tap tap = test::make_tap({.name = "", .balls = 12}, 5);
  const std::vector<float> positions = test::make_positions(tap.point_count, 3);
  const LayerSummary a = summarise(tap, positions, "", {}).front(), b = summarise(tap, positions, "", {}).front();
  for (const Field& field : a.fields)
    EXPECT_TRUE(std::ranges::equal(field.values(), b.field(field.name())->values())) << field.name();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(summarise(tap, positions, "", {}, Job(stop.get_token())), Error);
  EXPECT_THROW(glance_at_heads(tap, positions, {}, Job(stop.get_token())), Error);
}

TEST(Summary, SampledHeadsSaySo) {
  const Tap tap = test::make_tap({.name = ""}, 5);
  const LayerGlance glance =
      glance_at_heads(tap, test::make_positions(tap.point_count, 3), {.layers = {}, .most_queries = 16}).front();
  EXPECT_EQ(glance.queries, 16);
  EXPECT_EQ(glance.points, tap.point_count);
}

TEST(Summary, PositionsOfAnotherCloudAreRefused) {
  const Tap tap = test::make_tap({.name = ""}, 5);
  EXPECT_THROW(summarise(tap, std::vector<float>(6), "", {}), Error);
}

}  // namespace erwin
