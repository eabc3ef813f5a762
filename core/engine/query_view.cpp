#include "core/engine/query_view.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "core/base/error.h"

namespace erwin {

namespace {

const LayerTap& layer_of(const Tap& tap, int layer) {
  for (const LayerTap& candidate : tap.layers)
    if (candidate.layer == layer) return candidate;
  throw Error(ErrorKind::Config, "there is no such layer", "layer " + std::to_string(layer),
              "Layers count from 0; this network has " + std::to_string(tap.layers.size()));
}

std::vector<MarkedBlock> marked_blocks(const LayerTap& layer, const AttentionRow& row) {
  std::map<std::int32_t, MarkedBlock> best;
  for (const SelectedBlock& selected : row.selected) {
    const auto [entry, is_new] = best.try_emplace(selected.block);
    MarkedBlock& mark = entry->second;
    mark.weight += selected.weight;
    if (!is_new && mark.rank <= selected.rank) continue;
    mark.block = selected.block;
    mark.rank = selected.rank;
    mark.score = selected.score;
  }
  std::vector<MarkedBlock> marks;
  for (auto& [block, mark] : best) {
    mark.points =
        points_of_slots(layer, std::int64_t{block} * layer.block_size, std::int64_t{block + 1} * layer.block_size);
    marks.push_back(std::move(mark));
  }
  std::stable_sort(marks.begin(), marks.end(), [](const auto& a, const auto& b) { return a.rank < b.rank; });
  return marks;
}

std::vector<TopPoint> top_points(const std::vector<float>& weights, std::size_t count) {
  std::vector<std::int32_t> order(weights.size());
  std::iota(order.begin(), order.end(), 0);
  count = std::min(count, order.size());
  const auto heavier = [&](std::int32_t a, std::int32_t b) {
    const float x = weights[static_cast<std::size_t>(a)], y = weights[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), heavier);
  std::vector<TopPoint> top;
  for (std::size_t i = 0; i < count; ++i) top.push_back({order[i], weights[static_cast<std::size_t>(order[i])]});
  return top;
}

}  // namespace

LayerInfo describe(const LayerTap& layer) {
  return {layer.layer, layer.name,     layer.kind,      layer.rotated,   layer.pool_level,
          layer.heads, layer.kv_heads, layer.ball_size, layer.block_size};
}

std::string caption_of(const LayerInfo& layer) {
  std::string text = "layer " + std::to_string(layer.layer) + " (" + layer.name + ", " + name_of(layer.kind);
  if (layer.rotated) text += ", rotated tree";
  if (layer.pool_level > 0) text += ", pooled " + std::to_string(layer.pool_level) + "x";
  return text + ")";
}

QueryView make_query_view(const Tap& tap, const QueryRequest& request, const Job& job) {
  const LayerTap& layer = layer_of(tap, request.layer);
  QueryView view;
  view.request = request;
  view.layer = describe(layer);
  AttentionQuery query;
  query.layer = request.layer;
  query.head = request.head;
  query.branch = request.branch;
  query.point = request.point;
  view.row = attention_row(tap, query, job);
  view.attention = std::make_shared<Field>("attention", FieldKind::Scalar, 1, view.row.points);
  const std::int64_t slot = layer.slot_of_point(request.point);
  if (slot >= 0 && layer.ball_size > 0) {
    const std::int64_t begin = slot / layer.ball_size * layer.ball_size;
    view.ball = points_of_slots(layer, begin, std::min(begin + layer.ball_size, layer.slots()));
  }
  view.blocks = marked_blocks(layer, view.row);
  view.top = top_points(view.row.points, 16);
  return view;
}

}  // namespace erwin
