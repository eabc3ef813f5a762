#include "core/attention/direction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stop_token>

#include "core/attention/recall.h"
#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using test::DenseRows;
using test::Shape;

class EveryDirection : public ::testing::TestWithParam<Shape> {
protected:
  void SetUp() override { tap = test::make_tap(GetParam(), 9); }
  const LayerTap& layer() const { return tap.layers.front(); }
  std::size_t n() const { return static_cast<std::size_t>(tap.point_count); }
  Tap tap;
};
class EveryRecall : public EveryDirection {};

}  // namespace

TEST_P(EveryDirection, AttendedByIsTheColumnOfDenseRows) {
  const std::vector<std::int64_t> block{0, 1, 5, 5, tap.point_count - 1};
  std::vector<std::int64_t> ball;
  for (const std::int32_t point : points_of_slots(layer(), 0, std::min<std::int64_t>(32, layer().slots())))
    ball.push_back(point);
  std::vector<Branch> branches{Branch::All, Branch::Local};
  if (layer().kind == LayerKind::Nsa) branches.insert(branches.end(), {Branch::Compressed, Branch::Selected});
  Tap unrecorded = tap;  // without the compressed branch's log-sum-exp
  unrecorded.layers.front().lse_compressed = {};
  for (const int head : {-1, 2})
    for (const Branch branch : branches) {
      const DenseRows dense = test::dense_rows(tap, head, branch);
      for (const Tap* record : {&tap, &unrecorded})
        for (const auto& points : {std::vector<std::int64_t>{7}, block, ball}) {
          const std::set<std::int64_t> set(points.begin(), points.end());
          const AttendedBy result =
              attended_by(*record, {.layer = 2, .head = head, .branch = branch, .points = points});
          double received = 0, own = 0;
          for (std::size_t i = 0; i < n(); ++i) {
            double weight = 0;
            for (const std::int64_t j : set) weight += dense.weight[i][static_cast<std::size_t>(j)];
            EXPECT_NEAR(result.points[i], weight, 2e-6) << name_of(branch) << " point " << i;
            received += weight;
            if (set.contains(static_cast<std::int64_t>(i))) own += weight;
          }
          EXPECT_NEAR(result.received, received, 1e-4);
          EXPECT_NEAR(result.from_itself, own, 1e-4);
        }
    }
}

TEST_P(EveryDirection, ASetOfPointsAsQueryIsTheMeanOfTheirRows) {
  const std::vector<std::int64_t> points{3, 11, 4, tap.point_count - 2};
  const DenseRows dense = test::dense_rows(tap, -1, Branch::All);
  const AttentionRow row = attention_row(tap, {.layer = 2, .points = points});
  EXPECT_EQ(row.queries, 4);
  double memory = 0;
  for (const std::int64_t point : points) memory += dense.memory[static_cast<std::size_t>(point)] / 4;
  EXPECT_NEAR(row.memory, memory, 1e-6);
  EXPECT_NEAR(row.sum(), row.expected_sum, 1e-6);
  for (std::size_t j = 0; j < n(); ++j) {
    double mean = 0;
    for (const std::int64_t point : points) mean += dense.weight[static_cast<std::size_t>(point)][j] / 4;
    EXPECT_NEAR(row.points[j], mean, 1e-6);
  }
}

TEST_P(EveryRecall, SelectorsAreTheTransposedSelection) {
  const std::int64_t point = tap.point_count / 3, own = test::own_slot(layer(), point) / layer().block_size;
  std::map<std::int32_t, int> wanted;
  for (std::int32_t block = 0; block < layer().blocks(); ++block)
    for (int g = 0; g < layer().kv_heads; ++g)
      for (std::int64_t r = 0; r < layer().selected.size(2); ++r)
        if (layer().selected.row({block, g, r})[0] == own) {
          const auto at = wanted.emplace(block, static_cast<int>(r)).first;
          at->second = std::min(at->second, static_cast<int>(r));
        }
  const AttendedBy result = attended_by(tap, {.layer = 2, .points = {point}});
  if (GetParam().copies) return;  // a copy may stand in another block, which then selects it, too
  ASSERT_EQ(result.selectors.size(), wanted.size());
  for (const auto& selector : result.selectors) EXPECT_EQ(wanted.at(selector.query_block), selector.rank);
}

