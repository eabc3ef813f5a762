#include "tests/core/model/attention/reference.h"

#include <algorithm>
#include <cmath>

namespace erwin::model::test {

at::Tensor dense_softmax(const at::Tensor& logits, const at::Tensor& allowed, const at::Tensor& v) {
  const at::Tensor some = allowed.any(-1, true);
  const at::Tensor masked =
      logits.masked_fill(allowed.logical_not().logical_and(some), -std::numeric_limits<double>::infinity());
  return at::einsum("hij,jhd->ihd", {at::softmax(masked, -1) * some, v});
}

namespace {

// One sample of the batch.
class SampleReference {
public:
  SampleReference(const Layer& layer, const at::Tensor& u, const at::Tensor& positions, const at::Tensor& mask)
      : layer_(layer),
        config_(layer.config),
        u_(u),
        positions_(positions),
        mask_(mask),
        n_(u.size(0)),
        scale_(1.0 / std::sqrt(static_cast<double>(config_.head_dim))) {
    auto [q, k, v] = project(u);
    q_ = q, k_ = k, v_ = v;
    for (std::int64_t b = 0; b < n_ / config_.block_size; ++b) {
      std::vector<std::int64_t> real;
      for (std::int64_t i = b * config_.block_size; i < (b + 1) * config_.block_size; ++i)
        if (mask[i].item<bool>()) real.push_back(i);
      blocks_.push_back(real);
    }
  }

  at::Tensor local() const {
    at::Tensor relative = at::zeros_like(positions_);
    for (std::int64_t b = 0; b < n_ / config_.ball_size; ++b) {
      const at::Tensor p = positions_.narrow(0, b * config_.ball_size, config_.ball_size);
      const at::Tensor real = mask_.narrow(0, b * config_.ball_size, config_.ball_size);
      if (!real.any().item<bool>()) continue;
      relative.narrow(0, b * config_.ball_size, config_.ball_size).copy_(p - p.index({real}).mean(0));
    }
    const at::Tensor moved = u_ + at::matmul(relative, w("pos.weight").t()) + w("pos.bias");
    const auto [q, k, v] = project(moved);
    const at::Tensor distance = (positions_.unsqueeze(1) - positions_.unsqueeze(0)).square().sum(2).sqrt();
    const at::Tensor logits =
        scale_ * at::einsum("ihd,jhd->hij", {q, heads(k)}) + w("sigma").view({-1, 1, 1}) * distance;
    const at::Tensor ball = at::arange(n_).div(config_.ball_size, "floor");
    const at::Tensor allowed = (ball.unsqueeze(1) == ball.unsqueeze(0)).logical_and(mask_.unsqueeze(0));
    return dense_softmax(logits, allowed, heads(v)) * mask_.view({-1, 1, 1});
  }

  at::Tensor compressed() {
    std::vector<at::Tensor> keys{w("memory_k")}, values{w("memory_v")};
    for (std::int64_t b = 0; b < static_cast<std::int64_t>(blocks_.size()); ++b) {
      if (blocks_[static_cast<std::size_t>(b)].empty()) continue;
      real_blocks_.push_back(b);
      keys.push_back(summary(b, k_, "compress_k."));
      values.push_back(summary(b, v_, "compress_v."));
    }
    at::Tensor q = q_;
    if (config_.compressed_query == CompressedQuery::Block) {
      q = q_.clone();
      for (const auto& real : blocks_) {
        if (real.empty()) continue;
        const at::Tensor mean = q_.index({at::tensor(real)}).mean(0, true);
        q = q.index_put({at::tensor(real)}, mean.expand({static_cast<std::int64_t>(real.size()), -1, -1}));
      }
    }
    const at::Tensor k = heads(at::stack(keys)), v = heads(at::stack(values));
    // Scores are of the queries themselves, whoever asks the compressed branch.
    raw_ = scale_ * at::einsum("ihd,jhd->hij", {q_, k}).narrow(2, 1, k.size(0) - 1);
    const at::Tensor logits = scale_ * at::einsum("ihd,jhd->hij", {q, k});
    return dense_softmax(logits, at::ones({n_, k.size(0)}, at::kBool), v) * mask_.view({-1, 1, 1});
  }

  // After compressed(): ids within the sample.
  std::vector<std::vector<std::vector<std::int64_t>>> selection() const {
    const std::int64_t group = config_.heads / config_.kv_heads;
    std::vector<std::vector<std::vector<std::int64_t>>> result(blocks_.size());
    for (std::size_t b = 0; b < blocks_.size(); ++b)
      for (std::int64_t g = 0; g < config_.kv_heads; ++g) {
        std::vector<std::pair<double, std::int64_t>> candidates;
        if (!blocks_[b].empty()) {
          const at::Tensor scores =
              raw_.narrow(0, g * group, group).index_select(1, at::tensor(blocks_[b])).mean(at::IntArrayRef{0, 1});
          for (std::size_t j = 0; j < real_blocks_.size(); ++j)
            if (!excluded(static_cast<std::int64_t>(b), real_blocks_[j]))
              candidates.emplace_back(-scores[static_cast<std::int64_t>(j)].item<double>(), real_blocks_[j]);
        }
        std::sort(candidates.begin(), candidates.end());
        std::vector<std::int64_t> ids;
        for (std::size_t s = 0; s < candidates.size() && s < static_cast<std::size_t>(config_.selected_blocks); ++s)
          ids.push_back(candidates[s].second);
        result[b].push_back(ids);
      }
    return result;
  }

