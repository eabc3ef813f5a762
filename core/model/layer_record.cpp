#include "core/model/internal/layer_record.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"

namespace erwin::model {

namespace {

at::Tensor on_host(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.detach().to(at::kCPU, type).contiguous();
}

// In pieces of a few milliseconds: a record of a large cloud is gigabytes.
template <typename T>
Array<T> array_of(const at::Tensor& tensor, at::ScalarType type, const Job* job) {
  if (!tensor.defined()) return {};
  const at::Tensor host = on_host(tensor, type);
  const T* const values = host.const_data_ptr<T>();
  constexpr std::int64_t piece = 1 << 21;
  std::vector<T> copy;
  copy.reserve(static_cast<std::size_t>(host.numel()));
  for (std::int64_t at = 0; at < host.numel(); at += piece) {
    if (job) job->check();
    copy.insert(copy.end(), values + at, values + std::min(at + piece, host.numel()));
  }
  return Array<T>(host.sizes().vec(), std::move(copy));
}

std::vector<std::int64_t> integers_of(const at::Tensor& tensor) {
  const at::Tensor host = on_host(tensor, at::kLong);
  const std::int64_t* const values = host.const_data_ptr<std::int64_t>();
  return {values, values + host.numel()};
}

// The points behind every row of a level in main order: row r holds points[begin[r] .. begin[r + 1]).
struct RowPoints {
  std::vector<std::int64_t> begin;
  std::vector<std::int32_t> points;
};

RowPoints points_of_rows(const Batch& batch, const LayerPlace& place) {
  const LevelGeometry& level = batch.levels[static_cast<std::size_t>(place.pool_level)];
  const std::size_t rows = static_cast<std::size_t>(level.mask.size(0));
  RowPoints result;
  result.begin.assign(rows + 1, 0);
  const std::int64_t span = batch.slot_point.size(0) / static_cast<std::int64_t>(rows);
  if (span == 1) {  // copies of duplicate padding are keys, so they name the point that they copy
    const std::vector<std::int64_t> slot_point = integers_of(batch.slot_point), mask = integers_of(level.mask);
    for (std::size_t slot = 0; slot < rows; ++slot) {
      if (mask[slot]) result.points.push_back(static_cast<std::int32_t>(slot_point[slot]));
      result.begin[slot + 1] = static_cast<std::int64_t>(result.points.size());
    }
    return result;
  }
  const std::vector<std::int64_t> point_slot = integers_of(batch.point_slot);
  for (const std::int64_t slot : point_slot) ++result.begin[static_cast<std::size_t>(slot / span) + 1];
  for (std::size_t row = 0; row < rows; ++row) result.begin[row + 1] += result.begin[row];
  std::vector<std::int64_t> next(result.begin.begin(), result.begin.end() - 1);
  result.points.resize(point_slot.size());
  for (std::size_t point = 0; point < point_slot.size(); ++point)
    result.points[static_cast<std::size_t>(next[static_cast<std::size_t>(point_slot[point] / span)]++)] =
        static_cast<std::int32_t>(point);
  return result;
}

// Fills the layer's slots: which points they hold, and which slot answers for a point.
void fill_slots(LayerTap& layer, const Batch& batch, const LayerPlace& place, const Job* job) {
  const LevelGeometry& level = batch.levels[static_cast<std::size_t>(place.pool_level)];
  const RowPoints rows = points_of_rows(batch, place);
  if (job) job->check();
  const std::int64_t span = batch.slot_point.size(0) / level.mask.size(0);
  std::vector<std::int64_t> source, mask, inverse;
  if (place.rotated) {
    source = integers_of(level.rotated.source);
    mask = integers_of(level.rotated.mask);
    inverse = integers_of(level.rotated.inverse);
  }
  const std::size_t slots = place.rotated ? source.size() : rows.begin.size() - 1;
  layer.slot_point_begin.reserve(slots + 1);
  layer.slot_points.reserve(rows.points.size());
  layer.slot_point_begin.assign(1, 0);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    if (!place.rotated || mask[slot]) {
      const std::size_t row = place.rotated ? static_cast<std::size_t>(source[slot]) : slot;
      layer.slot_points.insert(layer.slot_points.end(), rows.points.begin() + rows.begin[row],
                               rows.points.begin() + rows.begin[row + 1]);
    }
    layer.slot_point_begin.push_back(static_cast<std::int64_t>(layer.slot_points.size()));
  }
  if (job) job->check();
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
  fill_slots(layer, batch, place, context.job);
  return layer;
}

}  // namespace

void record_ball_layer(ForwardContext& context, const Batch& batch, const LayerPlace& place,
                       const BallLayerRecord& record) {
  if (!context.recorder) return;
  const auto floats_of = [&](const at::Tensor& tensor) { return array_of<float>(tensor, at::kFloat, context.job); };
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
  const auto floats_of = [&](const at::Tensor& tensor) { return array_of<float>(tensor, at::kFloat, context.job); };
  LayerTap layer = start_layer(context, batch, place, LayerKind::Nsa, trace.q, trace.k);
  layer.ball_size = static_cast<int>(geometry.ball_size);
  layer.block_size = static_cast<int>(geometry.block_size);
  layer.positions = floats_of(geometry.positions);
  layer.sigma = floats_of(sigma);
  layer.gate = floats_of(trace.gate);
  layer.lse_local = floats_of(trace.local.lse);
  layer.lse_compressed = floats_of(trace.compressed.lse);
  layer.lse_selected = floats_of(trace.selected.lse);
  layer.selected = array_of<std::int32_t>(trace.selection.ids, at::kInt, context.job);
  layer.selected_score = floats_of(trace.selection.scores);
  if (trace.hidden.defined())
    for (const std::int64_t block : integers_of(trace.hidden)) layer.hidden_block.push_back(static_cast<char>(block));
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