TEST_P(EveryRecall, RecallAndRankCorrelationEqualBruteForce) {
  const std::vector<test::DenseHead> tables = test::dense_heads(tap);
  const RecallField result = recall_field(tap, {.layer = 2});
  EXPECT_FALSE(result.sampled);
  double mean = 0, queries = 0;
  for (std::int64_t block = 0; block < layer().blocks(); ++block) {
    std::vector<std::int64_t> slots;
    for (std::int64_t s = block * layer().block_size; s < (block + 1) * layer().block_size; ++s)
      if (layer().real(s)) slots.push_back(s);
    const auto at = static_cast<std::size_t>(block);
    if (slots.empty()) {
      EXPECT_TRUE(std::isnan(result.recall[at]));
      continue;
    }
    double recall = 0;
    std::vector<double> correlations;
    for (int g = 0; g < layer().kv_heads; ++g) {
      std::vector<double> mass, score;
      for (std::int64_t other = 0; other < layer().blocks(); ++other) {
        bool chosen = other * layer().block_size / layer().ball_size == block * layer().block_size / layer().ball_size;
        const bool near = chosen;
        for (const std::int32_t id : layer().selected.row({block, g})) chosen = chosen || id == other;
        double m = 0, s = 0;
        bool real = false;
        for (std::int64_t j = other * layer().block_size; j < (other + 1) * layer().block_size; ++j)
          real = real || layer().real(j);
        for (int h = 0; h < layer().heads; ++h) {
          if (h * layer().kv_heads / layer().heads != g) continue;
          for (const std::int64_t i : slots) {
            for (std::int64_t j = other * layer().block_size; j < (other + 1) * layer().block_size; ++j)
              m += tables[static_cast<std::size_t>(h)].exact[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
            for (int e = 0; e < layer().head_dim; ++e)
              s += static_cast<double>(layer().q.row({i, h, e})[0]) *
                   static_cast<double>(layer().block_k.row({other, g, e})[0]);
          }
        }
        if (chosen) recall += m / static_cast<double>(slots.size()) / layer().heads;
        if (near || !real) continue;
        mass.push_back(m);
        score.push_back(s);
      }
      // Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)).
      const auto rank = [](const std::vector<double>& all, double one) {
        return static_cast<double>(std::count_if(all.begin(), all.end(), [&](double v) { return v < one; }));
      };
      const auto n = static_cast<double>(mass.size());
      if (n < 3) continue;
      double squares = 0;
      for (std::size_t i = 0; i < mass.size(); ++i) squares += std::pow(rank(mass, mass[i]) - rank(score, score[i]), 2);
      correlations.push_back(1 - 6 * squares / (n * (n * n - 1)));
    }
    EXPECT_NEAR(result.recall[at], recall, 1e-6);
    if (correlations.empty()) {
      EXPECT_TRUE(std::isnan(result.rank_correlation[at]));
    } else {
      double wanted = 0;
      for (const double one : correlations) wanted += one / static_cast<double>(correlations.size());
      EXPECT_NEAR(result.rank_correlation[at], wanted, 1e-6);
    }
    mean += recall * static_cast<double>(slots.size());
    queries += static_cast<double>(slots.size());
  }
  EXPECT_NEAR(result.mean_recall, mean / queries, 1e-6);
  for (std::int64_t point = 0; point < tap.point_count; point += 7) {
    const auto block = static_cast<std::size_t>(test::own_slot(layer(), point) / layer().block_size);
    EXPECT_FLOAT_EQ(static_cast<float>(result.fields[0].value(point)), result.recall[block]);
  }
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryDirection, ::testing::ValuesIn(test::all_shapes()),
                         [](const auto& given) { return given.param.name; });
INSTANTIATE_TEST_SUITE_P(Attention, EveryRecall, ::testing::ValuesIn(test::nsa_shapes()),
                         [](const auto& given) { return given.param.name; });

TEST(Recall, FewerQueriesPerBlockSaySo) {
  const Tap tap = test::make_tap({.name = ""}, 9);
  const RecallField all = recall_field(tap, {.layer = 2});
  const RecallField some = recall_field(tap, {.layer = 2, .head = -1, .queries_per_block = 2});
  EXPECT_TRUE(some.sampled);
  EXPECT_LT(some.queries, all.queries);
  EXPECT_NEAR(some.mean_recall, all.mean_recall, 0.1);
}

TEST(Recall, TiesShareTheirMeanRank) {
  EXPECT_NEAR(rank_correlation({1, 2, 2, 3}, {1, 2, 2, 3}), 1, 1e-12);
  EXPECT_NEAR(rank_correlation({1, 2, 3}, {3, 2, 1}), -1, 1e-12);
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
  EXPECT_NEAR(rank_correlation({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5), 1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation({1, 1, 1}, {1, 2, 3})));
  EXPECT_TRUE(std::isnan(rank_correlation({1, 2}, {1, 2})));
}

TEST(Direction, BadRequestsAreNamedAndWorkCanBeStopped) {
  const Tap tap = test::make_tap({.name = ""}, 1);
  const Tap ball = test::make_tap({.name = "", .kind = LayerKind::Ball, .kv_heads = 4}, 1);
  EXPECT_THROW(attended_by(tap, {.layer = 2, .points = {}}), Error);
  EXPECT_THROW(attended_by(tap, {.layer = 2, .points = {tap.point_count}}), Error);
  EXPECT_THROW(attended_by(ball, {.layer = 2, .branch = Branch::Selected, .points = {1}}), Error);
  EXPECT_THROW(recall_field(ball, {.layer = 2}), Error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(attended_by(tap, {.layer = 2, .points = {1}}, Job(stop.get_token())), Error);
  EXPECT_THROW(recall_field(tap, {.layer = 2}, Job(stop.get_token())), Error);
}

}  // namespace erwin
