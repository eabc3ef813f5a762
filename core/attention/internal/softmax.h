#pragma once
// The arithmetic that attention rows and missed mass share: logits in float64 from a record's float32 numbers.

#include <cstdint>
#include <span>
#include <vector>

#include "core/attention/attention_query.h"

namespace erwin::attention {

// A run of slots.
struct SlotRange {
  std::int64_t begin = 0, end = 0;
};

// Index into the vectors of this room.
constexpr std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

// Where a row's keys lie and what their logits are.
struct Keys {
  const Array<float>& k;  // [slots, G, D]
  int kv_head;
  double scale;                             // 1 / sqrt(D)
  const Array<float>* positions = nullptr;  // with sigma: the distance term's
  double sigma = 0;
  std::span<const double> query_position = {};
};

double dot(std::span<const double> q, std::span<const float> k);

// Logits of the real slots of `range`, in slot order; -infinity for padding. Uses the thread pool for long ranges.
void append_logits(const LayerTap& layer, const Keys& keys, std::span<const double> q, SlotRange range,
                   std::vector<double>& logits, const Job& job);

// Turns logits into weights that sum to 1 (all 0 where every logit is -infinity) and answers their log-sum-exp.
double softmax(std::span<double> logits);

// The slots of the block, ball or sample that holds `slot`.
SlotRange aligned_range(const LayerTap& layer, std::int64_t slot, int size);
SlotRange block_range(const LayerTap& layer, std::int64_t block);

// The KV head that a query head reads: floor(h G / H).
int kv_head_of(const LayerTap& layer, int head);

// Heads of a request, checked: one, or all for -1. Error{Config}.
std::vector<int> heads_of(const LayerTap& layer, int head);

// The real slot that holds a point. Error{Config} where there is none.
std::int64_t require_slot(const Tap& tap, const LayerTap& layer, std::int64_t point);

// Raises Error{Config} where q, k, v of the layer were not kept, Error{Internal} where array sizes disagree.
void require_record(const LayerTap& layer);

// Row [D] of q in float64.
std::vector<double> query_vector(const Array<float>& q, std::int64_t slot, int head);

// Blocks that a query of this slot sees at full resolution: those of its ball and those its KV head selected. [blocks]
std::vector<char> seen_blocks(const LayerTap& layer, std::int64_t slot, int head);

// Raises Error{Config} where the layer selects no blocks.
void require_selection(const LayerTap& layer);

// Does the block hold a point?
bool block_is_real(const LayerTap& layer, std::int64_t block);

}  // namespace erwin::attention
