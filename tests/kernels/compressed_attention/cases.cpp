#include "tests/kernels/compressed_attention/cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace erwin::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

// One key of a row: where it lies in k and v, or in the memory slot.
struct Key {
  const float *k, *v;
  double *grad_k, *grad_v;
  double weight = 0;
};

double dot(const float* a, const float* b, int width) {
  double sum = 0;
  for (int d = 0; d < width; ++d) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
  return sum;
}

// One row: softmax, output and gradients.
void reference_row(const CompressedData& data, std::int64_t entry, std::vector<Key>& keys, CompressedResult& result) {
  const int width = data.shape.width;
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  const float *const q = &data.q[at(entry * width)], *const grad = &data.grad_out[at(entry * width)];
  double most = -infinity, sum = 0;
  for (Key& key : keys) most = std::max(most, key.weight = scale * dot(q, key.k, width));
  for (Key& key : keys) sum += key.weight = std::exp(key.weight - most);
  result.lse[at(entry)] = most + std::log(sum);
  double delta = 0;
  for (Key& key : keys) {
    key.weight /= sum;
    delta += key.weight * dot(grad, key.v, width);
    for (int d = 0; d < width; ++d) result.out[at(entry * width + d)] += key.weight * static_cast<double>(key.v[d]);
  }
  for (const Key& key : keys) {
    const double slope = key.weight * (dot(grad, key.v, width) - delta);
    for (int d = 0; d < width; ++d) {
      result.grad_q[at(entry * width + d)] += scale * slope * static_cast<double>(key.k[d]);
      key.grad_k[d] += scale * slope * static_cast<double>(q[d]);
      key.grad_v[d] += key.weight * static_cast<double>(grad[d]);
    }
  }
}

}  // namespace

CompressedData::CompressedData(const CompressedCase& given, bool as_bf16, unsigned seed) : what(given) {
  for (const std::int64_t count : given.rows) row_offsets.push_back(row_offsets.back() + count);
  for (const std::int64_t count : given.blocks) block_offsets.push_back(block_offsets.back() + count);
  shape.rows = row_offsets.back();
  shape.blocks = block_offsets.back();
  shape.samples = static_cast<std::int64_t>(given.rows.size());
  shape.most_rows = *std::max_element(given.rows.begin(), given.rows.end());
  shape.most_blocks = *std::max_element(given.blocks.begin(), given.blocks.end());
  shape.heads = given.heads;
  shape.groups = given.groups;
  shape.width = given.width;
  shape.memory = given.memory;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto fill = [&](std::vector<float>& values, std::int64_t count, double size) {
    values.resize(at(count));
    for (float& x : values) {
      x = static_cast<float>(size) * normal(random);
      if (as_bf16) x = rounded_to_bf16(x);
    }
  };
  const auto flags = [&](std::vector<std::uint8_t>& values, std::int64_t count, double share) {
    values.resize(at(count));
    for (auto& x : values) x = uniform(random) >= share;
  };
  const std::int64_t per_row = given.heads * given.width, per_block = given.groups * given.width;
  fill(q, shape.rows * per_row, given.size);
  fill(grad_out, shape.rows * per_row, 1);
  fill(k, shape.blocks * per_block, 1);
  fill(v, shape.blocks * per_block, 1);
  fill(memory_k, per_block, 1);
  fill(memory_v, per_block, 1);
  flags(mask, shape.rows, given.masked);
  flags(real, shape.blocks, given.empty);
  const auto spoil = [](std::vector<float>& values, const std::vector<std::uint8_t>& kept, std::int64_t each) {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!kept[i / at(each)]) values[i] = std::numeric_limits<float>::quiet_NaN();
  };
  spoil(q, mask, per_row);
  spoil(grad_out, mask, per_row);
  spoil(k, real, per_block);
  spoil(v, real, per_block);
}

CompressedResult compressed_reference(const CompressedData& data) {
  const kernels::CompressedShape& shape = data.shape;
  const std::int64_t width = shape.width, groups = shape.groups;
  CompressedResult result;
  result.out.assign(data.q.size(), 0);
  result.grad_q.assign(data.q.size(), 0);
  result.lse.assign(at(shape.rows * shape.heads), -infinity);
  result.grad_k.assign(data.k.size(), 0);
  result.grad_v.assign(data.v.size(), 0);
  result.grad_memory_k.assign(data.memory_k.size(), 0);
  result.grad_memory_v.assign(data.memory_v.size(), 0);
  for (std::int64_t s = 0; s < shape.samples; ++s)
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::int64_t group = head * groups / shape.heads;
      std::vector<Key> keys;
      const auto add = [&](const std::vector<float>& k, const std::vector<float>& v, std::vector<double>& grad_k,
                           std::vector<double>& grad_v, std::int64_t entry) {
        const std::size_t i = at(entry * width);
        keys.push_back({&k[i], &v[i], &grad_k[i], &grad_v[i]});
      };
      if (shape.memory) add(data.memory_k, data.memory_v, result.grad_memory_k, result.grad_memory_v, group);
      for (std::int64_t b = data.block_offsets[at(s)]; b < data.block_offsets[at(s + 1)]; ++b)
        if (data.real[at(b)]) add(data.k, data.v, result.grad_k, result.grad_v, b * groups + group);
      if (keys.empty()) continue;
      for (std::int64_t row = data.row_offsets[at(s)]; row < data.row_offsets[at(s + 1)]; ++row)
        if (data.mask[at(row)]) reference_row(data, row * shape.heads + head, keys, result);
    }
  return result;
}

std::vector<CompressedCase> compressed_cases() {
  return {
      {"one row, one block", {1}, {1}, 1, 1, 16, true, 0, 0, 1},
      {"one row, nothing but memory", {1}, {1}, 2, 1, 16, true, 0, 1, 1},
      {"nothing to attend to", {5}, {3}, 2, 2, 16, false, 0, 1, 1},
      {"multi-query, unequal samples", {70, 1, 333}, {5, 1, 97}, 16, 1, 16, true, 0.2, 0.2, 1},
      {"no memory slot", {65, 130}, {64, 129}, 4, 2, 16, false, 0.3, 0.3, 1},
      {"all heads their own", {100}, {70}, 4, 4, 16, true, 0, 0, 1},
      {"three heads a group", {61, 40}, {33, 7}, 6, 2, 16, true, 0.5, 0.5, 1},
      {"everything masked in one sample", {40, 40}, {20, 20}, 2, 1, 32, true, 1, 0, 1},
      {"width 8", {90, 50}, {66, 3}, 8, 2, 8, true, 0.2, 0.2, 1},
      {"width 32", {90, 50}, {130, 3}, 8, 2, 32, true, 0.2, 0.2, 1},
      {"width 64", {90, 50}, {130, 3}, 4, 1, 64, true, 0.2, 0.2, 1},
      {"sharp", {300}, {200}, 4, 1, 16, true, 0.1, 0.1, 30},
      {"more rows than one part", {900}, {300}, 8, 1, 16, true, 0.1, 0.1, 1},
  };
}

}  // namespace erwin::test
