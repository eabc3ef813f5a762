#include "core/attention/attention_query.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stop_token>

#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using test::DenseHead;
using test::Shape;

constexpr double tolerance = 1e-6;

double gate(const LayerTap& layer, std::int64_t slot, int branch, int head) {
  if (layer.kind != LayerKind::Nsa) return branch == 2 ? 1 : 0;
  return static_cast<double>(layer.gate.row({slot, branch, head})[0]);
}

// What a row must be, summed over the given heads and slots from the dense tables.
struct Expected {
  std::vector<double> points;
  double memory = 0, sum = 0;
};

Expected expected_row(const Tap& tap, const std::vector<DenseHead>& dense, const std::vector<std::int64_t>& slots,
                      const std::vector<int>& heads, Branch branch) {
  const LayerTap& layer = tap.layers.front();
  Expected expected{std::vector<double>(static_cast<std::size_t>(tap.point_count)), 0, 0};
  const double share = 1.0 / static_cast<double>(slots.size() * heads.size());
  for (const std::int64_t slot : slots)
    for (const int head : heads) {
      const DenseHead& table = dense[static_cast<std::size_t>(head)];
      // Dense branches are local, compressed, selected; gates lie as compressed, selected, local.
      const auto add = [&](int dense_branch, int gate_branch, Branch name) {
        if (branch != Branch::All && branch != name) return;
        const double factor = share * (branch == Branch::All ? gate(layer, slot, gate_branch, head) : 1);
        const auto row = test::dense_points(layer, table, slot, dense_branch, tap.point_count);
        for (std::size_t p = 0; p < row.size(); ++p) expected.points[p] += factor * row[p];
        if (dense_branch == 1) expected.memory += factor * table.memory[static_cast<std::size_t>(slot)];
        const bool something = dense_branch != 2 || std::isfinite(table.lse_selected[static_cast<std::size_t>(slot)]);
        if (something) expected.sum += factor;
      };
      add(0, 2, Branch::Local);
      if (layer.kind != LayerKind::Nsa) continue;
      add(1, 0, Branch::Compressed);
      add(2, 1, Branch::Selected);
    }
  return expected;
}

void expect_row(const AttentionRow& row, const Expected& expected, const std::string& what) {
  ASSERT_EQ(row.points.size(), expected.points.size()) << what;
  double worst = 0, sum = 0;
  for (std::size_t p = 0; p < row.points.size(); ++p) {
    worst = std::max(worst, std::abs(static_cast<double>(row.points[p]) - expected.points[p]));
    sum += static_cast<double>(row.points[p]);
  }
  EXPECT_LT(worst, tolerance) << what;
  EXPECT_NEAR(row.memory, expected.memory, tolerance) << what;
  EXPECT_NEAR(row.expected_sum, expected.sum, tolerance) << what;
  // The identity of 8.4, from the points as they are shown and from the branch sums.
  EXPECT_NEAR(sum + row.memory, expected.sum, tolerance) << what;
  EXPECT_NEAR(row.sum(), expected.sum, tolerance) << what;
  EXPECT_LT(row.lse_gap, 1e-5) << what;
}

std::vector<int> all_heads(const LayerTap& layer) {
  std::vector<int> heads(static_cast<std::size_t>(layer.heads));
  std::iota(heads.begin(), heads.end(), 0);
  return heads;
}

