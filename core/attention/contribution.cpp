#include "core/attention/contribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "core/attention/internal/row_reader.h"
#include "core/base/error.h"

namespace erwin {

namespace {

using namespace attention;

class ContributionBuilder {
public:
  ContributionBuilder(const LayerTap& layer, const ContributionRequest& request, std::int64_t points)
      : layer_(layer), request_(request), slot_(at(layer.slots())) {
    result_.block_slots = layer.kind == LayerKind::Nsa ? layer.block_size : std::min<std::int64_t>(layer.ball_size, 32);
    const std::size_t blocks = at((layer.slots() + result_.block_slots - 1) / result_.block_slots);
    for (auto* list : {&result_.local, &result_.compressed, &result_.selected, &result_.attention})
      list->resize(blocks);
    result_.points.resize(at(points));
    result_.bias = request.bias;
    result_.magnitude = std::abs(request.bias);
  }

  Contribution build(RowReader& reader, std::int64_t slot) {
    for (int head = 0; head < layer_.heads; ++head) add_head(reader, slot, head);
    spread();
    return std::move(result_);
  }

private:
  // What a value adds to y.
  double effect(std::span<const float> value, int head) const {
    return dot(std::span(request_.direction).subspan(at(std::int64_t{head} * layer_.head_dim), at(layer_.head_dim)),
               value);
  }

  // One key of a branch; answers its contribution.
  double add(double weight, std::span<const float> value, int head, std::int64_t block, std::vector<double>& blocks) {
    const double part = weight * effect(value, head);
    blocks[at(block)] += part;
    result_.attention[at(block)] += weight / layer_.heads;
    result_.magnitude += std::abs(part);
    return part;
  }

  void add_head(RowReader& reader, std::int64_t slot, int head) {
    const int group = kv_head_of(layer_, head);
    const HeadGates gate = gates_of(layer_, slot, head);
    const HeadQuery query = reader.query_of(slot, head);
    reader.read_local(query);
    for (std::int64_t s = reader.ball.begin; s < reader.ball.end; ++s)
      if (layer_.real(s))
        slot_[at(s)] += add(gate.local * reader.local[at(s - reader.ball.begin)], layer_.local_v.row({s, group}), head,
                            s / result_.block_slots, result_.local);
    if (layer_.kind != LayerKind::Nsa) return;
    reader.read_compressed(query);
    for (std::int64_t b = 0; b < layer_.blocks(); ++b)
      if (block_is_real(layer_, b))
        (void)add(gate.compressed * reader.compressed[at(b)], layer_.block_v.row({b, group}), head, b,
                  result_.compressed);
    if (!layer_.memory_v.empty()) {
      const double part = gate.compressed * reader.memory * effect(layer_.memory_v.row({group}), head);
      result_.memory += part;
      result_.magnitude += std::abs(part);
    }
    if (reader.read_selected(query) == -std::numeric_limits<double>::infinity()) return;
    std::size_t next = 0;
    for (const std::int32_t block : reader.chosen) {
      const SlotRange range = block_range(layer_, block);
      for (std::int64_t s = range.begin; s < range.end; ++s, ++next)
        if (layer_.real(s))
          slot_[at(s)] +=
              add(gate.selected * reader.selected[next], layer_.v.row({s, group}), head, block, result_.selected);
    }
  }

  void spread() {
    std::vector<double> points(result_.points.size());
    for (std::int64_t s = 0; s < layer_.slots(); ++s) add_evenly(layer_, {s, s + 1}, slot_[at(s)], points);
    if (layer_.kind == LayerKind::Nsa)
      for (std::int64_t b = 0; b < layer_.blocks(); ++b)
        add_evenly(layer_, block_range(layer_, b), result_.compressed[at(b)], points);
    result_.points.assign(points.begin(), points.end());
    for (std::size_t b = 0; b < result_.local.size(); ++b) {
      result_.local_sum += result_.local[b];
      result_.compressed_sum += result_.compressed[b];
      result_.selected_sum += result_.selected[b];
    }
  }

  const LayerTap& layer_;
  const ContributionRequest& request_;
  std::vector<double> slot_;
  Contribution result_;
};

}  // namespace

Contribution contributions(const Tap& tap, const ContributionRequest& request, const Job& job) {
  const LayerTap& layer = tap.require_layer(request.layer);
  require_record(layer);
  const std::vector<std::int64_t> values{layer.slots(), layer.kv_heads, layer.head_dim};
  if (layer.local_v.shape() != values || (layer.kind == LayerKind::Nsa && layer.v.shape() != values))
    throw Error(ErrorKind::Config, "the record holds no values of layer " + std::to_string(layer.layer), layer.name,
                "Ask for this layer when the prediction is made");
  if (std::ssize(request.direction) != std::int64_t{layer.heads} * layer.head_dim)
    throw Error(ErrorKind::Internal, "the direction of a contribution has the wrong size", "layer " + layer.name);
  RowReader reader(tap, layer, job);
  return ContributionBuilder(layer, request, tap.point_count).build(reader, require_slot(tap, layer, request.point));
}

}  // namespace erwin
