#include "tests/kernels/block_pool/cases.h"

#include <cmath>
#include <limits>
#include <random>

#include "tests/support/kernel_values.h"

namespace erwin::test {

namespace {

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

enum Weight { Logit, Place, First, FirstBias, Second, SecondBias };

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}
double gelu_slope(double x) {
  return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0));
}

// One half of a pair of a block and a KV head.
struct PairPass {
  const PoolData& data;
  int which;
  std::int64_t block, group, width, wide;
  std::vector<std::int64_t> slots;  // real ones
  std::vector<double> share, z, hidden, out;

  PairPass(const PoolData& given, int half, std::int64_t of_block, std::int64_t of_group)
      : data(given),
        which(half),
        block(of_block),
        group(of_group),
        width(given.shape.width),
        wide(4 * width),
        z(at(width)),
        hidden(at(wide)),
        out(at(width)) {
    for (std::int64_t i = 0; i < data.shape.block_size; ++i)
      if (data.mask[at(block * data.shape.block_size + i)]) slots.push_back(block * data.shape.block_size + i);
    pool();
    for (std::int64_t u = 0; u < wide; ++u) {
      hidden[at(u)] = weights()[FirstBias][at(u)];
      for (std::int64_t d = 0; d < width; ++d) hidden[at(u)] += weights()[First][at(u * width + d)] * z[at(d)];
    }
    for (std::int64_t d = 0; d < width; ++d) {
      out[at(d)] = z[at(d)] + weights()[SecondBias][at(d)];
      for (std::int64_t u = 0; u < wide; ++u) out[at(d)] += weights()[Second][at(d * wide + u)] * gelu(hidden[at(u)]);
    }
  }

  const PoolWeights& weights() const { return data.weights[which]; }
  const std::vector<double>& rows() const { return which == 0 ? data.k : data.v; }
  std::size_t row(std::int64_t slot, std::int64_t d) const {
    return at((slot * data.shape.groups + group) * width + d);
  }
  std::size_t entry(std::int64_t d) const { return at((block * data.shape.groups + group) * width + d); }
  std::size_t place(std::int64_t slot, std::int64_t c) const { return at(slot * data.shape.dimension + c); }

  void pool() {
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const std::int64_t slot : slots) {
      double logit = 0;
      for (std::int64_t d = 0; d < width; ++d) logit += data.k[row(slot, d)] * weights()[Logit][at(group * width + d)];
      for (std::int64_t c = 0; c < data.shape.dimension; ++c)
        logit += data.relative[place(slot, c)] * weights()[Place][at(group * data.shape.dimension + c)];
      share.push_back(logit);
      most = std::max(most, logit);
    }
    for (double& x : share) sum += x = std::exp(x - most);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      share[i] /= sum;
      for (std::int64_t d = 0; d < width; ++d) z[at(d)] += share[i] * rows()[row(slots[i], d)];
    }
  }

  void add_gradients(PoolResult& result) const {
    PoolWeights& grad = result.grad_weights[which];
    std::vector<double> grad_z(at(width));
    const std::vector<double>& grad_out = data.grad_out[which];
    for (std::int64_t d = 0; d < width; ++d) grad[SecondBias][at(d)] += grad_z[at(d)] = grad_out[entry(d)];
    for (std::int64_t u = 0; u < wide; ++u) {
      double slope = 0;
      for (std::int64_t d = 0; d < width; ++d) {
        grad[Second][at(d * wide + u)] += grad_out[entry(d)] * gelu(hidden[at(u)]);
        slope += grad_out[entry(d)] * weights()[Second][at(d * wide + u)];
      }
      slope *= gelu_slope(hidden[at(u)]);
      grad[FirstBias][at(u)] += slope;
      for (std::int64_t d = 0; d < width; ++d) {
        grad[First][at(u * width + d)] += slope * z[at(d)];
        grad_z[at(d)] += slope * weights()[First][at(u * width + d)];
      }
    }
    add_slot_gradients(grad_z, result);
  }

  void add_slot_gradients(const std::vector<double>& grad_z, PoolResult& result) const {
    PoolWeights& grad = result.grad_weights[which];
    std::vector<double>& grad_rows = which == 0 ? result.grad_k : result.grad_v;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const std::int64_t slot = slots[i];
      double slope = 0;
      for (std::int64_t d = 0; d < width; ++d) slope += grad_z[at(d)] * (rows()[row(slot, d)] - z[at(d)]);
      slope *= share[i];
      for (std::int64_t d = 0; d < width; ++d) {
        grad_rows[row(slot, d)] += share[i] * grad_z[at(d)];
        result.grad_k[row(slot, d)] += slope * weights()[Logit][at(group * width + d)];
        grad[Logit][at(group * width + d)] += slope * data.k[row(slot, d)];
      }
      for (std::int64_t c = 0; c < data.shape.dimension; ++c)
        grad[Place][at(group * data.shape.dimension + c)] += slope * data.relative[place(slot, c)];
    }
  }
};

template <typename Body>
void for_each_pass(const PoolData& data, const Body& body) {
  for (int which = 0; which < 2; ++which)
    for (std::int64_t block = 0; block < data.shape.blocks; ++block)
      for (std::int64_t group = 0; data.real[at(block)] && group < data.shape.groups; ++group)
        body(PairPass(data, which, block, group));
}

}  // namespace