ErrorKind kind_of_failure(const Tap& tap, const AttentionQuery& query) {
  try {
    attention_row(tap, query);
  } catch (const Error& error) {
    EXPECT_FALSE(error.message().empty());
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

class EveryShape : public ::testing::TestWithParam<Shape> {
protected:
  void SetUp() override {
    tap = test::make_tap(GetParam(), 7);
    dense = test::dense_heads(tap);
  }
  const LayerTap& layer() const { return tap.layers.front(); }
  std::vector<Branch> branches() const {
    if (layer().kind != LayerKind::Nsa) return {Branch::All, Branch::Local};
    return {Branch::All, Branch::Local, Branch::Compressed, Branch::Selected};
  }
  Tap tap;
  std::vector<DenseHead> dense;
};
class EveryNsaShape : public EveryShape {};

}  // namespace

TEST_P(EveryShape, RowsEqualDenseRecomputation) {
  for (std::int64_t point = 0; point < tap.point_count; point += 5) {
    const std::int64_t slot = test::own_slot(layer(), point);
    for (int head = -1; head < layer().heads; ++head)
      for (const Branch branch : branches()) {
        const auto heads = head < 0 ? all_heads(layer()) : std::vector<int>{head};
        const AttentionRow row = attention_row(tap, {.layer = 2, .head = head, .branch = branch, .point = point});
        expect_row(row, expected_row(tap, dense, {slot}, heads, branch),
                   "point " + std::to_string(point) + " head " + std::to_string(head) + " " + name_of(branch));
      }
  }
}

TEST_P(EveryShape, ABlockOrBallAsQueryIsTheMeanOfItsRealSlots) {
  for (const std::int64_t size : {8, 32}) {
    const std::int64_t begin = size;
    if (begin + size > layer().slots()) continue;
    std::vector<std::int64_t> slots;
    for (std::int64_t s = begin; s < begin + size; ++s)
      if (layer().real(s)) slots.push_back(s);
    for (const Branch branch : branches()) {
      const AttentionRow row =
          attention_row(tap, {.layer = 2, .branch = branch, .slot_begin = begin, .slot_end = begin + size});
      expect_row(row, expected_row(tap, dense, slots, all_heads(layer()), branch), name_of(branch));
      EXPECT_EQ(row.queries, static_cast<std::int64_t>(slots.size()));
    }
  }
}

TEST_P(EveryNsaShape, BlockWeightsAndSelectionAddUp) {
  const std::int64_t point = tap.point_count / 2, slot = test::own_slot(layer(), point);
  const AttentionRow row = attention_row(tap, {.layer = 2, .point = point});
  for (std::int64_t block = 0; block < layer().blocks(); ++block) {
    double compressed = 0, selected = 0;
    for (int head = 0; head < layer().heads; ++head) {
      const DenseHead& table = dense[static_cast<std::size_t>(head)];
      compressed += gate(layer(), slot, 0, head) *
                    table.compressed[static_cast<std::size_t>(slot)][static_cast<std::size_t>(block)];
      for (std::int64_t s = block * layer().block_size; s < (block + 1) * layer().block_size; ++s)
        selected +=
            gate(layer(), slot, 1, head) * table.selected[static_cast<std::size_t>(slot)][static_cast<std::size_t>(s)];
    }
    EXPECT_NEAR(row.block_compressed[static_cast<std::size_t>(block)], compressed / layer().heads, tolerance);
    EXPECT_NEAR(row.block_selected[static_cast<std::size_t>(block)], selected / layer().heads, tolerance);
  }
  double listed = 0;
  for (const SelectedBlock& block : row.selected) {
    listed += block.weight;
    EXPECT_EQ(block.query_block, slot / layer().block_size);
    EXPECT_EQ(block.block, layer().selected.row({block.query_block, block.kv_head, block.rank})[0]);
    EXPECT_EQ(block.score, layer().selected_score.row({block.query_block, block.kv_head, block.rank})[0]);
  }
  EXPECT_NEAR(listed, row.selected_sum, tolerance);
}

TEST_P(EveryNsaShape, MissedMassEqualsBruteForce) {
  for (std::int64_t point = 0; point < tap.point_count; point += 11) {
    const std::int64_t slot = test::own_slot(layer(), point);
    for (int head = -1; head < layer().heads; ++head) {
      std::vector<double> unseen(static_cast<std::size_t>(layer().blocks()));
      double recall = 0;
      const auto heads = head < 0 ? all_heads(layer()) : std::vector<int>{head};
      for (const int h : heads)
        for (std::int64_t j = 0; j < layer().slots(); ++j) {
          const double mass =
              dense[static_cast<std::size_t>(h)].exact[static_cast<std::size_t>(slot)][static_cast<std::size_t>(j)] /
              static_cast<double>(heads.size());
          bool seen = j / layer().ball_size == slot / layer().ball_size;
          for (const std::int32_t chosen :
               layer().selected.row({slot / layer().block_size, h * layer().kv_heads / layer().heads}))
            seen = seen || chosen == j / layer().block_size;
          (seen ? recall : unseen[static_cast<std::size_t>(j / layer().block_size)]) += mass;
        }
      const MissedMass missed = missed_mass(tap, 2, head, point);
      EXPECT_NEAR(missed.recall, recall, tolerance);
      EXPECT_NEAR(missed.recall + missed.missed_sum, 1, tolerance);
      std::sort(unseen.begin(), unseen.end(), std::greater<>());
      const auto nonzero =
          static_cast<std::size_t>(std::count_if(unseen.begin(), unseen.end(), [](double m) { return m > 0; }));
      ASSERT_EQ(missed.missed.size(), std::min(nonzero, static_cast<std::size_t>(layer().selected.size(2))));
      for (std::size_t i = 0; i < missed.missed.size(); ++i) EXPECT_NEAR(missed.missed[i].mass, unseen[i], tolerance);
    }
  }
}

TEST_P(EveryShape, APointsSlotIsFoundWithAndWithoutTheIndex) {
  LayerTap indexed = layer();
  indexed.index_points(tap.point_count);
  for (std::int64_t point = 0; point < tap.point_count; ++point) {
    EXPECT_EQ(layer().slot_of_point(point), test::own_slot(layer(), point));
    EXPECT_EQ(indexed.slot_of_point(point), test::own_slot(layer(), point));
  }
  for (const std::int64_t point : {std::int64_t{-1}, tap.point_count, tap.point_count + 1000}) {
    EXPECT_EQ(layer().slot_of_point(point), -1);
    EXPECT_EQ(indexed.slot_of_point(point), -1);
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryShape, ::testing::ValuesIn(test::all_shapes()),
                         [](const auto& given) { return given.param.name; });

INSTANTIATE_TEST_SUITE_P(Attention, EveryNsaShape, ::testing::ValuesIn(test::nsa_shapes()),
                         [](const auto& given) { return given.param.name; });

TEST(MissedMass, TheBestSelectionMissesOnlyLighterBlocks) {
  Tap tap = test::make_tap({.name = "", .heads = 1, .kv_heads = 1}, 3);
  LayerTap& layer = tap.layers.front();
  const std::int64_t slot = test::own_slot(layer, 0);
  const auto exact = test::dense_heads(tap).front().exact[static_cast<std::size_t>(slot)];
  std::vector<std::pair<double, std::int32_t>> mass;
  for (std::int32_t block = 0; block < layer.blocks(); ++block) {
    if (block * layer.block_size / layer.ball_size == slot / layer.ball_size) continue;
    mass.emplace_back(
        std::accumulate(exact.begin() + block * layer.block_size, exact.begin() + (block + 1) * layer.block_size, 0.0),
        block);
  }
  std::sort(mass.rbegin(), mass.rend());
  for (std::size_t r = 0; r < 3; ++r)
    layer.selected.data()[slot / layer.block_size * 3 + static_cast<std::int64_t>(r)] = mass[r].second;
  const MissedMass missed = missed_mass(tap, 2, 0, 0);
  ASSERT_EQ(missed.missed.size(), 3u);
  for (std::size_t r = 0; r < 3; ++r) {
    EXPECT_EQ(missed.missed[r].block, mass[r + 3].second);
    EXPECT_EQ(missed.missed[r].mass_rank, static_cast<int>(r) + 3);
  }
}

TEST(AttentionQuery, AWrongRecordedLseIsSeen) {
  Tap tap = test::make_tap({.name = ""}, 3);
  LayerTap& layer = tap.layers.front();
  layer.lse_selected.data()[test::own_slot(layer, 4) * layer.heads + 1] += 0.5f;
  EXPECT_NEAR(attention_row(tap, {.layer = 2, .point = 4}).lse_gap, 0.5, 1e-5);
  EXPECT_LT(attention_row(tap, {.layer = 2, .head = 0, .point = 4}).lse_gap, 1e-5);
}

TEST(AttentionQuery, BadQueriesAreNamed) {
  const Tap nsa = test::make_tap({.name = ""}, 1);
  const Tap ball = test::make_tap({.name = "", .kind = LayerKind::Ball, .kv_heads = 4}, 1);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 0, .point = 1}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 2, .head = 4, .point = 1}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 2, .head = -2, .point = 1}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 2, .point = nsa.point_count}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 2}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(nsa, {.layer = 2, .slot_begin = 8, .slot_end = 100000}), ErrorKind::Config);
  EXPECT_EQ(kind_of_failure(ball, {.layer = 2, .branch = Branch::Compressed, .point = 1}), ErrorKind::Config);
  EXPECT_THROW(missed_mass(ball, 2, -1, 1), Error);
  EXPECT_THROW(missed_mass(nsa, 2, -1, -1), Error);
}

