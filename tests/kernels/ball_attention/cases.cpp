#include "tests/kernels/ball_attention/cases.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <random>

namespace erwin::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

double dot(const double* a, const double* b, int width) {
  double sum = 0;
  for (int d = 0; d < width; ++d) sum += a[d] * b[d];
  return sum;
}

}  // namespace

std::size_t BallData::query_values() const {
  return at(shape.slots * shape.heads * shape.width);
}
std::size_t BallData::key_values() const {
  return at(shape.slots * shape.groups * shape.width);
}

BallData::BallData(const BallCase& given, bool as_bf16, unsigned seed) : what(given), as_bf16_(as_bf16) {
  shape.slots = given.balls * given.ball_size;
  shape.ball_size = given.ball_size;
  shape.heads = given.heads;
  shape.groups = given.groups;
  shape.width = given.width;
  shape.dimension = given.dimension;
  const std::int64_t gap = given.apart ? 24 : 0, per_row = given.heads * given.width;
  q_stride = per_row + gap;
  key_stride = given.groups * given.width + gap;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto fill = [&](std::vector<float>& values, std::int64_t count, double size, bool rounded) {
    values.resize(at(count));
    for (float& x : values) {
      x = static_cast<float>(size) * normal(random);
      if (rounded) x = rounded_to_bf16(x);
    }
  };
  const std::int64_t columns = (given.heads + 2 * given.groups) * given.width;
  fill(q, shape.slots * q_stride, given.size, as_bf16);
  fill(k, shape.slots * key_stride, 1, as_bf16);
  fill(v, shape.slots * key_stride, 1, as_bf16);
  fill(grad_out, shape.slots * per_row, 1, as_bf16);
  fill(positions, shape.slots * given.dimension, 1, false);
  fill(sigma, given.heads, 1, false);
  fill(relative, shape.slots * given.dimension, 1, false);
  fill(matrix, columns * given.dimension, 0.5, false);
  fill(offset, columns, 0.5, false);
  mask.resize(at(shape.slots));
  for (auto& x : mask) x = uniform(random) >= given.masked;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto spoil = [&](std::vector<float>& values, std::int64_t stride, std::int64_t used) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(values.size()); ++i)
      if (!mask[at(i / stride)] || i % stride >= used) values[at(i)] = nan;
  };
  spoil(q, q_stride, per_row);
  spoil(k, key_stride, key_stride - gap);
  spoil(v, key_stride, key_stride - gap);
  spoil(grad_out, per_row, per_row);
  spoil(positions, given.dimension, given.dimension);
  spoil(relative, given.dimension, given.dimension);
}

// One ball after the other, one row after the other.
struct BallReference {
  const BallData& data;
  BallResult& result;

  // Row of q, k or v of a slot and one of its heads, of the H + 2G heads; updated where the problem says so.
  std::vector<double> row(const std::vector<float>& rows, std::int64_t stride, std::int64_t slot, std::int64_t head,
                          std::int64_t column) const {
    const kernels::BallShape& shape = data.shape;
    std::vector<double> values(at(shape.width));
    for (std::int64_t d = 0; d < shape.width; ++d) {
      double& x = values[at(d)];
      x = static_cast<double>(rows[at(slot * stride + head * shape.width + d)]);
      if (!data.what.update) continue;
      const std::int64_t c = column * shape.width + d;
      x += static_cast<double>(data.offset[at(c)]);
      for (std::int64_t a = 0; a < shape.dimension; ++a)
        x += static_cast<double>(data.matrix[at(c * shape.dimension + a)]) *
             static_cast<double>(data.relative[at(slot * shape.dimension + a)]);
      if (data.as_bf16_) x = static_cast<double>(rounded_to_bf16(static_cast<float>(x)));
    }
    return values;
  }

  double distance(std::int64_t i, std::int64_t j) const {
    double square = 0;
    for (std::int64_t a = 0; a < data.shape.dimension; ++a) {
      const double step = static_cast<double>(data.positions[at(i * data.shape.dimension + a)]) -
                          static_cast<double>(data.positions[at(j * data.shape.dimension + a)]);
      square += step * step;
    }
    return std::sqrt(square);
  }

