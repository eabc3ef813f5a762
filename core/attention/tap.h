#pragma once
// What a forward pass records of its attention, so that any row can be recomputed later on demand. Linear in N: block
// ids, gates, log-sum-exp always; q, k, v of the layers asked for; never anything N x N.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/array.h"
#include "core/tree/ball_tree.h"

namespace erwin {

struct TapRequest {
  bool all_layers = false;
  std::vector<int> layers;  // layers (in order of evaluation, from 0) whose q, k, v are kept
  bool wants(int layer) const;
};

enum class LayerKind { Ball, Nsa, Full };

// One attention layer as it ran, for one sample. Rows of all [slots, ...] arrays are the slots of the partition in
// which the layer ran (the rotated tree's where `rotated`). H query heads, G key/value heads, D head width.
struct LayerTap {
  int layer = 0;     // order of evaluation, from 0
  std::string name;  // "block.3", "encoder.0.blocks.1": as in the weights' names
  LayerKind kind = LayerKind::Nsa;
  bool rotated = false;
  int pool_level = 0;  // 0: slots hold points; l > 0: slots hold nodes of the l times pooled main tree
  int ball_size = 0;   // slots; for Full all slots of the sample
  int block_size = 0;  // Nsa only
  int heads = 0, kv_heads = 0, head_dim = 0;

  // Points behind every slot as CSR: slot s holds the real points slot_points[slot_point_begin[s] .. [s + 1]); none:
  // padding, a key for nobody. With duplicate padding copies are keys, so a copy's slot lists the point that it copies
  // (at pooled levels every node lists each of its points once).
  std::vector<std::int64_t> slot_point_begin;  // [slots + 1]
  std::vector<std::int32_t> slot_points;
  // [n] the slot that holds each point, -1 where none does: the inverse of the above, filled by index_points() or by
  // the recorder itself (duplicate padding: the slot whose row becomes the point's output). Empty: slot_of_point
  // searches.
  std::vector<std::int32_t> point_slot;

  Array<float> positions;        // [slots, d] in model space (pooled levels: node centres)
  Array<float> sigma;            // [H]; empty for Full
  Array<float> gate;             // [slots, 3, H]: compressed, selected, local; Nsa only
  Array<float> lse_local;        // [slots, H]; for Ball and Full the only branch
  Array<float> lse_compressed;   // [slots, H] memory slot included
  Array<float> lse_selected;     // [slots, H]; -infinity where nothing was selected
  Array<std::int32_t> selected;  // [blocks, G, S] block ids by rank (best first), -1 where fewer exist
  Array<float> selected_score;   // [blocks, G, S]

  // [blocks] 1: hidden from every branch by a what-if, a key for nobody but its own points' local branch; empty: none.
  std::vector<char> hidden_block;

  // Kept for requested layers only.
  Array<float> q, k, v;                    // [slots, H or G, D]: compressed and selected branches (Nsa)
  Array<float> local_q, local_k, local_v;  // [slots, H or G, D]: local branch; Ball and Full: the only ones
  Array<float> block_k, block_v;           // [blocks, G, D]
  Array<float> memory_k, memory_v;         // [G, D]

  // Rows as lists instead of q and k, of kind Full: records of other programs' attention. Row s of slot s has the keys
  // weight_key[weight_begin[s] .. weight_begin[s + 1]] (slots) with the weights [entries, H], which need not sum to 1.
  std::vector<std::int64_t> weight_begin;  // [slots + 1]; empty: there are none
  std::vector<std::int32_t> weight_key;
  Array<float> weight;

  std::int64_t slots() const { return static_cast<std::int64_t>(slot_point_begin.size()) - 1; }
  bool real(std::int64_t slot) const {
    return slot_point_begin[static_cast<std::size_t>(slot)] < slot_point_begin[static_cast<std::size_t>(slot) + 1];
  }
  // Can rows be computed?
  bool has_qkv() const { return !local_q.empty() || has_weights(); }
  bool has_weights() const { return !weight_begin.empty(); }
  // The slot that holds a point (the real one, with duplicate padding); -1 where none does.
  std::int64_t slot_of_point(std::int64_t point) const;
  // Fills point_slot from slot_points; a point listed twice belongs to the first slot. Called once by the recorder.
  void index_points(std::int64_t point_count);
  bool hidden(std::int64_t block) const {
    return !hidden_block.empty() && hidden_block[static_cast<std::size_t>(block)] != 0;
  }
  // Blocks of the partition, 0 without blocks.
  std::int64_t blocks() const { return block_size > 0 ? (slots() + block_size - 1) / block_size : 0; }
};

struct Tap {
  std::int64_t point_count = 0;
  bool query_per_block = false;  // CompressedQuery::Block: the compressed branch ran once per block
  std::vector<LayerTap> layers;
  // The record of a layer by its number in order of evaluation; Error{Config} naming the layers there are.
  const LayerTap& require_layer(int layer) const;
};

using TapPtr = std::shared_ptr<const Tap>;

}  // namespace erwin
