#include "tests/kernels/gate_merge/cases.h"

#include <cmath>
#include <limits>
#include <random>

#include "tests/support/kernel_values.h"

namespace erwin::test {

namespace {

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

// Of one row, head and branch.
struct Branch {
  std::size_t logit, first;  // where its logit and its values lie
  const std::vector<double>* values;
  double gate;
};

template <typename Body>
void for_each_head(const MergeData& data, const Body& body) {
  const std::int64_t heads = data.shape.heads, width = data.shape.width;
  for (std::int64_t row = 0; row < data.shape.rows; ++row)
    for (std::int64_t h = 0; data.mask[at(row)] && h < heads; ++h) {
      const std::size_t own = at((row * heads + h) * width);
      const std::size_t shared = at((row / data.shape.slots_per_coarse * heads + h) * width);
      std::vector<Branch> branches{{0, shared, &data.coarse, 0}, {0, own, &data.selected, 0}, {0, own, &data.local, 0}};
      for (std::size_t b = 0; b < 3; ++b) {
        branches[b].logit = at((row * 3 + static_cast<std::int64_t>(b)) * heads + h);
        branches[b].gate = 1 / (1 + std::exp(-data.logits[branches[b].logit]));
      }
      body(own, branches);
    }
}

}  // namespace

MergeData::MergeData(const MergeCase& given, bool as_bf16) {
  shape = {given.units * given.slots, given.heads, given.width, given.slots};
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  const auto fill = [&](std::vector<double>& values, std::int64_t count, double size) {
    values.resize(at(count));
    for (double& x : values) {
      const float drawn = static_cast<float>(size) * normal(random);
      x = static_cast<double>(as_bf16 ? rounded_to_bf16(drawn) : drawn);
    }
  };
  const std::int64_t per_row = std::int64_t{given.heads} * given.width;
  fill(logits, shape.rows * 3 * given.heads, given.size);
  fill(coarse, given.units * per_row, 1);
  for (std::vector<double>* values : {&selected, &local, &grad_out}) fill(*values, shape.rows * per_row, 1);
  mask.resize(at(shape.rows));
  std::vector<std::uint8_t> used(at(given.units));
  for (std::size_t row = 0; row < mask.size(); ++row) {
    mask[row] = std::uniform_real_distribution<double>(0, 1)(random) >= given.masked;
    // The second unit is all padding.
    if (row / at(given.slots) == 1) mask[row] = 0;
    if (mask[row]) used[row / at(given.slots)] = 1;
  }
  const auto spoil = [](std::vector<double>& values, const std::vector<std::uint8_t>& good) {
    const std::size_t each = values.size() / good.size();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!good[i / each]) values[i] = std::numeric_limits<double>::quiet_NaN();
  };
  for (std::vector<double>* values : {&logits, &selected, &local, &grad_out}) spoil(*values, mask);
  spoil(coarse, used);
}

MergeResult merge_reference(const MergeData& data) {
  MergeResult result;
  result.out.assign(data.selected.size(), 0);
  result.grad_logits.assign(data.logits.size(), 0);
  result.grad_coarse.assign(data.coarse.size(), 0);
  result.grad_selected = result.grad_local = result.out;
  std::vector<double>* const gradients[] = {&result.grad_coarse, &result.grad_selected, &result.grad_local};
  for_each_head(data, [&](std::size_t own, const std::vector<Branch>& branches) {
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t d = 0; d < at(data.shape.width); ++d) {
        const Branch& branch = branches[b];
        const double value = (*branch.values)[branch.first + d], grad = data.grad_out[own + d];
        result.out[own + d] += branch.gate * value;
        (*gradients[b])[branch.first + d] += branch.gate * grad;
        result.grad_logits[branch.logit] += branch.gate * (1 - branch.gate) * value * grad;
      }
  });
  return result;
}

double merge_loss(const MergeData& data) {
  double loss = 0;
  for_each_head(data, [&](std::size_t own, const std::vector<Branch>& branches) {
    for (const Branch& branch : branches)
      for (std::size_t d = 0; d < at(data.shape.width); ++d)
        loss += branch.gate * (*branch.values)[branch.first + d] * data.grad_out[own + d];
  });
  return loss;
}

std::vector<MergeCase> merge_cases() {
  return {
      {"one row", 1, 1, 1, 16, 0, 1},
      {"two rows, one of padding", 2, 1, 3, 16, 0, 1},
      {"a row each", 301, 1, 16, 16, 0.2, 1},
      {"a row for 32 slots", 13, 32, 16, 16, 0.2, 1},
      {"a row for 16 slots, much padding", 21, 16, 5, 16, 0.9, 1},
      {"width 8", 133, 1, 3, 8, 0.2, 1},
      {"width 8, a row for 16 slots", 9, 16, 3, 8, 0.2, 1},
      {"width 32", 77, 1, 8, 32, 0.2, 1},
      {"width 64", 77, 1, 4, 64, 0.2, 1},
      {"width 64, a row for 32 slots", 7, 32, 2, 64, 0.2, 1},
      {"open and shut gates", 100, 1, 4, 16, 0.1, 60},
  };
}

}  // namespace erwin::test