  void head_of_ball(std::int64_t ball, std::int64_t head) {
    const kernels::BallShape& shape = data.shape;
    const int width = shape.width;
    const std::int64_t group = head / shape.heads_per_group();
    const double scale = 1 / std::sqrt(static_cast<double>(width));
    const double slope = data.what.sigma ? static_cast<double>(data.sigma[at(head)]) : 0.0;
    std::vector<std::int64_t> slots;
    std::vector<std::vector<double>> k, v;
    for (std::int64_t j = ball * shape.ball_size; j < (ball + 1) * shape.ball_size; ++j) {
      if (!data.mask[at(j)]) continue;
      slots.push_back(j);
      k.push_back(row(data.k, data.key_stride, j, group, shape.heads + group));
      v.push_back(row(data.v, data.key_stride, j, group, shape.heads + shape.groups + group));
    }
    for (const std::int64_t i : slots) {
      const std::vector<double> q = row(data.q, data.q_stride, i, head, head);
      const std::int64_t entry = i * shape.heads + head;
      std::vector<double> grad(at(width)), weights, distances;
      for (int d = 0; d < width; ++d) grad[at(d)] = static_cast<double>(data.grad_out[at(entry * width + d)]);
      double most = -infinity, sum = 0, delta = 0;
      for (std::size_t j = 0; j < slots.size(); ++j) {
        distances.push_back(data.what.sigma ? distance(i, slots[j]) : 0.0);
        weights.push_back(scale * dot(q.data(), k[j].data(), width) + slope * distances[j]);
        most = std::max(most, weights[j]);
      }
      for (double& weight : weights) sum += weight = std::exp(weight - most);
      result.lse[at(entry)] = most + std::log(sum);
      for (std::size_t j = 0; j < slots.size(); ++j) {
        weights[j] /= sum;
        delta += weights[j] * dot(grad.data(), v[j].data(), width);
        for (int d = 0; d < width; ++d) result.out[at(entry * width + d)] += weights[j] * v[j][at(d)];
      }
      for (std::size_t j = 0; j < slots.size(); ++j) {
        const double ds = weights[j] * (dot(grad.data(), v[j].data(), width) - delta);
        const std::int64_t key = (slots[j] * shape.groups + group) * width;
        for (int d = 0; d < width; ++d) {
          result.grad_q[at(entry * width + d)] += scale * ds * k[j][at(d)];
          result.grad_k[at(key + d)] += scale * ds * q[at(d)];
          result.grad_v[at(key + d)] += weights[j] * grad[at(d)];
        }
        if (!data.what.sigma) continue;
        result.grad_sigma[at(head)] += ds * distances[j];
        result.sigma_terms[at(head)] += std::abs(ds * distances[j]);
      }
    }
  }
};

BallResult ball_reference(const BallData& data) {
  BallResult result;
  result.out.assign(data.query_values(), 0);
  result.lse.assign(at(data.shape.slots * data.shape.heads), -infinity);
  result.grad_q.assign(data.query_values(), 0);
  result.grad_k.assign(data.key_values(), 0);
  result.grad_v.assign(data.key_values(), 0);
  if (data.what.sigma) {
    result.grad_sigma.assign(at(data.shape.heads), 0);
    result.sigma_terms.assign(at(data.shape.heads), 0);
  }
  BallReference reference{data, result};
  for (std::int64_t ball = 0; ball < data.what.balls; ++ball)
    for (std::int64_t head = 0; head < data.shape.heads; ++head) reference.head_of_ball(ball, head);
  return result;
}

testing::AssertionResult close_sigma(const std::vector<double>& value, const BallResult& expected, double tolerance) {
  if (value.size() != expected.grad_sigma.size()) return testing::AssertionFailure() << "grad sigma: size";
  for (std::size_t h = 0; h < value.size(); ++h) {
    const double error = std::abs(value[h] - expected.grad_sigma[h]), terms = expected.sigma_terms[h];
    std::cout << "    grad sigma " << (terms > 0 ? error / terms : error) << "\n";
    if (!(error <= tolerance * terms))
      return testing::AssertionFailure() << "grad sigma of head " << h << ": error " << error << ", terms " << terms;
  }
  return testing::AssertionSuccess();
}

std::vector<BallCase> ball_cases() {
  return {
      {"one ball of 16", 1, 16, 1, 1, 16, 3, true, false, false, 0, 1},
      {"many balls of 16", 21, 16, 2, 2, 16, 3, true, false, false, 0.3, 1},
      {"nothing real", 3, 32, 2, 1, 16, 3, true, true, false, 1, 1},
      {"few real", 5, 64, 4, 4, 16, 3, true, true, false, 0.97, 1},
      {"balls of 32", 7, 32, 4, 2, 16, 3, true, false, false, 0.2, 1},
      {"multi-query", 5, 64, 16, 1, 16, 3, true, true, false, 0.2, 1},
      {"all heads their own", 2, 128, 4, 4, 32, 3, true, false, true, 0.2, 1},
      {"all heads their own, updated", 3, 128, 4, 4, 32, 3, true, true, true, 0.2, 1},
      {"odd heads", 2, 128, 3, 3, 16, 3, true, true, false, 0.2, 1},
      {"three heads a group", 2, 64, 6, 2, 16, 3, true, true, false, 0.2, 1},
      {"four heads a group", 2, 64, 8, 2, 32, 3, true, true, false, 0.2, 1},
      {"plane", 3, 64, 4, 4, 16, 2, true, true, false, 0.2, 1},
      {"no distances", 3, 64, 4, 2, 16, 3, false, false, false, 0.2, 1},
      {"no distances, updated", 3, 64, 2, 2, 16, 2, false, true, true, 0.2, 1},
      {"width 8", 9, 32, 8, 2, 8, 3, true, true, false, 0.2, 1},
      {"width 8, all heads their own", 3, 64, 8, 8, 8, 2, true, true, true, 0.2, 1},
      {"width 64", 2, 128, 4, 1, 64, 3, true, true, false, 0.2, 1},
      {"width 64, all heads their own", 5, 16, 2, 2, 64, 3, true, false, true, 0.2, 1},
      {"sharp", 2, 128, 4, 2, 16, 3, true, false, false, 0.1, 30},
      {"balls of 256", 2, 256, 4, 4, 32, 3, true, true, false, 0.1, 1},
      {"balls of 512", 1, 512, 4, 1, 16, 3, true, true, false, 0.1, 1},
      {"balls of 1024", 2, 1024, 2, 2, 16, 3, true, false, false, 0.1, 1},
  };
}

}  // namespace erwin::test
