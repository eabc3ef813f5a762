// The CPU twin against scores in float64.

#include "kernels/selection/selection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/selection/cases.h"

namespace erwin::kernels {
namespace {

test::Selected select(const test::SelectionData& data) {
  test::Selected found;
  found.ids.assign(static_cast<std::size_t>(data.shape.blocks * data.shape.groups * data.shape.count), 99);
  found.scores.assign(found.ids.size(), 99.0f);
  select_blocks_cpu(
      {data.shape, data.mean_query.data(), data.keys.data(), reinterpret_cast<const bool*>(data.real.data()),
       data.block_offsets.data(), found.ids.data(), found.scores.data()},
      0, data.shape.blocks);
  return found;
}

TEST(Selection, EqualsASortOfAllScores) {
  for (const test::SelectionCase& what : test::selection_cases()) {
    SCOPED_TRACE(what.name);
    const test::SelectionData data(what);
    test::expect_selection(data, select(data), what.ties);
  }
}

TEST(Selection, InPieces) {
  const test::SelectionData data({"", {100, 7, 50}, 2, 16, 16, 8, 0.1, false, 0});
  const test::Selected whole = select(data);
  test::Selected pieces{std::vector<std::int64_t>(whole.ids.size(), 99), std::vector<float>(whole.ids.size(), 99.0f)};
  for (const auto& [first, last] : {std::pair(0, 33), std::pair(33, 34), std::pair(34, 157)})
    select_blocks_cpu(
        {data.shape, data.mean_query.data(), data.keys.data(), reinterpret_cast<const bool*>(data.real.data()),
         data.block_offsets.data(), pieces.ids.data(), pieces.scores.data()},
        first, last);
  EXPECT_TRUE(whole.ids == pieces.ids && whole.scores == pieces.scores);
}

TEST(Selection, AnyWidthAndAnyNumber) {
  const test::SelectionData data({"", {150}, 2, 24, 90, 4, 0.1, false, 0});
  test::expect_selection(data, select(data), false);
}

TEST(Selection, ThreadsChangeNothing) {
  const test::SelectionData data({"", {700, 30}, 2, 16, 16, 8, 0.1, false, 0});
  const int before = parallel_threads();
  set_parallel_threads(1);
  const test::Selected one = select(data);
  set_parallel_threads(3);
  const test::Selected three = select(data);
  set_parallel_threads(before);
  EXPECT_TRUE(one.ids == three.ids && one.scores == three.scores);
}

TEST(MeanQueries, AreMeansOverRealSlotsAndHeads) {
  constexpr std::int64_t blocks = 7, size = 8, heads = 6, groups = 2, width = 16, per_query = heads / groups;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> q(blocks * size * heads * width), out(blocks * groups * width, 99.0f);
  std::vector<std::uint8_t> mask(blocks * size);
  for (auto& x : mask) x = random() % 3 != 0;
  for (std::size_t slot = 2 * size; slot < 3 * size; ++slot) mask[slot] = 0;
  for (std::size_t i = 0; i < q.size(); ++i)
    q[i] = mask[i / (heads * width)] ? normal(random) : std::numeric_limits<float>::quiet_NaN();
  mean_queries_cpu(
      {q.data(), reinterpret_cast<const bool*>(mask.data()), out.data(), blocks, size, heads, groups, width});
  for (std::size_t b = 0; b < blocks; ++b)
    for (std::size_t g = 0; g < groups; ++g)
      for (std::size_t d = 0; d < width; ++d) {
        double sum = 0, count = 0;
        for (std::size_t slot = b * size; slot < (b + 1) * size; ++slot)
          for (std::size_t h = g * per_query; mask[slot] && h < (g + 1) * per_query; ++h) {
            sum += static_cast<double>(q[(slot * heads + h) * width + d]);
            ++count;
          }
        EXPECT_NEAR(static_cast<double>(out[(b * groups + g) * width + d]), count > 0 ? sum / count : 0, 1e-6);
      }
}

}  // namespace
}  // namespace erwin::kernels
