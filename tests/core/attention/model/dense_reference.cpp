#include "tests/core/attention/model/dense_reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace erwin::test {

namespace {

std::vector<double> linear(const Matrix& weight, const std::vector<double>* bias, const std::vector<double>& x) {
  std::vector<double> y;
  for (std::size_t o = 0; o < weight.size(); ++o) {
    double sum = bias ? (*bias)[o] : 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += weight[o][i] * x[i];
    y.push_back(sum);
  }
  return y;
}

Matrix rms_norm(const Matrix& rows, const std::vector<double>& weight) {
  Matrix result = rows;
  for (auto& row : result) {
    double square = 0;
    for (const double x : row) square += x * x;
    const double scale =
        1 / std::sqrt(square / static_cast<double>(row.size()) + std::numeric_limits<double>::epsilon());
    for (std::size_t c = 0; c < row.size(); ++c) row[c] *= scale * weight[c];
  }
  return result;
}

double distance(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

std::array<double, 3> mean_position(const Rows& rows, const std::vector<std::size_t>& of) {
  std::array<double, 3> mean{};
  for (const std::size_t r : of)
    for (std::size_t axis = 0; axis < 3; ++axis) mean[axis] += rows.position[r][axis] / static_cast<double>(of.size());
  return mean;
}

// Rows in each group of `size` slots, in slot order.
std::vector<std::vector<std::size_t>> groups_of(const Rows& rows, int size) {
  std::vector<std::vector<std::size_t>> groups(static_cast<std::size_t>(rows.slots / size));
  for (std::size_t r = 0; r < rows.slot.size(); ++r) groups[static_cast<std::size_t>(rows.slot[r] / size)].push_back(r);
  for (auto& group : groups)
    std::sort(group.begin(), group.end(), [&](auto a, auto b) { return rows.slot[a] < rows.slot[b]; });
  return groups;
}

// u + Wpos (p - mean of the ball) + bpos.
Matrix with_position(const Rows& rows, const Matrix& u, const Matrix& weight, const std::vector<double>& bias,
                     int ball) {
  Matrix result = u;
  for (const auto& group : groups_of(rows, ball)) {
    const auto centre = mean_position(rows, group);
    for (const std::size_t r : group) {
      const std::vector<double> offset{rows.position[r][0] - centre[0], rows.position[r][1] - centre[1],
                                       rows.position[r][2] - centre[2]};
      const std::vector<double> shift = linear(weight, &bias, offset);
      for (std::size_t c = 0; c < shift.size(); ++c) result[r][c] += shift[c];
    }
  }
  return result;
}

std::vector<double> part(const std::vector<double>& row, int begin, int count) {
  return {row.begin() + begin, row.begin() + begin + count};
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t e = 0; e < a.size(); ++e) sum += a[e] * b[e];
  return sum;
}

std::vector<double> softmax(const std::vector<double>& logits) {
  double sum = 0;
  for (const double l : logits) sum += std::exp(l);
  std::vector<double> row;
  for (const double l : logits) row.push_back(sum > 0 ? std::exp(l) / sum : 0);
  return row;
}

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

// K_j of every block for one KV head, phi = pool or mean; empty blocks give an empty row.
Matrix block_keys(const WeightTable& weights, const std::string& name, const Rows& rows, const Matrix& keys, int group,
                  const NsaShape& shape) {
  Matrix result;
  for (const auto& members : groups_of(rows, shape.block)) {
    if (members.empty()) {
      result.emplace_back();
      continue;
    }
    const auto width = static_cast<std::size_t>(shape.head_dim);
    std::vector<double> z(width);
    if (!shape.pool) {
      for (const std::size_t r : members)
        for (std::size_t e = 0; e < width; ++e) z[e] += keys[r][e] / static_cast<double>(members.size());
      result.push_back(z);
      continue;
    }
    const auto centre = mean_position(rows, members);
    double radius = 0;
    for (const std::size_t r : members) radius = std::max(radius, distance(rows.position[r], centre));
    const std::string phi = name + ".attention.compress_k.";
    std::vector<double> logits;
    for (const std::size_t r : members) {
      double logit = dot(keys[r], weights.matrix(phi + "logit")[static_cast<std::size_t>(group)]);
      for (std::size_t axis = 0; axis < 3 && radius > 0; ++axis)
        logit += (rows.position[r][axis] - centre[axis]) / radius *
                 weights.matrix(phi + "position")[static_cast<std::size_t>(group)][axis];
      logits.push_back(logit);
    }
    const std::vector<double> a = softmax(logits);
    for (std::size_t m = 0; m < members.size(); ++m)
      for (std::size_t e = 0; e < width; ++e) z[e] += a[m] * keys[members[m]][e];
    std::vector<double> hidden = linear(weights.matrix(phi + "0.weight"), &weights.vector(phi + "0.bias"), z);
    for (double& h : hidden) h = gelu(h);
    const std::vector<double> change =
        linear(weights.matrix(phi + "2.weight"), &weights.vector(phi + "2.bias"), hidden);
    for (std::size_t e = 0; e < width; ++e) z[e] += change[e];
    result.push_back(z);
  }
  return result;
}

// The S best blocks per query block of one KV head: mean over its real queries and heads of q.K, own ball excluded.
std::vector<std::vector<int>> select(const Rows& rows, const std::vector<Matrix>& queries, const Matrix& keys,
                                     const NsaShape& shape) {
  const auto blocks = groups_of(rows, shape.block);
  std::vector<std::vector<int>> result;
  for (std::size_t own = 0; own < blocks.size(); ++own) {
    std::vector<std::pair<double, int>> scored;
    for (std::size_t other = 0; other < blocks.size(); ++other) {
      if (keys[other].empty() || blocks[own].empty() ||
          static_cast<int>(other) * shape.block / shape.ball == static_cast<int>(own) * shape.block / shape.ball)
        continue;
      double score = 0;
      for (const Matrix& head : queries)
        for (const std::size_t r : blocks[own]) score += dot(head[r], keys[other]);
      scored.emplace_back(-score, static_cast<int>(other));
    }
    std::sort(scored.begin(), scored.end());
    result.emplace_back();
    for (std::size_t s = 0; s < scored.size() && s < static_cast<std::size_t>(shape.chosen); ++s)
      result.back().push_back(scored[s].second);
  }
  return result;
}

// softmax over the rows j that `sees(i, j)`, of q.k / sqrt(D) + sigma |p_i - p_j|.
template <typename Sees>
Matrix attention_table(const Rows& rows, const Matrix& q, const Matrix& k, double sigma, const Sees& sees) {
  Matrix table;
  for (std::size_t i = 0; i < q.size(); ++i) {
    std::vector<double> logits;
    for (std::size_t j = 0; j < q.size(); ++j)
      logits.push_back(sees(i, j) ? dot(q[i], k[j]) / std::sqrt(static_cast<double>(q[i].size())) +
                                        sigma * distance(rows.position[i], rows.position[j])
                                  : -std::numeric_limits<double>::infinity());
    table.push_back(softmax(logits));
  }
  return table;
}

void fill_compressed(const Rows& rows, const Matrix& q, const Matrix& keys, const std::vector<double>& memory,
                     const NsaShape& shape, HeadTables& tables) {
  const auto blocks = groups_of(rows, shape.block);
  for (std::size_t i = 0; i < q.size(); ++i) {
    std::vector<double> query = q[i];
    if (shape.query_per_block) {
      const auto& members = blocks[static_cast<std::size_t>(rows.slot[i] / shape.block)];
      std::fill(query.begin(), query.end(), 0.0);
      for (const std::size_t r : members)
        for (std::size_t e = 0; e < query.size(); ++e) query[e] += q[r][e] / static_cast<double>(members.size());
    }
    std::vector<double> logits{dot(query, memory) / std::sqrt(static_cast<double>(query.size()))};
    for (const auto& key : keys)
      logits.push_back(key.empty() ? -std::numeric_limits<double>::infinity()
                                   : dot(query, key) / std::sqrt(static_cast<double>(query.size())));
    std::vector<double> row = softmax(logits);
    tables.memory.push_back(row.front());
    tables.compressed.emplace_back(row.begin() + 1, row.end());
  }
}

Matrix columns(const Matrix& rows, int begin, int count) {
  Matrix result;
  for (const auto& row : rows) result.push_back(part(row, begin, count));
  return result;
}

Matrix projected(const Matrix& rows, const Matrix& weight, const std::vector<double>* bias = nullptr) {
  Matrix result;
  for (const auto& row : rows) result.push_back(linear(weight, bias, row));
  return result;
}

}  // namespace

