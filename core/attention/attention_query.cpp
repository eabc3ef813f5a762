#include "core/attention/attention_query.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/attention/internal/softmax.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

// Adds up one row over its heads and queries, in the layer's slots and blocks; points come last.
class RowBuilder {
public:
  RowBuilder(const Tap& tap, const LayerTap& layer, const AttentionQuery& query, const Job& job)
      : tap_(tap),
        layer_(layer),
        query_(query),
        job_(job),
        heads_(heads_of(layer, query.head)),
        slot_weight_(at(layer.slots())) {
    if (layer.kind != LayerKind::Nsa) return;
    row_.block_compressed.resize(at(layer.blocks()));
    row_.block_selected.resize(at(layer.blocks()));
    compressed_.resize(at(layer.blocks()));
    selected_.resize(at(layer.blocks()));
  }

  AttentionRow build(const std::vector<std::int64_t>& slots) {
    if (layer_.kind == LayerKind::Nsa) row_.gate_local = 0;
    row_.queries = static_cast<std::int64_t>(slots.size());
    share_ = 1.0 / (static_cast<double>(heads_.size()) * static_cast<double>(slots.size()));
    for (const std::int64_t slot : slots) {
      job_.check();
      list_selected(slot);
      for (const int head : heads_) add_head(slot, head);
    }
    spread();
    return std::move(row_);
  }

private:
  bool wants(Branch branch) const { return query_.branch == Branch::All || query_.branch == branch; }

  // Factor of a branch in the row: the mean's share, times the gate where the branches are summed.
  double factor(double gate) const { return query_.branch == Branch::All ? share_ * gate : share_; }

  void list_selected(std::int64_t slot) {
    if (layer_.kind != LayerKind::Nsa || slot / layer_.block_size == listed_block_) return;
    listed_block_ = slot / layer_.block_size;
    first_listed_ = row_.selected.size();
    for (const SelectedBlock& block : selected_blocks(layer_, slot, query_.head)) row_.selected.push_back(block);
  }

  void add_head(std::int64_t slot, int head) {
    double gate_local = 1, gate_compressed = 0, gate_selected = 0;
    if (layer_.kind == LayerKind::Nsa) {
      gate_compressed = static_cast<double>(layer_.gate.row({slot, 0})[at(head)]);
      gate_selected = static_cast<double>(layer_.gate.row({slot, 1})[at(head)]);
      gate_local = static_cast<double>(layer_.gate.row({slot, 2})[at(head)]);
      row_.gate_local += share_ * gate_local;
      row_.gate_compressed += share_ * gate_compressed;
      row_.gate_selected += share_ * gate_selected;
    }
    if (wants(Branch::Local)) add_local(slot, head, factor(gate_local));
    if (layer_.kind != LayerKind::Nsa) return;
    if (wants(Branch::Compressed)) add_compressed(slot, head, factor(gate_compressed));
    if (wants(Branch::Selected)) add_selected(slot, head, factor(gate_selected));
  }

  void compare_lse(const Array<float>& recorded, std::int64_t slot, int head, double lse) {
    if (recorded.empty()) return;
    const double other = static_cast<double>(recorded.row({slot})[at(head)]);
    if (lse == other) return;  // both -infinity too
    row_.lse_gap = std::max(row_.lse_gap, std::abs(lse - other));
  }

  Keys keys(const Array<float>& k, int head) const {
    return {k, kv_head_of(layer_, head), 1 / std::sqrt(static_cast<double>(layer_.head_dim))};
  }

  void add_local(std::int64_t slot, int head, double weight) {
    Keys local = keys(layer_.local_k, head);
    if (!layer_.sigma.empty()) {
      local.positions = &layer_.positions;
      local.sigma = static_cast<double>(layer_.sigma.values()[at(head)]);
      local.query_slot = slot;
    }
    const SlotRange ball = aligned_range(layer_, slot, layer_.ball_size);
    logits_.clear();
    append_logits(layer_, local, query_vector(layer_.local_q, slot, head), ball, logits_, job_);
    compare_lse(layer_.lse_local, slot, head, softmax(logits_));
    for (std::int64_t s = ball.begin; s < ball.end; ++s) slot_weight_[at(s)] += weight * logits_[at(s - ball.begin)];
    row_.local += weight;
    row_.expected_sum += weight;
  }