  at::Tensor selected(const std::vector<std::vector<std::vector<std::int64_t>>>& selection) const {
    const std::int64_t size = config_.block_size, group = config_.heads / config_.kv_heads;
    const at::Tensor allowed = at::zeros({config_.heads, n_, n_}, at::kBool);
    for (std::size_t b = 0; b < selection.size(); ++b)
      for (std::int64_t g = 0; g < config_.kv_heads; ++g)
        for (const std::int64_t id : selection[b][static_cast<std::size_t>(g)])
          allowed.narrow(0, g * group, group)
              .narrow(1, static_cast<std::int64_t>(b) * size, size)
              .narrow(2, id * size, size)
              .copy_(mask_.narrow(0, id * size, size).expand({group, size, size}));
    const at::Tensor logits = scale_ * at::einsum("ihd,jhd->hij", {q_, heads(k_)});
    return dense_softmax(logits, allowed, heads(v_)) * mask_.view({-1, 1, 1});
  }

  at::Tensor merge(const at::Tensor& c, const at::Tensor& s, const at::Tensor& l) const {
    const at::Tensor g =
        at::sigmoid(at::matmul(u_, w("gate.weight").t()) + w("gate.bias")).view({n_, 3, config_.heads, 1});
    return at::matmul((g.select(1, 0) * c + g.select(1, 1) * s + g.select(1, 2) * l).flatten(1), w("out").t());
  }

private:
  const at::Tensor& w(const std::string& name) const { return layer_.tensor(name); }
  at::Tensor heads(const at::Tensor& x) const { return x.repeat_interleave(config_.heads / config_.kv_heads, 1); }

  std::tuple<at::Tensor, at::Tensor, at::Tensor> project(const at::Tensor& rows) const {
    const std::int64_t h = config_.heads, g = config_.kv_heads, d = config_.head_dim;
    const auto parts = at::matmul(rows, w("qkv").t()).split_with_sizes({h * d, g * d, g * d}, 1);
    return {parts[0].view({n_, h, d}), parts[1].reshape({n_, g, d}), parts[2].reshape({n_, g, d})};
  }

  at::Tensor mlp(const at::Tensor& row, const std::string& name, bool gelu) const {
    const at::Tensor hidden = at::mv(w(name + "0.weight"), row) + w(name + "0.bias");
    return at::mv(w(name + "2.weight"), gelu ? at::gelu(hidden) : at::relu(hidden)) + w(name + "2.bias");
  }

  // phi of block b, [G, D].
  at::Tensor summary(std::int64_t b, const at::Tensor& rows, const std::string& name) const {
    const at::Tensor real = at::tensor(blocks_[static_cast<std::size_t>(b)]);
    if (config_.compression == Compression::Mean) return rows.index({real}).mean(0);
    std::vector<at::Tensor> result;
    for (std::int64_t g = 0; g < config_.kv_heads; ++g) {
      if (config_.compression == Compression::Mlp) {
        const at::Tensor block = rows.select(1, g).narrow(0, b * config_.block_size, config_.block_size) *
                                 mask_.narrow(0, b * config_.block_size, config_.block_size).unsqueeze(1);
        result.push_back(mlp(block.reshape({-1}), name, false));
        continue;
      }
      const at::Tensor p = positions_.index({real});
      at::Tensor r = p - p.mean(0);
      const double radius = r.square().sum(1).sqrt().max().item<double>();
      r = radius > 0 ? r / radius : r;
      const at::Tensor logits =
          at::mv(k_.select(1, g).index({real}), w(name + "logit")[g]) + at::mv(r, w(name + "position")[g]);
      const at::Tensor z = at::matmul(at::softmax(logits, 0), rows.select(1, g).index({real}));
      result.push_back(z + mlp(z, name, true));
    }
    return at::stack(result);
  }

  bool excluded(std::int64_t query, std::int64_t key) const {
    const std::int64_t per_ball = config_.ball_size / config_.block_size;
    if (config_.exclude == Exclude::Ball) return query / per_ball == key / per_ball;
    return config_.exclude == Exclude::Block && query == key;
  }

  const Layer& layer_;
  const FlatConfig& config_;
  at::Tensor u_, positions_, mask_, q_, k_, v_, raw_;
  std::int64_t n_;
  double scale_;
  std::vector<std::vector<std::int64_t>> blocks_;  // real slots of each block
  std::vector<std::int64_t> real_blocks_;
};

}  // namespace

Reference reference_attention(const Layer& layer, const at::Tensor& u, const Slots& slots) {
  std::vector<at::Tensor> out, compressed, selected, local;
  Reference result;
  for (std::size_t s = 0; s + 1 < slots.offsets.size(); ++s) {
    const std::int64_t first = slots.offsets[s], count = slots.offsets[s + 1] - first;
    SampleReference sample(layer, u.narrow(0, first, count), slots.positions.narrow(0, first, count),
                           slots.mask.narrow(0, first, count));
    local.push_back(sample.local());
    compressed.push_back(sample.compressed());
    auto selection = sample.selection();
    selected.push_back(sample.selected(selection));
    out.push_back(sample.merge(compressed.back(), selected.back(), local.back()));
    for (auto& block : selection) {
      for (auto& ids : block)
        for (auto& id : ids) id += first / layer.config.block_size;
      result.selection.push_back(std::move(block));
    }
  }
  result.compressed = at::cat(compressed);
  result.selected = at::cat(selected);
  result.local = at::cat(local);
  result.out = at::cat(out);
  return result;
}

}  // namespace erwin::model::test
