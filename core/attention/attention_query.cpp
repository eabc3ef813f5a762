#include "core/attention/attention_query.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/attention/internal/row_reader.h"
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
        reader_(tap, layer, job),
        sum_(layer) {
    if (layer.kind != LayerKind::Nsa) return;
    row_.block_compressed.resize(at(layer.blocks()));
    row_.block_selected.resize(at(layer.blocks()));
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
    const HeadGates gate = gates_of(layer_, slot, head);
    if (layer_.kind == LayerKind::Nsa) {
      row_.gate_local += share_ * gate.local;
      row_.gate_compressed += share_ * gate.compressed;
      row_.gate_selected += share_ * gate.selected;
    }
    const HeadQuery query = reader_.query_of(slot, head);
    if (wants(Branch::Local)) add_local(query, factor(gate.local));
    if (layer_.kind != LayerKind::Nsa) return;
    if (wants(Branch::Compressed)) add_compressed(query, factor(gate.compressed));
    if (wants(Branch::Selected)) add_selected(query, factor(gate.selected));
  }

  void compare_lse(const Array<float>& recorded, std::int64_t slot, int head, double lse) {
    if (recorded.empty()) return;
    const double other = static_cast<double>(recorded.row({slot})[at(head)]);
    if (lse == other) return;  // both -infinity too
    row_.lse_gap = std::max(row_.lse_gap, std::abs(lse - other));
  }

  void add_local(const HeadQuery& query, double weight) {
    compare_lse(layer_.lse_local, query.slot, query.head, reader_.read_local(query));
    for (std::size_t i = 0; i < reader_.local.size(); ++i)
      sum_.slot[at(reader_.ball.begin) + i] += weight * reader_.local[i];
    row_.local += weight * reader_.local_mass;
    row_.expected_sum += weight * reader_.local_mass;
  }

  void add_compressed(const HeadQuery& query, double weight) {
    compare_lse(layer_.lse_compressed, query.slot, query.head, reader_.read_compressed(query));
    for (std::size_t block = 0; block < reader_.compressed.size(); ++block) {
      sum_.compressed[block] += weight * reader_.compressed[block];
      row_.compressed += weight * reader_.compressed[block];
    }
    row_.memory += weight * reader_.memory;
    row_.expected_sum += weight;
  }

  void add_selected(const HeadQuery& query, double weight) {
    const double lse = reader_.read_selected(query);
    compare_lse(layer_.lse_selected, query.slot, query.head, lse);
    if (lse == -std::numeric_limits<double>::infinity()) return;
    const int kv_head = kv_head_of(layer_, query.head);
    std::size_t next = 0;
    for (std::size_t i = first_listed_; i < row_.selected.size(); ++i) {
      if (row_.selected[i].kv_head != kv_head) continue;
      double mass = 0;
      const SlotRange range = block_range(layer_, row_.selected[i].block);
      for (std::int64_t s = range.begin; s < range.end; ++s, ++next) {
        sum_.slot[at(s)] += weight * reader_.selected[next];
        mass += weight * reader_.selected[next];
      }
      row_.selected[i].weight += mass;
      selected_[at(row_.selected[i].block)] += mass;
    }
    row_.selected_sum += weight;
    row_.expected_sum += weight;
  }

  void spread() {
    std::vector<double> points(at(tap_.point_count));
    spread_to_points(layer_, sum_, points);
    for (std::size_t block = 0; block < sum_.compressed.size() && layer_.kind == LayerKind::Nsa; ++block) {
      row_.block_compressed[block] = static_cast<float>(sum_.compressed[block]);
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
  RowReader reader_;
  WeightSum sum_;
  std::vector<double> selected_;
};

std::vector<std::int64_t> query_slots(const Tap& tap, const LayerTap& layer, const AttentionQuery& query) {
  if (query.point >= 0) return {require_slot(tap, layer, query.point)};
  if (!query.points.empty()) {
    std::vector<std::int64_t> answering;
    for (const std::int64_t point : query.points) answering.push_back(require_slot(tap, layer, point));
    std::sort(answering.begin(), answering.end());  // a block's selection is then listed once
    return answering;
  }
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
  require_branch(layer, query.branch);
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