  // The query of the compressed branch: the token's, or the mean over the real queries of its block.
  std::vector<double> compressed_query(std::int64_t slot, int head) const {
    if (!tap_.query_per_block) return query_vector(layer_.q, slot, head);
    const SlotRange block = aligned_range(layer_, slot, layer_.block_size);
    std::vector<double> mean(at(layer_.head_dim));
    std::int64_t count = 0;
    for (std::int64_t s = block.begin; s < block.end; ++s) {
      if (!layer_.real(s)) continue;
      const auto row = layer_.q.row({s, head});
      for (std::size_t e = 0; e < mean.size(); ++e) mean[e] += static_cast<double>(row[e]);
      ++count;
    }
    for (double& value : mean) value /= static_cast<double>(count);
    return mean;
  }

  bool block_is_real(std::int64_t block) const {
    const SlotRange range = block_range(layer_, block);
    return layer_.slot_point_begin[at(range.begin)] < layer_.slot_point_begin[at(range.end)];
  }

  void add_compressed(std::int64_t slot, int head, double weight) {
    const Keys compressed = keys(layer_.block_k, head);
    const std::vector<double> q = compressed_query(slot, head);
    logits_.assign(at(layer_.blocks()), -std::numeric_limits<double>::infinity());
    for (std::int64_t block = 0; block < layer_.blocks(); ++block)
      if (block_is_real(block))
        logits_[at(block)] = dot(q, layer_.block_k.row({block, compressed.kv_head})) * compressed.scale;
    if (!layer_.memory_k.empty())
      logits_.push_back(dot(q, layer_.memory_k.row({compressed.kv_head})) * compressed.scale);
    compare_lse(layer_.lse_compressed, slot, head, softmax(logits_));
    for (std::int64_t block = 0; block < layer_.blocks(); ++block) {
      compressed_[at(block)] += weight * logits_[at(block)];
      row_.compressed += weight * logits_[at(block)];
    }
    if (!layer_.memory_k.empty()) row_.memory += weight * logits_.back();
    row_.expected_sum += weight;
  }

  void add_selected(std::int64_t slot, int head, double weight) {
    const Keys exact = keys(layer_.k, head);
    const std::vector<double> q = query_vector(layer_.q, slot, head);
    std::vector<SlotRange> ranges;
    logits_.clear();
    for (std::size_t i = first_listed_; i < row_.selected.size(); ++i) {
      if (row_.selected[i].kv_head != exact.kv_head) continue;
      ranges.push_back(block_range(layer_, row_.selected[i].block));
      append_logits(layer_, exact, q, ranges.back(), logits_, job_);
    }
    const double lse = softmax(logits_);
    compare_lse(layer_.lse_selected, slot, head, lse);
    if (lse == -std::numeric_limits<double>::infinity()) return;
    std::size_t next = 0, range = 0;
    for (std::size_t i = first_listed_; i < row_.selected.size(); ++i) {
      if (row_.selected[i].kv_head != exact.kv_head) continue;
      double mass = 0;
      for (std::int64_t s = ranges[range].begin; s < ranges[range].end; ++s, ++next) {
        slot_weight_[at(s)] += weight * logits_[next];
        mass += weight * logits_[next];
      }
      row_.selected[i].weight += mass;
      selected_[at(row_.selected[i].block)] += mass;
      ++range;
    }
    row_.selected_sum += weight;
    row_.expected_sum += weight;
  }

  // From slots and blocks to points: evenly over the points of a slot, evenly over the real points of a block.
  void spread() {
    std::vector<double> points(at(tap_.point_count));
    const auto share_out = [&](SlotRange slots, double weight) {
      const std::int64_t first = layer_.slot_point_begin[at(slots.begin)],
                         last = layer_.slot_point_begin[at(slots.end)];
      for (std::int64_t i = first; i < last; ++i)
        points[at(layer_.slot_points[at(i)])] += weight / static_cast<double>(last - first);
    };
    for (std::int64_t slot = 0; slot < layer_.slots(); ++slot)
      if (slot_weight_[at(slot)] > 0) share_out({slot, slot + 1}, slot_weight_[at(slot)]);
    for (std::size_t block = 0; block < compressed_.size(); ++block) {
      if (compressed_[block] > 0) share_out(block_range(layer_, static_cast<std::int64_t>(block)), compressed_[block]);
      row_.block_compressed[block] = static_cast<float>(compressed_[block]);
      row_.block_selected[block] = static_cast<float>(selected_[block]);
    }
    row_.points.assign(points.begin(), points.end());
  }

