#include "core/attention/matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stop_token>

#include "core/base/error.h"
#include "tests/core/attention/synthetic.h"

namespace erwin {

namespace {

using test::DenseHead;
using test::Shape;
using Table = std::vector<std::vector<double>>;

double points_in(const LayerTap& layer, std::int64_t first, std::int64_t last) {
  return static_cast<double>(layer.slot_point_begin[static_cast<std::size_t>(last)] -
                             layer.slot_point_begin[static_cast<std::size_t>(first)]);
}

// A over slots, dense: rows and columns are slots, a compressed weight goes evenly to its block's points.
Table dense_slots(const Tap& tap, int head, Branch branch, std::vector<double>& memory) {
  const LayerTap& layer = tap.layers.front();
  const std::vector<DenseHead> tables = test::dense_heads(tap);
  const auto slots = static_cast<std::size_t>(layer.slots());
  Table table(slots, std::vector<double>(slots));
  memory.assign(slots, 0);
  const bool nsa = layer.kind == LayerKind::Nsa;
  for (int h = 0; h < layer.heads; ++h) {
    if (head >= 0 && h != head) continue;
    const DenseHead& one = tables[static_cast<std::size_t>(h)];
    for (std::size_t i = 0; i < slots; ++i) {
      const auto factor = [&](Branch name, int gate) {
        if (branch != Branch::All && branch != name) return 0.0;
        const double share = head >= 0 ? 1 : 1.0 / layer.heads;
        if (branch != Branch::All || !nsa) return share;
        return share * static_cast<double>(layer.gate.row({static_cast<std::int64_t>(i), gate, h})[0]);
      };
      for (std::size_t j = 0; j < slots; ++j) {
        table[i][j] += factor(Branch::Local, 2) * one.local[i][j];
        if (!nsa) continue;
        table[i][j] += factor(Branch::Selected, 1) * one.selected[i][j];
        const std::int64_t slot = static_cast<std::int64_t>(j), block = slot / layer.block_size;
        const double all = points_in(layer, block * layer.block_size, (block + 1) * layer.block_size);
        if (all > 0)
          table[i][j] += factor(Branch::Compressed, 0) * one.compressed[i][static_cast<std::size_t>(block)] *
                         points_in(layer, slot, slot + 1) / all;
      }
      if (nsa) memory[i] += factor(Branch::Compressed, 0) * one.memory[i];
    }
  }
  return table;
}

void expect_matrix(const Tap& tap, const AttentionMatrix& matrix, const Table& dense, const std::vector<double>& memory,
                   const std::string& what) {
  const LayerTap& layer = tap.layers.front();
  const auto& rows = matrix.request.rows.slot_begin;
  const auto& columns = matrix.request.columns.slot_begin;
  double worst = 0;
  for (std::size_t r = 0; r + 1 < rows.size(); ++r) {
    std::vector<double> sums(columns.size() - 1);
    double queries = 0, kept = 0;
    for (std::int64_t i = rows[r]; i < rows[r + 1]; ++i) {
      if (!layer.real(i)) continue;
      ++queries;
      kept += memory[static_cast<std::size_t>(i)];
      for (std::size_t c = 0; c < sums.size(); ++c)
        for (std::int64_t j = columns[c]; j < columns[c + 1]; ++j)
          sums[c] += dense[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    }
    EXPECT_EQ(matrix.queries[r], static_cast<std::int64_t>(queries)) << what;
    for (std::size_t c = 0; c < sums.size(); ++c)
      worst = std::max(worst, std::abs(static_cast<double>(matrix.cells[r * sums.size() + c]) -
                                       (queries > 0 ? sums[c] / queries : 0)));
    EXPECT_NEAR(matrix.memory[r], queries > 0 ? kept / queries : 0, 2e-6) << what;
  }
  EXPECT_LT(worst, 2e-6) << what;
  EXPECT_TRUE(matrix.complete() && matrix.is_exact()) << what;
}

class EveryMatrix : public ::testing::TestWithParam<Shape> {};

}  // namespace

TEST_P(EveryMatrix, CellsAtEverySizeAndWindowEqualDenseSums) {
  const Tap tap = test::make_tap(GetParam(), 11);
  const LayerTap& layer = tap.layers.front();
  std::vector<Branch> branches{Branch::All, Branch::Local};
  if (layer.kind == LayerKind::Nsa) branches.insert(branches.end(), {Branch::Compressed, Branch::Selected});
  struct Window {
    std::int64_t row_size, column_size, row_first, row_last, column_first, column_last;
  };
  const std::int64_t n = layer.slots();
  const std::vector<Window> windows{{n, n, 0, n, 0, n},       {32, 32, 0, n, 0, n},
                                    {8, 8, 0, n, 0, n},       {1, 1, 3, 21, n / 2 - 5, n / 2 + 9},
                                    {32, 4, 0, n, 12, n - 4}, {2, n, 0, 32, 0, n}};
  for (const int head : {-1, 1})
    for (const Branch branch : branches) {
      std::vector<double> memory;
      const Table dense = dense_slots(tap, head, branch, memory);
      for (const Window& w : windows) {
        const MatrixRequest request{.layer = 2,
                                    .head = head,
                                    .branch = branch,
                                    .rows = axis_of_size(layer, w.row_size, w.row_first, w.row_last),
                                    .columns = axis_of_size(layer, w.column_size, w.column_first, w.column_last)};
        expect_matrix(tap, attention_matrix(tap, request), dense, memory,
                      std::string(name_of(branch)) + " rows of " + std::to_string(w.row_size) + " columns of " +
                          std::to_string(w.column_size));
      }
    }
}

TEST_P(EveryMatrix, ApproximateCellsSaySoAndBecomeExact) {
  const Tap tap = test::make_tap(GetParam(), 11);
  const LayerTap& layer = tap.layers.front();
  MatrixRequest request{
      .layer = 2, .rows = axis_of_size(layer, 32), .columns = axis_of_size(layer, 8), .blocks_per_row = 2};
  AttentionMatrix matrix = attention_matrix(tap, request);
  EXPECT_TRUE(matrix.complete());
  EXPECT_FALSE(matrix.is_exact());
  request.blocks_per_row = 0;
  const AttentionMatrix exact = attention_matrix(tap, request);
  // Sums of rows are right even so: a mean query's softmax sums to 1 as well.
  double far = 0;
  for (std::size_t c = 0; c < exact.cells.size(); ++c)
    far = std::max(far, std::abs(static_cast<double>(matrix.cells[c]) - static_cast<double>(exact.cells[c])));
  EXPECT_GT(far, 1e-6);
  std::int64_t told = 0;
  refine(tap, matrix, {}, [&](const AttentionMatrix&, std::int64_t first, std::int64_t last) { told += last - first; });
  EXPECT_EQ(told, matrix.request.rows.cells());
  EXPECT_TRUE(matrix.is_exact());
  EXPECT_EQ(matrix.cells, exact.cells);
  told = 0;
  refine(tap, matrix, {}, [&](const AttentionMatrix&, std::int64_t first, std::int64_t last) { told += last - first; });
  EXPECT_EQ(told, 0);  // nothing is computed twice
}

INSTANTIATE_TEST_SUITE_P(Attention, EveryMatrix, ::testing::ValuesIn(test::all_shapes()),
                         [](const auto& given) { return given.param.name; });

TEST(AttentionMatrix, EqualQueriesAreNotApproximatedWrongly) {
  // Where all queries and gates of a block are the same, its mean query is exact.
  Tap tap = test::make_tap({.name = "", .padding = 0}, 3);
  LayerTap& layer = tap.layers.front();
  const auto level = [&](Array<float>& array) {
    const std::int64_t width = std::ssize(array.values()) / layer.slots();
    for (std::int64_t i = 0; i < std::ssize(array.values()); ++i)
      array.data()[i] = array.data()[i / width / layer.block_size * layer.block_size * width + i % width];
  };
  level(layer.q);
  level(layer.local_q);
  level(layer.gate);
  level(layer.positions);
  layer.lse_compressed = {};
  MatrixRequest request{
      .layer = 2, .rows = axis_of_size(layer, 8), .columns = axis_of_size(layer, 8), .blocks_per_row = 1};
  const AttentionMatrix rough = attention_matrix(tap, request);
  request.blocks_per_row = 0;
  const AttentionMatrix exact = attention_matrix(tap, request);
  for (std::size_t c = 0; c < exact.cells.size(); ++c) EXPECT_NEAR(rough.cells[c], exact.cells[c], 1e-6);
}

TEST(AttentionMatrix, LevelsAreTheTreesNodes) {
  const auto cloud = test::make_positions(150, 3);
  const BallTree tree = build_ball_tree(std::vector<double>(cloud.begin(), cloud.end()), 3,
                                        {.unit = 32, .padding = Padding::Masked, .nodes = true});
  const Tap tap = test::make_tap({.name = "", .balls = 5}, 3, &tree);
  const LayerTap& layer = tap.layers.front();
  ASSERT_EQ(level_count(layer, tree), static_cast<int>(tree.levels.size()));
  for (int level = 0; level < level_count(layer, tree); ++level)
    EXPECT_EQ(axis_of_level(layer, tree, level).slot_begin, tree.levels[static_cast<std::size_t>(level)].slot_begin);
  EXPECT_EQ(axis_of_level(layer, tree, 0).cells(), 1);
  EXPECT_EQ(axis_of_level(layer, tree, level_count(layer, tree) - 1, 3, 9).cells(), 6);
  EXPECT_EQ(axis_of_level(layer, tree, tree.level_of(8)).slot_begin, axis_of_size(layer, 8).slot_begin);
  EXPECT_THROW(axis_of_level(layer, tree, 40), Error);
  EXPECT_THROW(axis_of_level(layer, tree, 1, 90, 90), Error);
  EXPECT_THROW(axis_of_level(layer, BallTree{}, 0), Error);
}

TEST(AttentionMatrix, BadRequestsAreNamedAndWorkCanBeStopped) {
  const Tap tap = test::make_tap({.name = ""}, 1);
  const LayerTap& layer = tap.layers.front();
  const MatrixAxis axis = axis_of_size(layer, 8);
  EXPECT_THROW(attention_matrix(tap, {.layer = 2, .rows = axis, .columns = {}}), Error);
  EXPECT_THROW(attention_matrix(tap, {.layer = 2, .rows = {{0, 8, 8}}, .columns = axis}), Error);
  EXPECT_THROW(attention_matrix(tap, {.layer = 2, .rows = axis, .columns = {{0, layer.slots() + 1}}}), Error);
  EXPECT_THROW(attention_matrix(tap, {.layer = 2, .head = 9, .rows = axis, .columns = axis}), Error);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(attention_matrix(tap, {.layer = 2, .rows = axis, .columns = axis}, Job(stop.get_token())), Error);
}

}  // namespace erwin