WeightTable::WeightTable(const Weights& weights) {
  for (const WeightArray& array : weights) {
    if (array.type != ElementType::Float64) continue;
    std::vector<double> values(array.data.size() / sizeof(double));
    std::memcpy(values.data(), array.data.data(), array.data.size());
    const std::size_t width = array.shape.size() < 2 ? values.size() : static_cast<std::size_t>(array.shape.back());
    Matrix& matrix = matrices_[array.name];
    for (std::size_t begin = 0; begin < values.size(); begin += width)
      matrix.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(begin),
                          values.begin() + static_cast<std::ptrdiff_t>(begin + width));
  }
}

const Matrix& WeightTable::matrix(const std::string& name) const {
  const auto found = matrices_.find(name);
  if (found == matrices_.end()) throw std::out_of_range("no weight " + name);
  return found->second;
}

const std::vector<double>& WeightTable::vector(const std::string& name) const {
  return matrix(name).at(0);
}

NsaTables nsa_tables(const WeightTable& weights, const std::string& name, const Rows& rows, const NsaShape& shape) {
  const std::string attention = name + ".attention.";
  const int width = shape.head_dim, h_all = shape.heads * width;
  const Matrix u = rms_norm(rows.input, weights.vector(name + ".norm1.weight"));
  const Matrix plain = projected(u, weights.matrix(attention + "qkv"));
  const Matrix near = projected(with_position(rows, u, weights.matrix(attention + "pos.weight"),
                                              weights.vector(attention + "pos.bias"), shape.ball),
                                weights.matrix(attention + "qkv"));
  const Matrix gates =
      projected(u, weights.matrix(attention + "gate.weight"), &weights.vector(attention + "gate.bias"));
  NsaTables tables;
  tables.selected.resize(static_cast<std::size_t>(rows.slots / shape.block));
  for (int group = 0; group < shape.kv_heads; ++group) {
    const Matrix k = columns(plain, h_all + group * width, width), near_k = columns(near, h_all + group * width, width);
    const Matrix keys = block_keys(weights, name, rows, k, group, shape);
    const int first = group * shape.heads / shape.kv_heads, last = (group + 1) * shape.heads / shape.kv_heads;
    std::vector<Matrix> queries;
    for (int head = first; head < last; ++head) queries.push_back(columns(plain, head * width, width));
    const auto chosen = select(rows, queries, keys, shape);
    for (std::size_t block = 0; block < chosen.size(); ++block) tables.selected[block].push_back(chosen[block]);
    for (int head = first; head < last; ++head) {
      HeadTables one;
      const Matrix& q = queries[static_cast<std::size_t>(head - first)];
      const auto same_ball = [&](std::size_t i, std::size_t j) {
        return rows.slot[i] / shape.ball == rows.slot[j] / shape.ball;
      };
      const auto in_selected = [&](std::size_t i, std::size_t j) {
        const auto& list = chosen[static_cast<std::size_t>(rows.slot[i] / shape.block)];
        return std::find(list.begin(), list.end(), rows.slot[j] / shape.block) != list.end();
      };
      one.local = attention_table(rows, columns(near, head * width, width), near_k,
                                  weights.vector(attention + "sigma")[static_cast<std::size_t>(head)], same_ball);
      one.selected = attention_table(rows, q, k, 0, in_selected);
      one.exact = attention_table(rows, q, k, 0, [](std::size_t, std::size_t) { return true; });
      fill_compressed(rows, q, keys, weights.matrix(attention + "memory_k")[static_cast<std::size_t>(group)], shape,
                      one);
      for (int branch = 0; branch < 3; ++branch)
        for (const auto& gate : gates)
          one.gate[static_cast<std::size_t>(branch)].push_back(
              1 / (1 + std::exp(-gate[static_cast<std::size_t>(branch * shape.heads + head)])));
      tables.heads.push_back(std::move(one));
    }
  }
  return tables;
}

