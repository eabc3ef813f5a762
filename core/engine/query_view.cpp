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

std::shared_ptr<const Field> compressed_field(const LayerTap& layer, const AttentionRow& row, Branch branch) {
  if (row.block_compressed.empty() || branch == Branch::Local || branch == Branch::Selected) return nullptr;
  std::vector<float> weights(row.points.size());
  for (std::size_t point = 0; point < weights.size(); ++point)
    if (const std::int64_t slot = layer.slot_of_point(static_cast<std::int64_t>(point)); slot >= 0)
      weights[point] = row.block_compressed[static_cast<std::size_t>(slot / layer.block_size)];
  return std::make_shared<Field>("compressed weight", FieldKind::Scalar, 1, std::move(weights));
}

LayerInfo describe_without_slots(const LayerTap& layer) {
  return {layer.layer,     layer.name,       layer.kind, layer.rotated, layer.pool_level, layer.heads, layer.kv_heads,
          layer.ball_size, layer.block_size, 0,          nullptr};
}

void add_slots(const LayerTap& layer, LayerInfo& info) {
  auto slots = std::make_shared<SlotPoints>();
  slots->begin.assign(layer.slot_point_begin.begin(), layer.slot_point_begin.end());
  slots->points = layer.slot_points;
  for (std::int64_t slot = 0; slot < layer.slots(); ++slot) info.nodes += layer.real(slot);
  info.slots = std::move(slots);
}

}  // namespace

LayerInfo describe(const LayerTap& layer) {
  LayerInfo info = describe_without_slots(layer);
  add_slots(layer, info);
  return info;
}

std::vector<LayerInfo> describe(const Tap& tap) {
  std::vector<LayerInfo> layers;
  for (const LayerTap& layer : tap.layers) {
    LayerInfo info = describe_without_slots(layer);
    // A sample has one main and one rotated tree per pooled level.
    const auto same = std::find_if(layers.begin(), layers.end(), [&](const LayerInfo& other) {
      return other.rotated == info.rotated && other.pool_level == info.pool_level;
    });
    if (same == layers.end()) {
      add_slots(layer, info);
    } else {
      info.nodes = same->nodes;
      info.slots = same->slots;
    }
    layers.push_back(std::move(info));
  }
  return layers;
}

std::string tree_caption(const LayerInfo& layer) {
  std::string text = layer.rotated ? "rotated tree" : "main tree";
  if (layer.pool_level > 0)
    text += ", pooled level " + std::to_string(layer.pool_level) + ": " + std::to_string(layer.nodes) + " nodes";
  return text;
}

std::string caption_of(const LayerInfo& layer) {
  return "layer " + std::to_string(layer.layer) + " (" + layer.name + ", " + name_of(layer.kind) + ", " +
         tree_caption(layer) + ")";
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
  view.compressed = compressed_field(layer, view.row, request.branch);
  view.slot = layer.slot_of_point(request.point);
  if (view.slot >= 0 && layer.ball_size > 0) {
    view.ball_begin = view.slot / layer.ball_size * layer.ball_size;
    view.ball_end = std::min(view.ball_begin + layer.ball_size, layer.slots());
    view.ball = points_of_slots(layer, view.ball_begin, view.ball_end);
  }
  view.blocks = marked_blocks(layer, view.row);
  view.top = top_points(view.row.points, 16);
  return view;
}

std::vector<std::shared_ptr<const QueryView>> make_query_views(const Tap& tap, QueryRequest request,
                                                               const std::vector<int>& heads, const Job& job) {
  std::vector<std::shared_ptr<const QueryView>> views;
  for (const int head : heads) {
    request.head = head;
    views.push_back(std::make_shared<const QueryView>(make_query_view(tap, request, job)));
  }
  return views;
}

}  // namespace erwin
