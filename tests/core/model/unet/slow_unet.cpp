#include "tests/core/model/unet/slow_unet.h"

#include <cmath>

namespace erwin::test {

namespace {

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}
double silu(double x) {
  return x / (1 + std::exp(-x));
}

void add(Row& to, const Row& from) {
  for (std::size_t c = 0; c < to.size(); ++c) to[c] += from[c];
}

Row joined(std::initializer_list<Row> parts) {
  Row all;
  for (const Row& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Row minus(const Row& a, const Row& b) {
  Row difference(a.size());
  for (std::size_t c = 0; c < a.size(); ++c) difference[c] = a[c] - b[c];
  return difference;
}

double length(const Row& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

Row position_of(const ModelSample& sample, std::size_t point, std::size_t d) {
  return {sample.positions.begin() + static_cast<std::ptrdiff_t>(point * d),
          sample.positions.begin() + static_cast<std::ptrdiff_t>((point + 1) * d)};
}

}  // namespace

Row SlowUnet::linear(const std::string& name, const Row& x) const {
  const Row& w = weight(name + ".weight");
  Row y(w.size() / x.size(), 0.0);
  if (weights_.contains(name + ".bias")) y = weight(name + ".bias");
  for (std::size_t o = 0; o < y.size(); ++o)
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
  return y;
}

Row SlowUnet::layer_norm(const std::string& name, const Row& x) const {
  double mean = 0, variance = 0;
  const auto n = static_cast<double>(x.size());
  for (const double value : x) mean += value / n;
  for (const double value : x) variance += (value - mean) * (value - mean) / n;
  Row y(x.size());
  for (std::size_t c = 0; c < x.size(); ++c)
    y[c] = (x[c] - mean) / std::sqrt(variance + 1e-5) * weight(name + ".weight")[c] + weight(name + ".bias")[c];
  return y;
}

Row SlowUnet::rms_norm(const std::string& name, const Row& x) const {
  const double mean = length(x) * length(x) / static_cast<double>(x.size());
  Row y(x.size());
  for (std::size_t c = 0; c < x.size(); ++c)
    y[c] = x[c] / std::sqrt(mean + 2.220446049250313e-16) * weight(name + ".weight")[c];
  return y;
}

void SlowUnet::batch_norm(const std::string& name, std::vector<State>& states, std::size_t level, bool training) const {
  Row mean = weight(name + ".running_mean"), variance = weight(name + ".running_var");
  const auto each = [&](auto&& visit) {
    for (State& state : states)
      for (std::size_t slot = 0; slot < state.x.size(); ++slot)
        if (state.levels[level].real[slot]) visit(state.x[slot]);
  };
  if (training) {
    double count = 0;
    each([&](Row&) { ++count; });
    mean.assign(mean.size(), 0.0);
    variance.assign(mean.size(), 0.0);
    for (std::size_t c = 0; c < mean.size(); ++c) {
      each([&](Row& row) { mean[c] += row[c] / count; });
      each([&](Row& row) { variance[c] += (row[c] - mean[c]) * (row[c] - mean[c]) / count; });
    }
  }
  each([&](Row& row) {
    for (std::size_t c = 0; c < row.size(); ++c)
      row[c] =
          (row[c] - mean[c]) / std::sqrt(variance[c] + 1e-5) * weight(name + ".weight")[c] + weight(name + ".bias")[c];
  });
}

Rows SlowUnet::embed(const ModelSample& sample) const {
  const auto n = static_cast<std::size_t>(sample.points), d = static_cast<std::size_t>(config_.dimension);
  const std::size_t columns = sample.features.size() / n;
  Rows x;
  for (std::size_t point = 0; point < n; ++point) {
    Row features(sample.features.begin() + static_cast<std::ptrdiff_t>(point * columns),
                 sample.features.begin() + static_cast<std::ptrdiff_t>((point + 1) * columns));
    if (config_.wrapper) features = linear("features", features);
    x.push_back(linear("embed.embed_fn", features));
  }
  for (int step = 0; step < config_.mp_steps; ++step) {
    const std::string message = "embed.mpnn.message_fns." + std::to_string(step),
                      update = "embed.mpnn.update_fns." + std::to_string(step);
    Rows sums(n, Row(x[0].size(), 0.0));
    std::vector<double> counts(n, 0.0);
    for (std::size_t e = 0; e < sample.edge_source.size(); ++e) {
      const auto from = static_cast<std::size_t>(sample.edge_source[e]),
                 to = static_cast<std::size_t>(sample.edge_receiver[e]);
      Row m = linear(message + ".0",
                     joined({x[from], x[to], minus(position_of(sample, from, d), position_of(sample, to, d))}));
      for (double& value : m) value = gelu(value);
      add(sums[to], layer_norm(message + ".2", m));
      ++counts[to];
    }
    for (std::size_t point = 0; point < n; ++point) {
      for (double& value : sums[point]) value /= std::max(counts[point], 1.0);
      const Row change = layer_norm(update + ".1", linear(update + ".0", joined({x[point], sums[point]})));
      sums[point] = change;
    }
    for (std::size_t point = 0; point < n; ++point) add(x[point], sums[point]);
  }
  return x;
}

std::vector<SlowUnet::Level> SlowUnet::levels_of(const ModelSample& sample) const {
  const BallTree& tree = *sample.trees.main;
  const auto d = static_cast<std::size_t>(config_.dimension);
  std::vector<Level> levels(config_.unet.widths.size());
  for (std::size_t slot = 0; slot < tree.slot_point.size(); ++slot) {
    levels[0].real.push_back(tree.slot_mask[slot] != 0);
    levels[0].positions.push_back(position_of(sample, static_cast<std::size_t>(tree.slot_point[slot]), d));
  }
  for (std::size_t l = 1; l < levels.size(); ++l) {
    const auto stride = static_cast<std::size_t>(config_.unet.strides[l - 1]);
    for (std::size_t first = 0; first < levels[l - 1].real.size(); first += stride) {
      Row sum(d, 0.0);
      double real = 0;
      for (std::size_t child = first; child < first + stride; ++child)
        if (levels[l - 1].real[child]) add(sum, levels[l - 1].positions[child]), ++real;
      for (double& value : sum) value /= std::max(real, 1.0);
      levels[l].real.push_back(real > 0);
      levels[l].positions.push_back(sum);
    }
  }
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const auto ball = static_cast<std::size_t>(config_.unet.ball_sizes[l]);
    levels[l].balls.resize(levels[l].real.size() / ball);
    std::vector<std::size_t> real_slots;
    for (std::size_t slot = 0; slot < levels[l].real.size(); ++slot)
      if (levels[l].real[slot]) levels[l].balls[slot / ball].push_back(slot), real_slots.push_back(slot);
    if (sample.trees.rotated.size() <= l || !sample.trees.rotated[l]) continue;
    const BallTree& rotated = *sample.trees.rotated[l];
    levels[l].rotated_balls.resize(rotated.slot_point.size() / ball);
    for (std::size_t slot = 0; slot < rotated.slot_point.size(); ++slot) {
      if (!rotated.slot_mask[slot]) continue;
      const auto point = static_cast<std::size_t>(rotated.slot_point[slot]);
      levels[l].rotated_balls[slot / ball].push_back(l == 0 ? static_cast<std::size_t>(tree.point_slot[point])
                                                            : real_slots[point]);
    }
  }
  return levels;
}

void SlowUnet::block(const std::string& name, State& state, std::size_t level, int heads, bool rotated) const {
  const Level& at = state.levels[level];
  const std::size_t width = state.x[0].size(), H = static_cast<std::size_t>(heads), E = width / H;
  Rows changes(state.x.size(), Row(width, 0.0));
  for (const auto& ball : rotated ? at.rotated_balls : at.balls) {
    Row centre(at.positions[0].size(), 0.0);
    for (const std::size_t slot : ball) add(centre, at.positions[slot]);
    for (double& value : centre) value /= static_cast<double>(ball.size());
    Rows qkv;
    for (const std::size_t slot : ball) {
      Row u = rms_norm(name + ".norm1", state.x[slot]);
      add(u, linear(name + ".BMSA.pe_proj", minus(at.positions[slot], centre)));
      qkv.push_back(linear(name + ".BMSA.qkv", u));
    }
    const auto part = [&](std::size_t row, std::size_t h, std::size_t e, std::size_t which) {
      return qkv[row][(h * E + e) * 3 + which];
    };
    for (std::size_t i = 0; i < ball.size(); ++i) {
      Row mixed(width, 0.0);
      for (std::size_t h = 0; h < H; ++h) {
        Row weights;
        double total = 0;
        for (std::size_t j = 0; j < ball.size(); ++j) {
          double logit = 0;
          for (std::size_t e = 0; e < E; ++e)
            logit += part(i, h, e, 0) * part(j, h, e, 1) / std::sqrt(static_cast<double>(E));
          logit += weight(name + ".BMSA.sigma_att")[h] * length(minus(at.positions[ball[i]], at.positions[ball[j]]));
          weights.push_back(std::exp(logit));
          total += weights.back();
        }
        for (std::size_t j = 0; j < ball.size(); ++j)
          for (std::size_t e = 0; e < E; ++e) mixed[h * E + e] += weights[j] / total * part(j, h, e, 2);
      }
      changes[ball[i]] = linear(name + ".BMSA.proj", mixed);
    }
  }
  for (std::size_t slot = 0; slot < state.x.size(); ++slot) {
    if (!at.real[slot]) continue;
    add(state.x[slot], changes[slot]);
    const Row u = rms_norm(name + ".norm2", state.x[slot]);
    Row hidden = linear(name + ".swiglu.w2", u);
    const Row gate = linear(name + ".swiglu.w1", u);
    for (std::size_t c = 0; c < hidden.size(); ++c) hidden[c] *= silu(gate[c]);
    add(state.x[slot], linear(name + ".swiglu.w3", hidden));
  }
}

void SlowUnet::pool(const std::string& name, State& state, std::size_t level) const {
  const Level &fine = state.levels[level], &coarse = state.levels[level + 1];
  const auto stride = static_cast<std::size_t>(config_.unet.strides[level]);
  Rows parents;
  for (std::size_t parent = 0; parent < coarse.real.size(); ++parent) {
    Row features, offsets;
    for (std::size_t child = parent * stride; child < (parent + 1) * stride; ++child) {
      const bool real = fine.real[child];
      features = joined({features, real ? state.x[child] : Row(state.x[child].size(), 0.0)});
      const Row offset = minus(fine.positions[child], coarse.positions[parent]);
      offsets = joined({offsets, real ? offset : Row(offset.size(), 0.0)});
    }
    parents.push_back(linear(name + ".proj", joined({features, offsets})));
  }
  state.x = parents;
}

void SlowUnet::unpool(const std::string& name, State& state, std::size_t level) const {
  const Level &fine = state.levels[level], &coarse = state.levels[level + 1];
  const auto stride = static_cast<std::size_t>(config_.unet.strides[level]);
  Rows children = state.skips[level];
  for (std::size_t parent = 0; parent < coarse.real.size(); ++parent) {
    Row offsets;
    for (std::size_t child = parent * stride; child < (parent + 1) * stride; ++child) {
      const Row offset = minus(fine.positions[child], coarse.positions[parent]);
      offsets = joined({offsets, fine.real[child] ? offset : Row(offset.size(), 0.0)});
    }
    const Row added = linear(name + ".proj", joined({state.x[parent], offsets}));
    const std::size_t width = children[0].size();
    for (std::size_t child = 0; child < stride; ++child)
      for (std::size_t c = 0; c < width; ++c) children[parent * stride + child][c] += added[child * width + c];
  }
  state.x = children;
}

Rows SlowUnet::forward(const std::vector<const ModelSample*>& samples, bool training) const {
  const UnetConfig& unet = config_.unet;
  std::vector<State> states;
  for (const ModelSample* sample : samples) {
    State state{sample, levels_of(*sample), std::vector<Rows>(unet.widths.size()), {}};
    const Rows points = embed(*sample);
    for (const std::int32_t point : sample->trees.main->slot_point)
      state.x.push_back(points[static_cast<std::size_t>(point)]);
    states.push_back(std::move(state));
  }
  const auto blocks = [&](const std::string& name, std::size_t level, int heads, int depth) {
    for (int i = 0; i < depth; ++i)
      for (State& state : states)
        block(name + ".blocks." + std::to_string(i), state, level, heads, config_.rotate_degrees > 0 && i % 2 == 1);
  };
  const std::size_t coarsest = unet.widths.size() - 1;
  for (std::size_t l = 0; l < coarsest; ++l) {
    const std::string name = "encoder." + std::to_string(l);
    blocks(name, l, unet.encoder_heads[l], unet.encoder_depths[l]);
    for (State& state : states) state.skips[l] = state.x;
    if (unet.strides[l] == 1) continue;
    for (State& state : states) pool(name + ".pool", state, l);
    batch_norm(name + ".pool.norm", states, l + 1, training);
  }
  blocks("bottleneck", coarsest, unet.encoder_heads[coarsest], unet.encoder_depths[coarsest]);
  for (std::size_t i = 0; i < coarsest; ++i) {
    const std::size_t l = coarsest - 1 - i;
    const std::string name = "decoder." + std::to_string(i);
    for (State& state : states) unpool(name + ".unpool", state, l);
    batch_norm(name + ".unpool.norm", states, l, training);
    blocks(name, l, unet.decoder_heads[l], unet.decoder_depths[l]);
  }
  Rows result;
  for (const State& state : states)
    for (const std::int32_t slot : state.sample->trees.main->point_slot) {
      Row row = state.x[static_cast<std::size_t>(slot)];
      if (config_.wrapper) {
        row = linear("head.0", row);
        for (double& value : row) value = gelu(value);
        row = linear("head.2", row);
      }
      result.push_back(row);
    }
  return result;
}

}  // namespace erwin::test