TEST(AttentionQuery, ALayerThatWasNotKeptSaysSo) {
  Tap tap = test::make_tap({.name = ""}, 1);
  tap.layers.front().local_q = {};
  EXPECT_EQ(kind_of_failure(tap, {.layer = 2, .point = 1}), ErrorKind::Config);
  EXPECT_FALSE(selected_blocks(tap.layers.front(), 0).empty());
}

TEST(AttentionQuery, ARecordThatDisagreesWithItselfIsRefused) {
  Tap tap = test::make_tap({.name = ""}, 1);
  tap.layers.front().k = Array<float>({3, 2, 8});
  EXPECT_EQ(kind_of_failure(tap, {.layer = 2, .point = 1}), ErrorKind::Internal);
}

TEST(AttentionQuery, CanBeStopped) {
  const Tap tap = test::make_tap({.name = ""}, 1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(attention_row(tap, {.layer = 2, .point = 1}, Job(stop.get_token())), Error);
}

TEST(TapRequest, WantsWhatWasAskedFor) {
  EXPECT_TRUE((TapRequest{.all_layers = true, .layers = {}}).wants(7));
  EXPECT_TRUE((TapRequest{.layers = {1, 7}}).wants(7));
  EXPECT_FALSE((TapRequest{.layers = {1, 7}}).wants(2));
}

}  // namespace erwin
