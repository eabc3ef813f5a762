#include "core/attention/direction.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

// The asked points as the layer's slots and blocks hold them.
class Targets {
public:
  Targets(const Tap& tap, const LayerTap& layer, const std::vector<std::int64_t>& points)
      : slot_(at(layer.slots())), in_set_(at(tap.point_count)) {
    if (points.empty()) throw Error(ErrorKind::Config, "no point was asked for", "layer " + layer.name);
    for (const std::int64_t point : points) {
      (void)require_slot(tap, layer, point);
      in_set_[at(point)] = 1;
    }
    if (layer.block_size > 0) block_.resize(at(layer.blocks()));
    for (std::int64_t slot = 0; slot < layer.slots(); ++slot) {
      const std::int64_t first = layer.slot_point_begin[at(slot)], last = layer.slot_point_begin[at(slot + 1)];
      double here = 0;
      for (std::int64_t i = first; i < last; ++i) here += in_set_[at(layer.slot_points[at(i)])];
      if (here == 0) continue;
      slot_[at(slot)] = here / static_cast<double>(last - first);
      if (balls_.empty() || balls_.back() != slot / layer.ball_size) balls_.push_back(slot / layer.ball_size);
      if (layer.block_size > 0) block_[at(slot / layer.block_size)] += here;
    }
    for (std::size_t b = 0; b < block_.size(); ++b) {
      if (block_[b] == 0) continue;
      const SlotRange range = block_range(layer, static_cast<std::int64_t>(b));
      block_[b] /= static_cast<double>(layer.slot_point_begin[at(range.end)] - layer.slot_point_begin[at(range.begin)]);
      blocks_.push_back(static_cast<std::int32_t>(b));
    }
  }

  // The asked share of a slot's and of a block's points.
  double slot(std::int64_t slot) const { return slot_[at(slot)]; }
  double block(std::int64_t block) const { return block_[at(block)]; }
  const std::vector<std::int32_t>& blocks() const { return blocks_; }
  bool in_ball(std::int64_t ball) const { return std::binary_search(balls_.begin(), balls_.end(), ball); }
  bool holds(std::int32_t point) const { return in_set_[at(point)] != 0; }

private:
  std::vector<double> slot_;
  std::vector<char> in_set_;
  std::vector<double> block_;
  std::vector<std::int32_t> blocks_;
  std::vector<std::int64_t> balls_;
};

// How much of a row of one head goes to the targets.
double weight_on(RowReader& reader, const LayerTap& layer, const Targets& targets, std::int64_t slot, int head,
                 Branch branch) {
  const HeadGates gate = branch_factors(layer, slot, head, branch);
  double weight = 0;
  const bool near = gate.local > 0 && targets.in_ball(slot / layer.ball_size);
  if (layer.kind != LayerKind::Nsa && !near) return 0;
  const HeadQuery query = reader.query_of(slot, head);
  if (near) {
    reader.read_local(query);
    for (std::size_t i = 0; i < reader.local.size(); ++i)
      weight += gate.local * reader.local[i] * targets.slot(reader.ball.begin + static_cast<std::int64_t>(i));
  }
  if (gate.compressed > 0) {
    if (layer.lse_compressed.empty()) reader.read_compressed(query);
    for (const std::int32_t block : targets.blocks()) {
      if (!layer.lse_compressed.empty()) reader.read_compressed_of(query, {block, block + 1});
      weight += gate.compressed * reader.compressed[at(block)] * targets.block(block);
    }
  }
  if (gate.selected <= 0) return weight;
  const auto chosen = layer.selected.row({slot / layer.block_size, kv_head_of(layer, head)});
  if (std::none_of(chosen.begin(), chosen.end(),
                   [&](std::int32_t block) { return block >= 0 && targets.block(block) > 0; }))
    return weight;
  reader.read_selected(query);
  std::size_t next = 0;
  for (const std::int32_t block : reader.chosen) {
    const SlotRange range = block_range(layer, block);
    for (std::int64_t s = range.begin; s < range.end; ++s)
      weight += gate.selected * reader.selected[next++] * targets.slot(s);
  }
  return weight;
}

std::vector<AttendedBy::Selector> selectors_of(const LayerTap& layer, const Targets& targets,
                                               const std::vector<int>& heads) {
  std::vector<AttendedBy::Selector> found;
  std::vector<int> groups;
  for (const int head : heads)
    if (groups.empty() || groups.back() != kv_head_of(layer, head)) groups.push_back(kv_head_of(layer, head));
  for (std::int64_t block = 0; block < layer.blocks(); ++block) {
    int best = std::numeric_limits<int>::max();
    for (const int group : groups) {
      const auto chosen = layer.selected.row({block, group});
      for (int rank = 0; rank < static_cast<int>(chosen.size()) && chosen[at(rank)] >= 0; ++rank)
        if (targets.block(chosen[at(rank)]) > 0) best = std::min(best, rank);
    }
    if (best < std::numeric_limits<int>::max()) found.push_back({static_cast<std::int32_t>(block), best});
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.rank < b.rank; });
  return found;
}

}  // namespace

AttendedBy attended_by(const Tap& tap, const AttendedByQuery& query, const Job& job) {
  const LayerTap& layer = tap.require_layer(query.layer);
  require_record(layer);
  require_branch(layer, query.branch);
  const std::vector<int> heads = heads_of(layer, query.head);
  const Targets targets(tap, layer, query.points);
  const Answers answers = answers_of(layer, tap.point_count);
  AttendedBy result;
  result.points.resize(at(tap.point_count));
  for_row_stripes(std::ssize(answers.slots), 4096, job, "who looks there, layer " + layer.name,
                  [&](std::int64_t, std::int64_t first, std::int64_t last) {
                    RowReader reader(tap, layer, job);
                    for (std::int64_t i = first; i < last; ++i) {
                      job.check();
                      double weight = 0;
                      for (const int head : heads)
                        weight += weight_on(reader, layer, targets, answers.slots[at(i)], head, query.branch);
                      weight /= static_cast<double>(heads.size());
                      for (std::int64_t p = answers.begin[at(i)]; p < answers.begin[at(i + 1)]; ++p)
                        result.points[at(answers.points[at(p)])] = static_cast<float>(weight);
                    }
                  });
  for (std::int32_t point = 0; point < tap.point_count; ++point) {
    const auto weight = static_cast<double>(result.points[at(point)]);
    result.received += weight;
    if (targets.holds(point)) result.from_itself += weight;
  }
  if (layer.kind == LayerKind::Nsa) result.selectors = selectors_of(layer, targets, heads);
  return result;
}

}  // namespace erwin
