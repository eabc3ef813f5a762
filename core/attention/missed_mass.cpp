#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/attention/attention_query.h"
#include "core/attention/internal/softmax.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

// Exact softmax mass of every block for one query head.
std::vector<double> block_mass(const LayerTap& layer, std::int64_t slot, int head, const Job& job) {
  const Keys keys{layer.k, kv_head_of(layer, head), 1 / std::sqrt(static_cast<double>(layer.head_dim))};
  std::vector<double> weights;
  weights.reserve(at(layer.slots()));
  append_logits(layer, keys, query_vector(layer.q, slot, head), {0, layer.slots()}, weights, job);
  softmax(weights);
  std::vector<double> mass(at(layer.blocks()));
  for (std::int64_t s = 0; s < layer.slots(); ++s) mass[at(s / layer.block_size)] += weights[at(s)];
  return mass;
}

}  // namespace

MissedMass missed_mass(const Tap& tap, int layer_number, int head, std::int64_t point, const Job& job) {
  const LayerTap& layer = tap.require_layer(layer_number);
  require_record(layer);
  require_selection(layer);
  const std::int64_t slot = require_slot(tap, layer, point);
  const SlotRange ball = aligned_range(layer, slot, layer.ball_size);
  const std::vector<int> heads = heads_of(layer, head);

  MissedMass result;
  std::vector<double> total(at(layer.blocks())), unseen(at(layer.blocks()));
  for (const int h : heads) {
    const std::vector<double> mass = block_mass(layer, slot, h, job);
    const std::vector<char> seen = seen_blocks(layer, slot, h);
    for (std::size_t block = 0; block < mass.size(); ++block) {
      const double share = mass[block] / static_cast<double>(heads.size());
      total[block] += share;
      if (seen[block])
        result.recall += share;
      else
        unseen[block] += share;
    }
  }
  result.missed_sum = std::accumulate(unseen.begin(), unseen.end(), 0.0);

  // Places by exact mass among the blocks outside the ball, ties to the lower block.
  std::vector<std::int32_t> order;
  for (std::int32_t block = 0; block < layer.blocks(); ++block)
    if (total[at(block)] > 0 &&
        (block < ball.begin / layer.block_size || std::int64_t{block} * layer.block_size >= ball.end))
      order.push_back(block);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return total[at(a)] > total[at(b)]; });
  for (std::size_t place = 0; place < order.size(); ++place)
    if (unseen[at(order[place])] > 0)
      result.missed.push_back({order[place], unseen[at(order[place])], static_cast<int>(place)});
  std::stable_sort(result.missed.begin(), result.missed.end(),
                   [](const auto& a, const auto& b) { return a.mass > b.mass; });
  const auto most = at(layer.selected.size(2));
  if (result.missed.size() > most) result.missed.resize(most);
  return result;
}

}  // namespace erwin
