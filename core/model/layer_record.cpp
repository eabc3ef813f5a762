#include "core/model/internal/layer_record.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"

namespace erwin::model {

namespace {

at::Tensor on_host(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.detach().to(at::kCPU, type).contiguous();
}

template <typename T>
Array<T> array_of(const at::Tensor& tensor, at::ScalarType type) {
  if (!tensor.defined()) return {};
  const at::Tensor host = on_host(tensor, type);
  const T* const values = host.const_data_ptr<T>();
  return Array<T>(host.sizes().vec(), std::vector<T>(values, values + host.numel()));
}

Array<float> floats_of(const at::Tensor& tensor) {
  return array_of<float>(tensor, at::kFloat);
}

std::vector<std::int64_t> integers_of(const at::Tensor& tensor) {
  const at::Tensor host = on_host(tensor, at::kLong);
  const std::int64_t* const values = host.const_data_ptr<std::int64_t>();
  return {values, values + host.numel()};
}

// The points behind every row of a level in main order.
std::vector<std::vector<std::int32_t>> points_of_rows(const Batch& batch, const LayerPlace& place) {
  const LevelGeometry& level = batch.levels[static_cast<std::size_t>(place.pool_level)];
  const std::size_t rows = static_cast<std::size_t>(level.mask.size(0));
  const std::vector<std::int64_t> slot_point = integers_of(batch.slot_point),
                                  point_slot = integers_of(batch.point_slot);
  const std::size_t span = slot_point.size() / rows;
  std::vector<std::vector<std::int32_t>> points(rows);
  if (span == 1) {  // copies of duplicate padding are keys, so they name the point that they copy
    const std::vector<std::int64_t> mask = integers_of(level.mask);
    for (std::size_t slot = 0; slot < rows; ++slot)
      if (mask[slot]) points[slot].push_back(static_cast<std::int32_t>(slot_point[slot]));
    return points;
  }
  for (std::size_t point = 0; point < point_slot.size(); ++point)
    points[static_cast<std::size_t>(point_slot[point]) / span].push_back(static_cast<std::int32_t>(point));
  return points;
}

// Fills the layer's slots: which points they hold, and which slot answers for a point.
void fill_slots(LayerTap& layer, const Batch& batch, const LayerPlace& place) {
  const LevelGeometry& level = batch.levels[static_cast<std::size_t>(place.pool_level)];
  const auto points = points_of_rows(batch, place);
  const std::int64_t span = batch.slot_point.size(0) / level.mask.size(0);
  std::vector<std::int64_t> source, mask, inverse;
  if (place.rotated) {
    source = integers_of(level.rotated.source);
    mask = integers_of(level.rotated.mask);
    inverse = integers_of(level.rotated.inverse);
  }
  const std::size_t slots = place.rotated ? source.size() : points.size();
  layer.slot_point_begin.assign(1, 0);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    if (!place.rotated || mask[slot]) {
      const auto& held = points[place.rotated ? static_cast<std::size_t>(source[slot]) : slot];
      layer.slot_points.insert(layer.slot_points.end(), held.begin(), held.end());
    }
    layer.slot_point_begin.push_back(static_cast<std::int64_t>(layer.slot_points.size()));
  }
  for (const std::int64_t slot : integers_of(batch.point_slot)) {
    const std::int64_t row = slot / span;
    layer.point_slot.push_back(static_cast<std::int32_t>(place.rotated ? inverse[static_cast<std::size_t>(row)] : row));
  }
}

LayerTap start_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place, LayerKind kind,
                     const at::Tensor& q, const at::Tensor& k) {
  if (batch.samples() != 1)
    throw Error(ErrorKind::Internal, "attention is recorded for one sample at a time",
                "a batch of " + std::to_string(batch.samples()) + " samples");
  context.recorder->tap.point_count = batch.point_slot.size(0);
  LayerTap layer;
  layer.layer = place.layer;
  layer.name = place.name;
  layer.kind = kind;
  layer.rotated = place.rotated;
  layer.pool_level = place.pool_level;
  layer.heads = static_cast<int>(q.size(1));
  layer.kv_heads = static_cast<int>(k.size(1));
  layer.head_dim = static_cast<int>(q.size(2));
  fill_slots(layer, batch, place);
  return layer;
}

}  // namespace

void record_ball_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place,
                       const BallLayerRecord& record) {
  if (!context.recorder) return;
  LayerTap layer = start_layer(context, batch, place, record.kind, record.q, record.k);
  layer.ball_size = static_cast<int>(record.ball_size);
  layer.positions = floats_of(record.positions);
  if (record.sigma.defined()) layer.sigma = floats_of(record.sigma.flatten());
  layer.lse_local = floats_of(record.lse);
  if (context.recorder->request.wants(place.layer)) {
    layer.local_q = floats_of(record.q);
    layer.local_k = floats_of(record.k);
    layer.local_v = floats_of(record.v);
  }
  context.recorder->tap.layers.push_back(std::move(layer));
}

void record_nsa_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place,
                      const SlotGeometry& geometry, const NsaTrace& trace, const at::Tensor& sigma) {
  if (!context.recorder) return;
  LayerTap layer = start_layer(context, batch, place, LayerKind::Nsa, trace.q, trace.k);
  layer.ball_size = static_cast<int>(geometry.ball_size);
  layer.block_size = static_cast<int>(geometry.block_size);
  layer.positions = floats_of(geometry.positions);
  layer.sigma = floats_of(sigma);
  layer.gate = floats_of(trace.gate);
  layer.lse_local = floats_of(trace.local.lse);
  layer.lse_compressed = floats_of(trace.compressed.lse);
  layer.lse_selected = floats_of(trace.selected.lse);
  layer.selected = array_of<std::int32_t>(trace.selection.ids, at::kInt);
  layer.selected_score = floats_of(trace.selection.scores);
  if (context.recorder->request.wants(place.layer)) {
    layer.q = floats_of(trace.q);
    layer.k = floats_of(trace.k);
    layer.v = floats_of(trace.v);
    layer.local_q = floats_of(trace.local_q);
    layer.local_k = floats_of(trace.local_k);
    layer.local_v = floats_of(trace.local_v);
    layer.block_k = floats_of(trace.blocks.k);
    layer.block_v = floats_of(trace.blocks.v);
    layer.memory_k = floats_of(trace.blocks.memory_k);
    layer.memory_v = floats_of(trace.blocks.memory_v);
  }
  context.recorder->tap.layers.push_back(std::move(layer));
}

}  // namespace erwin::model