PoolData::PoolData(const PoolCase& given, bool as_bf16, unsigned seed) {
  shape = {given.blocks, given.block_size, given.groups, given.width, given.dimension};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto fill = [&](std::vector<double>& values, std::int64_t count, double size, bool narrow) {
    values.resize(at(count));
    for (double& x : values) {
      const float drawn = static_cast<float>(size) * normal(random);
      x = static_cast<double>(narrow ? rounded_to_bf16(drawn) : drawn);
    }
  };
  const std::int64_t slots = given.blocks * given.block_size, width = given.width, groups = given.groups;
  fill(k, slots * groups * width, 1, as_bf16);
  fill(v, slots * groups * width, 1, as_bf16);
  fill(relative, slots * given.dimension, 0.5, false);
  for (int which = 0; which < 2; ++which) {
    fill(weights[which][Logit], groups * width, given.size, as_bf16);
    fill(weights[which][Place], groups * given.dimension, 3 * given.size, as_bf16);
    fill(weights[which][First], 4 * width * width, 1 / std::sqrt(static_cast<double>(width)), as_bf16);
    fill(weights[which][FirstBias], 4 * width, 0.5, as_bf16);
    fill(weights[which][Second], 4 * width * width, 0.5 / std::sqrt(static_cast<double>(width)), as_bf16);
    fill(weights[which][SecondBias], width, 0.5, as_bf16);
    fill(grad_out[which], given.blocks * groups * width, 1, as_bf16);
  }
  mask.assign(at(slots), 0);
  real.assign(at(given.blocks), 0);
  for (std::int64_t block = 0; block < given.blocks; ++block) {
    if (uniform(random) < given.empty) continue;
    const auto kept = static_cast<std::int64_t>(uniform(random) * given.block_size);
    for (std::int64_t i = 0; i < given.block_size; ++i)
      mask[at(block * given.block_size + i)] = i == kept || (!given.one_slot && uniform(random) >= given.padding);
    real[at(block)] = 1;
  }
  const auto spoil = [](std::vector<double>& values, const std::vector<std::uint8_t>& good) {
    const std::size_t each = good.empty() ? 1 : values.size() / good.size();
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!good[i / each]) values[i] = std::numeric_limits<double>::quiet_NaN();
  };
  for (std::vector<double>* values : {&k, &v, &relative}) spoil(*values, mask);
  for (std::vector<double>& values : grad_out) spoil(values, real);
}

PoolResult pool_reference(const PoolData& data) {
  PoolResult result;
  result.grad_k.assign(data.k.size(), 0);
  result.grad_v.assign(data.v.size(), 0);
  for (int which = 0; which < 2; ++which) {
    result.out[which].assign(data.grad_out[which].size(), 0);
    for (std::size_t i = 0; i < data.weights[which].size(); ++i)
      result.grad_weights[which][i].assign(data.weights[which][i].size(), 0);
  }
  for_each_pass(data, [&](const PairPass& pass) {
    for (std::int64_t d = 0; d < pass.width; ++d) result.out[pass.which][pass.entry(d)] = pass.out[at(d)];
    pass.add_gradients(result);
  });
  return result;
}

double pool_loss(const PoolData& data) {
  double loss = 0;
  for_each_pass(data, [&](const PairPass& pass) {
    for (std::int64_t d = 0; d < pass.width; ++d) loss += pass.out[at(d)] * data.grad_out[pass.which][pass.entry(d)];
  });
  return loss;
}

std::vector<PoolCase> pool_cases() {
  std::vector<PoolCase> cases;
  const auto add = [&](const char* name, const auto& change) {
    PoolCase made;
    made.name = name;
    change(made);
    cases.push_back(made);
  };
  add("one block", [](PoolCase& c) { c.blocks = 1, c.groups = 1, c.empty = 0; });
  add("nothing but padding", [](PoolCase& c) { c.empty = 1; });
  add("one real slot a block", [](PoolCase& c) { c.one_slot = true; });
  add("no padding", [](PoolCase& c) { c.blocks = 40, c.groups = 1, c.padding = c.empty = 0; });
  add("three heads, odd tiles", [](PoolCase& c) { c.blocks = 37, c.groups = 3; });
  add("blocks of 16", [](PoolCase& c) { c.blocks = 21, c.block_size = 16; });
  add("width 8", [](PoolCase& c) { c.blocks = 19, c.width = 8; });
  add("width 8, blocks of 16", [](PoolCase& c) { c.blocks = 19, c.width = 8, c.block_size = 16; });
  add("width 32", [](PoolCase& c) { c.blocks = 19, c.width = 32; });
  add("width 32, blocks of 16", [](PoolCase& c) { c.blocks = 11, c.width = 32, c.block_size = 16; });
  add("width 64", [](PoolCase& c) { c.blocks = 9, c.width = 64; });
  add("width 64, blocks of 16", [](PoolCase& c) { c.blocks = 9, c.width = 64, c.block_size = 16; });
  add("in the plane", [](PoolCase& c) { c.blocks = 9, c.dimension = 2; });
  add("sharp", [](PoolCase& c) { c.blocks = 20, c.size = 8; });
  add("many blocks", [](PoolCase& c) { c.blocks = 3000, c.groups = 1; });
  return cases;
}

}  // namespace erwin::test