std::vector<HeadTables> ball_tables(const WeightTable& weights, const std::string& name, const Rows& rows, int heads,
                                    int ball) {
  const std::string attention = name + ".BMSA.";
  const Matrix u = rms_norm(rows.input, weights.vector(name + ".norm1.weight"));
  const Matrix qkv = projected(with_position(rows, u, weights.matrix(attention + "pe_proj.weight"),
                                             weights.vector(attention + "pe_proj.bias"), ball),
                               weights.matrix(attention + "qkv.weight"), &weights.vector(attention + "qkv.bias"));
  const int width = static_cast<int>(u.front().size()) / heads;
  std::vector<HeadTables> tables;
  for (int head = 0; head < heads; ++head) {
    // Outputs lie as (head, E, q k v), the last fastest.
    Matrix q(qkv.size()), k(qkv.size());
    for (std::size_t r = 0; r < qkv.size(); ++r)
      for (int e = 0; e < width; ++e) {
        q[r].push_back(qkv[r][static_cast<std::size_t>((head * width + e) * 3)]);
        k[r].push_back(qkv[r][static_cast<std::size_t>((head * width + e) * 3 + 1)]);
      }
    HeadTables one;
    one.local =
        attention_table(rows, q, k, weights.matrix(attention + "sigma_att")[static_cast<std::size_t>(head)][0],
                        [&](std::size_t i, std::size_t j) { return rows.slot[i] / ball == rows.slot[j] / ball; });
    tables.push_back(std::move(one));
  }
  return tables;
}

}  // namespace erwin::test
