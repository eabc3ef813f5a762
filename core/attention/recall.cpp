#include "core/attention/recall.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (std::size_t i = first; i < last; ++i) ranks[order[i]] = static_cast<double>(first + last - 1) / 2;
    first = last;
  }
  return ranks;
}

class RecallBuilder {
public:
  RecallBuilder(const Tap& tap, const LayerTap& layer, const RecallRequest& request, const Job& job)
      : layer_(layer),
        heads_(heads_of(layer, request.head)),
        most_(request.queries_per_block),
        answers_(answers_of(layer, tap.point_count)),
        job_(job) {
    result_.recall.assign(at(layer.blocks()), static_cast<float>(none));
    result_.rank_correlation = result_.recall;
    queries_.resize(at(layer.blocks()));
    for (std::int64_t slot = 0; slot < layer.slots(); ++slot)
      if (layer.real(slot)) queries_[at(slot / layer.block_size)].push_back(slot);
    if (request.only_block >= layer.blocks())
      throw Error(ErrorKind::Config, "there is no block " + std::to_string(request.only_block),
                  "blocks go from 0 to " + std::to_string(layer.blocks() - 1));
    for (std::size_t block = 0; block < queries_.size() && request.only_block >= 0; ++block)
      if (block != at(request.only_block)) queries_[block].clear();
    for (auto& slots : queries_) thin_out(slots);
  }

  RecallField run(std::int64_t point_count) {
    for_row_stripes(layer_.blocks(), stripe_count, job_, "recall of layer " + layer_.name,
                    [this](std::int64_t, std::int64_t first, std::int64_t last) {
                      for (std::int64_t block = first; block < last; ++block) add_block(block);
                    });
    finish(point_count);
    return std::move(result_);
  }

private:
  void thin_out(std::vector<std::int64_t>& slots) {
    const std::int64_t all = std::ssize(slots);
    if (most_ <= 0 || all <= most_) return;
    result_.sampled = true;
    for (std::int64_t i = 0; i < most_; ++i) slots[at(i)] = slots[at(i * all / most_)];
    slots.resize(at(most_));
  }

  // Exact mass of every block for one query.
  void add_mass(std::int64_t slot, int head, std::vector<double>& logits, std::vector<double>& mass) const {
    const Keys keys{layer_.k, kv_head_of(layer_, head), 1 / std::sqrt(static_cast<double>(layer_.head_dim))};
    logits.clear();
    append_logits(layer_, keys, query_vector(layer_.q, slot, head), {0, layer_.slots()}, logits, job_);
    softmax(logits);
    std::fill(mass.begin(), mass.end(), 0.0);
    for (std::int64_t s = 0; s < layer_.slots(); ++s) mass[at(s / layer_.block_size)] += logits[at(s)];
  }

  void add_block(std::int64_t block) {
    const std::vector<std::int64_t>& slots = queries_[at(block)];
    if (slots.empty()) return;
    std::vector<double> logits, mass(at(layer_.blocks()));
    double recall = 0, correlation = 0;
    int groups = 0;
    const double share = 1 / static_cast<double>(slots.size() * heads_.size());
    for (std::size_t h = 0; h < heads_.size();) {
      const int group = kv_head_of(layer_, heads_[h]);
      const std::vector<char> seen = seen_blocks(layer_, block * layer_.block_size, heads_[h]);
      std::vector<double> total(at(layer_.blocks()));
      for (; h < heads_.size() && kv_head_of(layer_, heads_[h]) == group; ++h)
        for (const std::int64_t slot : slots) {
          job_.check();
          add_mass(slot, heads_[h], logits, mass);
          for (std::size_t b = 0; b < mass.size(); ++b) {
            total[b] += mass[b];
            if (seen[b]) recall += share * mass[b];
          }
        }
      const double one = correlation_of(block, group, total);
      if (std::isnan(one)) continue;
      correlation += one;
      ++groups;
    }
    result_.recall[at(block)] = static_cast<float>(recall);
    if (groups > 0) result_.rank_correlation[at(block)] = static_cast<float>(correlation / groups);
  }

  // The score with which the layer chooses: the mean over all real queries of the block and the KV head's query heads.
  double correlation_of(std::int64_t block, int group, const std::vector<double>& mass) const {
    std::vector<double> mean(at(layer_.head_dim));
    const SlotRange range = block_range(layer_, block);
    for (std::int64_t slot = range.begin; slot < range.end; ++slot) {
      if (!layer_.real(slot)) continue;
      for (int head = 0; head < layer_.heads; ++head) {
        if (kv_head_of(layer_, head) != group) continue;
        const auto q = layer_.q.row({slot, head});
        for (std::size_t e = 0; e < mean.size(); ++e) mean[e] += static_cast<double>(q[e]);
      }
    }
    const std::int64_t ball = block * layer_.block_size / layer_.ball_size;
    std::vector<double> scores, exact;
    for (std::int64_t other = 0; other < layer_.blocks(); ++other) {
      if (other * layer_.block_size / layer_.ball_size == ball || !block_is_real(layer_, other)) continue;
      scores.push_back(dot(mean, layer_.block_k.row({other, group})));
      exact.push_back(mass[at(other)]);
    }
    return rank_correlation(scores, exact);
  }

  void finish(std::int64_t point_count) {
    double correlation = 0, recall = 0;
    std::int64_t correlated = 0;
    for (std::int64_t block = 0; block < layer_.blocks(); ++block) {
      const std::int64_t queries = std::ssize(queries_[at(block)]);
      result_.queries += queries;
      if (queries > 0) recall += static_cast<double>(queries) * static_cast<double>(result_.recall[at(block)]);
      if (std::isnan(result_.rank_correlation[at(block)])) continue;
      correlation += static_cast<double>(result_.rank_correlation[at(block)]);
      ++correlated;
    }
    result_.mean_recall = result_.queries > 0 ? recall / static_cast<double>(result_.queries) : none;
    result_.mean_rank_correlation = correlated > 0 ? correlation / static_cast<double>(correlated) : none;
    const auto field = [&](const char* name, const std::vector<float>& blocks) {
      std::vector<float> values(at(point_count), static_cast<float>(none));
      for (std::size_t i = 0; i < answers_.slots.size(); ++i)
        for (std::int64_t p = answers_.begin[i]; p < answers_.begin[i + 1]; ++p)
          values[at(answers_.points[at(p)])] = blocks[at(answers_.slots[i] / layer_.block_size)];
      result_.fields.emplace_back(name, FieldKind::Scalar, 1, std::move(values));
    };
    field("recall", result_.recall);
    field("rank_correlation", result_.rank_correlation);
  }

  const LayerTap& layer_;
  std::vector<int> heads_;
  std::int64_t most_;
  Answers answers_;
  const Job& job_;
  std::vector<std::vector<std::int64_t>> queries_;
  RecallField result_;
};

}  // namespace

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size() || a.size() < 3) return none;
  const std::vector<double> x = ranks_of(a), y = ranks_of(b);
  const double middle = static_cast<double>(a.size() - 1) / 2;
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
    xy += (x[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : none;
}

RecallField recall_field(const Tap& tap, const RecallRequest& request, const Job& job) {
  const LayerTap& layer = tap.require_layer(request.layer);
  require_record(layer);
  require_selection(layer);
  return RecallBuilder(tap, layer, request, job).run(tap.point_count);
}

}  // namespace erwin
