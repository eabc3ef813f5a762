#include "tests/kernels/selected_attention/cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace erwin::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

// Entries of [M, G] that the rows of a query block and KV head attend to.
std::vector<std::int64_t> keys_of(const SelectedData& data, std::int64_t block, std::int64_t group) {
  std::vector<std::int64_t> keys;
  for (int column = 0; column < data.shape.columns; ++column) {
    const std::int64_t id = data.id(block, group, column);
    if (id < 0) continue;
    for (std::int64_t slot = id * data.shape.block_size; slot < (id + 1) * data.shape.block_size; ++slot)
      if (data.mask[at(slot)]) keys.push_back(slot * data.shape.groups + group);
  }
  return keys;
}

double dot(const std::vector<double>& a, std::int64_t i, const std::vector<double>& b, std::int64_t j, int width) {
  double sum = 0;
  for (int d = 0; d < width; ++d) sum += a[at(i * width + d)] * b[at(j * width + d)];
  return sum;
}

// Runs body(entry of [M, H], keys, their weights, lse) over all rows that take part and have a key.
template <typename Body>
void for_each_row(const SelectedData& data, const std::vector<double>& q, const std::vector<double>& k,
                  const Body& body) {
  const kernels::SelectedShape& shape = data.shape;
  const int per_slot = shape.rows_per_slot();
  const double scale = 1 / std::sqrt(static_cast<double>(shape.width));
  for (std::int64_t block = 0; block < shape.blocks(); ++block)
    for (std::int64_t group = 0; group < shape.groups; ++group) {
      const std::vector<std::int64_t> keys = keys_of(data, block, group);
      if (keys.empty()) continue;
      for (std::int64_t row = 0; row < shape.rows_per_block(); ++row) {
        const std::int64_t slot = block * shape.block_size + row / per_slot;
        if (!data.mask[at(slot)]) continue;
        const std::int64_t entry = slot * shape.heads + group * per_slot + row % per_slot;
        std::vector<double> weights;
        for (const std::int64_t key : keys) weights.push_back(scale * dot(q, entry, k, key, shape.width));
        const double most = *std::max_element(weights.begin(), weights.end());
        double sum = 0;
        for (double& weight : weights) sum += weight = std::exp(weight - most);
        for (double& weight : weights) weight /= sum;
        body(entry, keys, weights, most + std::log(sum));
      }
    }
}

std::vector<double> finite(const std::vector<float>& values) {
  std::vector<double> result(values.begin(), values.end());
  for (double& x : result)
    if (std::isnan(x)) x = 0;
  return result;
}

std::vector<std::int64_t> random_ids(const SelectedCase& what, std::mt19937& random) {
  std::vector<std::int64_t> blocks(at(what.blocks));
  std::iota(blocks.begin(), blocks.end(), 0);
  if (what.popular) blocks.pop_back();
  std::shuffle(blocks.begin(), blocks.end(), random);
  if (what.popular) std::iter_swap(blocks.begin(), std::find(blocks.begin(), blocks.end(), 0));
  blocks.resize(at(what.columns), -1);  // fewer exist: -1
  std::uniform_real_distribution<double> uniform(0, 1);
  for (std::int64_t& id : blocks)
    if (!(what.popular && id == 0) && uniform(random) < what.missing) id = -1;
  return blocks;
}

}  // namespace

SelectedData::SelectedData(const SelectedCase& given, bool as_bf16, unsigned seed) : what(given) {
  shape.slots = given.blocks * given.block_size;
  shape.heads = given.heads;
  shape.groups = given.groups;
  shape.width = given.width;
  shape.block_size = given.block_size;
  shape.columns = given.columns;
  stride = given.columns + given.narrowed;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  for (std::int64_t block = 0; block < given.blocks; ++block) {
    const bool empty = uniform(random) < given.empty;
    for (int i = 0; i < given.block_size; ++i) mask.push_back(!empty && uniform(random) >= given.masked);
  }
  const auto fill = [&](std::vector<float>& values, std::int64_t per_slot, double size) {
    values.resize(at(shape.slots * per_slot * given.width));
    for (std::size_t i = 0; i < values.size(); ++i) {
      float x = static_cast<float>(size) * normal(random);
      if (as_bf16) x = rounded_to_bf16(x);
      values[i] = mask[i / at(per_slot * given.width)] ? x : std::numeric_limits<float>::quiet_NaN();
    }
  };
  fill(q, given.heads, given.size);
  fill(grad_out, given.heads, 1);
  fill(k, given.groups, 1);
  fill(v, given.groups, 1);
  for (std::int64_t row = 0; row < given.blocks * given.groups; ++row) {
    const std::vector<std::int64_t> ids = random_ids(given, random);
    selected.insert(selected.end(), ids.begin(), ids.end());
    selected.insert(selected.end(), at(given.narrowed), std::int64_t{1} << 40);  // nobody may look there
  }
}

