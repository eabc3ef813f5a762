#include "tests/kernels/selection/cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace erwin::test {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

struct Candidate {
  double score;
  std::int64_t id;
};

// All candidates of a query block, best first.
std::vector<Candidate> candidates_of(const SelectionData& data, std::size_t sample, std::int64_t block, int group) {
  const kernels::SelectionShape& shape = data.shape;
  const std::int64_t begin = data.block_offsets[sample], end = data.block_offsets[sample + 1];
  std::vector<Candidate> candidates;
  if (!data.real[static_cast<std::size_t>(block)]) return candidates;
  for (std::int64_t j = begin; j < end; ++j) {
    if (!data.real[static_cast<std::size_t>(j)]) continue;
    if (shape.excluded > 0 && (j - begin) / shape.excluded == (block - begin) / shape.excluded) continue;
    double score = 0;
    for (int d = 0; d < shape.width; ++d)
      score += static_cast<double>(
                   data.mean_query[static_cast<std::size_t>((block * shape.groups + group) * shape.width + d)]) *
               static_cast<double>(data.keys[static_cast<std::size_t>((j * shape.groups + group) * shape.width + d)]);
    if (!std::isnan(score)) candidates.push_back({score / std::sqrt(static_cast<double>(shape.width)), j});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  return candidates;
}

}  // namespace

SelectionData::SelectionData(const SelectionCase& given, bool as_bf16) {
  for (const std::int64_t count : given.blocks) block_offsets.push_back(block_offsets.back() + count);
  shape.blocks = block_offsets.back();
  shape.samples = static_cast<std::int64_t>(given.blocks.size());
  shape.most_blocks = *std::max_element(given.blocks.begin(), given.blocks.end());
  shape.groups = given.groups;
  shape.width = given.width;
  shape.count = given.count;
  shape.excluded = given.excluded;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto fill = [&](std::vector<float>& values) {
    values.resize(static_cast<std::size_t>(shape.blocks * given.groups * given.width));
    for (float& x : values) x = given.ties ? static_cast<float>(static_cast<int>(random() % 3) - 1) : normal(random);
  };
  fill(mean_query);
  fill(keys);
  if (as_bf16)
    for (float& x : keys) {
      std::uint32_t bits;
      std::memcpy(&bits, &x, sizeof bits);
      bits = (bits + 0x8000U) & 0xffff0000U;
      std::memcpy(&x, &bits, sizeof bits);
    }
  for (std::int64_t b = 0; b < shape.blocks; ++b) {
    real.push_back(uniform(random) >= given.empty);
    if (uniform(random) < given.nan)
      keys[static_cast<std::size_t>(b * given.groups * given.width)] = std::numeric_limits<float>::quiet_NaN();
  }
}

std::vector<SelectionCase> selection_cases() {
  return {
      {"one block", {1}, 1, 16, 4, 0, 0},
      {"one block that may not choose itself", {1}, 1, 16, 4, 1, 0},
      {"one ball", {8}, 2, 16, 4, 8, 0},
      {"unequal samples", {8, 136, 24, 64}, 1, 16, 16, 8, 0.2},
      {"more wanted than there is", {16, 40}, 2, 8, 64, 8, 0.3},
      {"own block", {77}, 4, 32, 5, 1, 0.1},
      {"nothing kept out", {200}, 1, 64, 33, 0, 0.1},
      {"equal scores", {160, 96}, 2, 16, 16, 8, 0.1, true},
      {"equal scores, a long list", {304}, 1, 8, 64, 16, 0.1, true},
      {"NaN", {160}, 1, 16, 16, 8, 0.1, false, 0.3},
      {"hardly a real block", {160}, 1, 16, 16, 8, 0.95},
      {"one wanted", {130}, 1, 16, 1, 2, 0},
  };
}

void expect_selection(const SelectionData& data, const Selected& found, bool exact, std::int64_t* rows_off) {
  const kernels::SelectionShape& shape = data.shape;
  ASSERT_EQ(found.ids.size(), static_cast<std::size_t>(shape.blocks * shape.groups * shape.count));
  for (std::size_t s = 0; s + 1 < data.block_offsets.size(); ++s)
    for (std::int64_t b = data.block_offsets[s]; b < data.block_offsets[s + 1]; ++b)
      for (int g = 0; g < shape.groups; ++g) {
        const std::vector<Candidate> candidates = candidates_of(data, s, b, g);
        const std::size_t first = static_cast<std::size_t>((b * shape.groups + g) * shape.count);
        const double rounding = 4e-6 * (1 + (candidates.empty() ? 0 : std::abs(candidates[0].score)));
        bool differs = false;
        for (std::size_t i = 0; i < static_cast<std::size_t>(shape.count); ++i) {
          const std::int64_t id = found.ids[first + i];
          const float score = found.scores[first + i];
          if (i >= candidates.size()) {
            ASSERT_EQ(id, -1) << "block " << b << " head " << g << " entry " << i;
            ASSERT_EQ(score, -infinity);
            continue;
          }
          ASSERT_NEAR(static_cast<double>(score), candidates[i].score, rounding) << "block " << b << " entry " << i;
          if (id == candidates[i].id) continue;
          differs = true;
          // Another one, but then of the same score to rounding, and not one that is there already.
          const auto chosen = std::find_if(candidates.begin(), candidates.end(),
                                           [id](const Candidate& candidate) { return candidate.id == id; });
          ASSERT_TRUE(chosen != candidates.end()) << "block " << b << " chose " << id;
          ASSERT_LE(std::abs(chosen->score - candidates[i].score), 2 * rounding);
          ASSERT_FALSE(exact) << "block " << b << " head " << g << " entry " << i;
          for (std::size_t before = 0; before < i; ++before) ASSERT_NE(found.ids[first + before], id);
        }
        if (rows_off) *rows_off += differs;
      }
}

}  // namespace erwin::test
