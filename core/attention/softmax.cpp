#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/attention/internal/softmax.h"
#include "core/base/error.h"
#include "kernels/parallel/parallel.h"

namespace erwin::attention {

namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

// Keys per piece of work between two looks at the stop token (far below 50 ms).
constexpr std::int64_t keys_per_chunk = 1 << 17;

double distance(std::span<const double> p, std::span<const float> q) {
  double sum = 0;
  for (std::size_t axis = 0; axis < p.size(); ++axis) {
    const double difference = p[axis] - static_cast<double>(q[axis]);
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

void require_shape(const Array<float>& array, std::vector<std::int64_t> shape, const char* what,
                   const LayerTap& layer) {
  if (array.shape() != shape)
    throw Error(ErrorKind::Internal, std::string("the attention record's ") + what + " has the wrong size",
                "layer " + std::to_string(layer.layer) + " " + layer.name);
}

}  // namespace

double dot(std::span<const double> q, std::span<const float> k) {
  // Four sums: additions need not wait for one another.
  double sums[4] = {};
  std::size_t e = 0;
  for (; e + 4 <= q.size(); e += 4)
    for (std::size_t i = 0; i < 4; ++i) sums[i] += q[e + i] * static_cast<double>(k[e + i]);
  for (; e < q.size(); ++e) sums[0] += q[e] * static_cast<double>(k[e]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void append_logits(const LayerTap& layer, const Keys& keys, std::span<const double> q, SlotRange range,
                   std::vector<double>& logits, const Job& job) {
  const std::size_t start = logits.size();
  logits.resize(start + at(range.end - range.begin));
  const auto fill = [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t slot = first; slot < last; ++slot) {
      double& logit = logits[start + at(slot - range.begin)];
      logit = minus_infinity;
      if (!layer.real(slot)) continue;
      logit = dot(q, keys.k.row({slot, keys.kv_head})) * keys.scale;
      if (keys.positions) logit += keys.sigma * distance(keys.query_position, keys.positions->row({slot}));
    }
  };
  for (std::int64_t first = range.begin; first < range.end; first += keys_per_chunk) {
    job.check();
    const std::int64_t last = std::min(range.end, first + keys_per_chunk);
    if (last - first <= 4096)
      fill(first, last);
    else
      parallel_for(first, last, 4096, fill);
  }
}

double softmax(std::span<double> logits) {
  double largest = minus_infinity;
  for (const double logit : logits) largest = std::max(largest, logit);
  if (largest == minus_infinity) {
    std::fill(logits.begin(), logits.end(), 0.0);
    return minus_infinity;
  }
  double sum = 0;
  for (double& value : logits) sum += value = std::exp(value - largest);
  for (double& value : logits) value /= sum;
  return largest + std::log(sum);
}

SlotRange aligned_range(const LayerTap& layer, std::int64_t slot, int size) {
  const std::int64_t begin = slot / size * size;
  return {begin, std::min(layer.slots(), begin + size)};
}

SlotRange block_range(const LayerTap& layer, std::int64_t block) {
  return {block * layer.block_size, std::min(layer.slots(), (block + 1) * layer.block_size)};
}

int kv_head_of(const LayerTap& layer, int head) {
  return head * layer.kv_heads / layer.heads;
}

std::vector<int> heads_of(const LayerTap& layer, int head) {
  if (head < -1 || head >= layer.heads)
    throw Error(ErrorKind::Config, "there is no head " + std::to_string(head),
                "layer " + std::to_string(layer.layer) + " has heads 0 to " + std::to_string(layer.heads - 1),
                "Give one of them, or none for the mean over heads");
  if (head >= 0) return {head};
  std::vector<int> all(at(layer.heads));
  for (int h = 0; h < layer.heads; ++h) all[at(h)] = h;
  return all;
}

std::int64_t require_slot(const Tap& tap, const LayerTap& layer, std::int64_t point) {
  if (point < 0 || point >= tap.point_count)
    throw Error(ErrorKind::Config, "there is no point " + std::to_string(point),
                "the sample has points 0 to " + std::to_string(tap.point_count - 1));
  const std::int64_t slot = layer.slot_of_point(point);
  if (slot < 0)
    throw Error(ErrorKind::Config, "point " + std::to_string(point) + " is in no slot of this layer",
                "layer " + std::to_string(layer.layer) + " " + layer.name);
  return slot;
}

void require_record(const LayerTap& layer) {
  if (!layer.has_qkv())
    throw Error(ErrorKind::Config, "the record holds no queries and keys of layer " + std::to_string(layer.layer),
                layer.name, "Ask for this layer when the prediction is made");
  if (layer.heads < 1 || layer.kv_heads < 1 || layer.heads % layer.kv_heads != 0 || layer.ball_size < 1)
    throw Error(ErrorKind::Internal, "the attention record's heads or balls make no sense", "layer " + layer.name);
  const std::int64_t n = layer.slots(), h = layer.heads, g = layer.kv_heads, d = layer.head_dim;
  if (layer.has_weights()) {
    if (std::ssize(layer.weight_begin) != n + 1 || layer.weight_begin.back() != std::ssize(layer.weight_key))
      throw Error(ErrorKind::Internal, "the attention record's rows have the wrong size", "layer " + layer.name);
    if (!layer.weight_key.empty()) require_shape(layer.weight, {std::ssize(layer.weight_key), h}, "weight", layer);
    return;
  }
  require_shape(layer.local_q, {n, h, d}, "local_q", layer);
  require_shape(layer.local_k, {n, g, d}, "local_k", layer);
  if (!layer.sigma.empty()) {
    require_shape(layer.sigma, {h}, "sigma", layer);
    if (layer.positions.shape().size() != 2) require_shape(layer.positions, {n, 3}, "positions", layer);
    require_shape(layer.positions, {n, layer.positions.size(1)}, "positions", layer);
  }
  if (!layer.lse_local.empty()) require_shape(layer.lse_local, {n, h}, "lse_local", layer);
  if (layer.kind != LayerKind::Nsa) return;
  if (!layer.lse_compressed.empty()) require_shape(layer.lse_compressed, {n, h}, "lse_compressed", layer);
  if (!layer.lse_selected.empty()) require_shape(layer.lse_selected, {n, h}, "lse_selected", layer);
  if (layer.block_size < 1)
    throw Error(ErrorKind::Internal, "the attention record has no block size", "layer " + layer.name);
  const std::int64_t blocks = layer.blocks();
  require_shape(layer.q, {n, h, d}, "q", layer);
  require_shape(layer.k, {n, g, d}, "k", layer);
  require_shape(layer.gate, {n, 3, h}, "gate", layer);
  require_shape(layer.block_k, {blocks, g, d}, "block_k", layer);
  if (!layer.memory_k.empty()) require_shape(layer.memory_k, {g, d}, "memory_k", layer);
  if (layer.selected.shape().size() != 3 || layer.selected.size(0) != blocks || layer.selected.size(1) != g ||
      layer.selected_score.shape() != layer.selected.shape())
    throw Error(ErrorKind::Internal, "the attention record's selection has the wrong size", "layer " + layer.name);
}

std::vector<char> seen_blocks(const LayerTap& layer, std::int64_t slot, int head) {
  std::vector<char> seen(at(layer.blocks()));
  const SlotRange ball = aligned_range(layer, slot, layer.ball_size);
  for (std::int64_t block = ball.begin / layer.block_size; block * layer.block_size < ball.end; ++block)
    seen[at(block)] = 1;
  for (const SelectedBlock& chosen : selected_blocks(layer, slot, head)) seen[at(chosen.block)] = 1;
  return seen;
}

void require_selection(const LayerTap& layer) {
  if (layer.kind != LayerKind::Nsa)
    throw Error(ErrorKind::Config, "this layer selects no blocks, so it misses none",
                "layer " + std::to_string(layer.layer) + " " + layer.name + " is of kind " + name_of(layer.kind));
}

bool block_is_real(const LayerTap& layer, std::int64_t block) {
  const SlotRange range = block_range(layer, block);
  return layer.slot_point_begin[at(range.begin)] < layer.slot_point_begin[at(range.end)];
}

std::vector<double> query_vector(const Array<float>& q, std::int64_t slot, int head) {
  const auto row = q.row({slot, head});
  return {row.begin(), row.end()};
}

}  // namespace erwin::attention