std::int64_t SelectedData::id(std::int64_t block, std::int64_t group, int column) const {
  return selected[at((block * shape.groups + group) * stride + column)];
}

SelectedResult selected_reference(const SelectedData& data) {
  const int width = data.shape.width;
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  const std::vector<double> q = finite(data.q), k = finite(data.k), v = finite(data.v), grad = finite(data.grad_out);
  SelectedResult result;
  result.out.assign(q.size(), 0);
  result.grad_q.assign(q.size(), 0);
  result.grad_k.assign(k.size(), 0);
  result.grad_v.assign(k.size(), 0);
  result.lse.assign(q.size() / at(width), -infinity);
  for_each_row(data, q, k, [&](std::int64_t entry, const auto& keys, const auto& weights, double lse) {
    result.lse[at(entry)] = lse;
    double delta = 0;
    for (std::size_t j = 0; j < keys.size(); ++j) {
      delta += weights[j] * dot(grad, entry, v, keys[j], width);
      for (int d = 0; d < width; ++d) result.out[at(entry * width + d)] += weights[j] * v[at(keys[j] * width + d)];
    }
    for (std::size_t j = 0; j < keys.size(); ++j) {
      const double slope = scale * weights[j] * (dot(grad, entry, v, keys[j], width) - delta);
      for (int d = 0; d < width; ++d) {
        const std::size_t row = at(entry * width + d), key = at(keys[j] * width + d);
        result.grad_q[row] += slope * k[key];
        result.grad_k[key] += slope * q[row];
        result.grad_v[key] += weights[j] * grad[row];
      }
    }
  });
  return result;
}

double selected_loss(const SelectedData& data, const std::vector<double>& q, const std::vector<double>& k,
                     const std::vector<double>& v) {
  const std::vector<double> grad = finite(data.grad_out);
  double loss = 0;
  for_each_row(data, q, k, [&](std::int64_t entry, const auto& keys, const auto& weights, double) {
    for (std::size_t j = 0; j < keys.size(); ++j) loss += weights[j] * dot(grad, entry, v, keys[j], data.shape.width);
  });
  return loss;
}

std::vector<SelectedCase> selected_cases() {
  std::vector<SelectedCase> cases;
  const auto add = [&](const char* name, auto change) {
    SelectedCase one;
    one.name = name;
    change(one);
    cases.push_back(one);
  };
  using Case = SelectedCase;
  add("one block that selects itself", [](Case& c) { c.blocks = c.columns = c.heads = c.groups = 1; });
  add("S beyond the blocks", [](Case& c) { c.columns = 9; });
  add("nothing selected", [](Case& c) { c.missing = 1; });
  add("all selected", [](Case& c) { c.blocks = c.columns = 7; });
  add("few of many blocks", [](Case& c) {
    c.blocks = 600;
    c.heads = c.groups = 1;
    c.columns = 4;
    c.width = 8;
  });
  add("multi-query", [](Case& c) {
    c.blocks = 37;
    c.block_size = 32;
    c.heads = 16;
    c.groups = 1;
    c.columns = 16;
  });
  add("heads of their own", [](Case& c) {
    c.blocks = 11;
    c.block_size = 32;
    c.groups = 4;
    c.columns = 5;
  });
  add("three heads a group", [](Case& c) {
    c.blocks = 9;
    c.heads = 6;
    c.missing = 0.3;
  });
  add("five heads a group, a narrowed selection", [](Case& c) {
    c.blocks = 9;
    c.block_size = 32;
    c.heads = 5;
    c.groups = 1;
    c.columns = 2;
    c.narrowed = 3;
  });
  add("selected by everybody and by nobody", [](Case& c) {
    c.blocks = 70;
    c.columns = 4;
    c.popular = true;
  });
  add("empty blocks", [](Case& c) {
    c.blocks = 12;
    c.empty = 0.4;
  });
  add("hardly a real slot", [](Case& c) {
    c.blocks = 20;
    c.masked = 0.95;
  });
  add("everything masked", [](Case& c) { c.masked = 1; });
  add("nothing masked", [](Case& c) {
    c.blocks = 10;
    c.masked = 0;
  });
  for (const int width : {8, 32, 64})
    for (const int size : {16, 32})
      add("other widths", [&](Case& c) {
        c.name = "width " + std::to_string(width) + ", blocks of " + std::to_string(size);
        c.blocks = 13;
        c.block_size = size;
        c.width = width;
        c.columns = 5;
        c.missing = 0.1;
      });
  add("sharp", [](Case& c) {
    c.blocks = 20;
    c.columns = 8;
    c.size = 30;
  });
  return cases;
}

}  // namespace erwin::test