  const Tap& tap_;
  const LayerTap& layer_;
  const AttentionQuery& query_;
  const Job& job_;
  std::vector<int> heads_;
  AttentionRow row_;
  double share_ = 0;
  std::int64_t listed_block_ = -1;
  std::size_t first_listed_ = 0;
  std::vector<double> slot_weight_, compressed_, selected_, logits_;
};

std::vector<std::int64_t> query_slots(const Tap& tap, const LayerTap& layer, const AttentionQuery& query) {
  if (query.point >= 0) return {require_slot(tap, layer, query.point)};
  if (query.slot_begin < 0 || query.slot_begin >= query.slot_end || query.slot_end > layer.slots())
    throw Error(ErrorKind::Config, "the query is neither a point nor a run of slots",
                "slots " + std::to_string(query.slot_begin) + " to " + std::to_string(query.slot_end) + " of " +
                    std::to_string(layer.slots()));
  std::vector<std::int64_t> slots;
  for (std::int64_t slot = query.slot_begin; slot < query.slot_end; ++slot)
    if (layer.real(slot)) slots.push_back(slot);
  if (slots.empty()) throw Error(ErrorKind::Config, "these slots hold no point", "layer " + layer.name);
  return slots;
}

}  // namespace

const char* name_of(Branch branch) {
  switch (branch) {
    case Branch::All:
      return "all";
    case Branch::Local:
      return "local";
    case Branch::Compressed:
      return "compressed";
    case Branch::Selected:
      return "selected";
  }
  return "unknown";
}

const char* name_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::Ball:
      return "ball";
    case LayerKind::Nsa:
      return "nsa";
    case LayerKind::Full:
      return "full";
  }
  return "unknown";
}

AttentionRow attention_row(const Tap& tap, const AttentionQuery& query, const Job& job) {
  const LayerTap& layer = tap.require_layer(query.layer);
  require_record(layer);
  if (layer.kind != LayerKind::Nsa && (query.branch == Branch::Compressed || query.branch == Branch::Selected))
    throw Error(ErrorKind::Config, std::string("this layer has no ") + name_of(query.branch) + " branch",
                "layer " + std::to_string(layer.layer) + " " + layer.name + " is of kind " + name_of(layer.kind),
                "Choose the branch all or local");
  return RowBuilder(tap, layer, query, job).build(query_slots(tap, layer, query));
}

std::vector<SelectedBlock> selected_blocks(const LayerTap& layer, std::int64_t slot, int head) {
  std::vector<SelectedBlock> found;
  if (layer.kind != LayerKind::Nsa || layer.selected.empty()) return found;
  const std::int64_t query_block = slot / layer.block_size;
  const int only = head < 0 ? -1 : kv_head_of(layer, head);
  for (int group = 0; group < layer.kv_heads; ++group) {
    if (only >= 0 && group != only) continue;
    const auto blocks = layer.selected.row({query_block, group});
    const auto scores = layer.selected_score.row({query_block, group});
    for (std::size_t rank = 0; rank < blocks.size() && blocks[rank] >= 0; ++rank)
      found.push_back(
          {blocks[rank], static_cast<std::int32_t>(query_block), group, static_cast<int>(rank), scores[rank], 0});
  }
  return found;
}

std::vector<std::int32_t> points_of_slots(const LayerTap& layer, std::int64_t begin, std::int64_t end) {
  const auto first = layer.slot_points.begin() + layer.slot_point_begin[at(begin)];
  const auto last = layer.slot_points.begin() + layer.slot_point_begin[at(end)];
  std::vector<std::int32_t> points(first, last);
  std::sort(points.begin(), points.end());
  points.erase(std::unique(points.begin(), points.end()), points.end());
  return points;
}

}  // namespace erwin
