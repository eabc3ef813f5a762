#pragma once
// What one question to one layer looks like to a person: where point i looks, what its block selected, how its gates
// stand. Plain values, made from a Tap on whatever thread owns it, drawn by the scene and listed by the query panel.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/tree/slot_points.h"

namespace erwin {

struct QueryRequest {
  std::int64_t point = -1;  // index in the cloud; -1: no question
  int layer = 0;
  int head = -1;  // -1: mean over the heads
  Branch branch = Branch::All;
  bool operator==(const QueryRequest&) const = default;
};

struct LayerInfo {
  int layer = 0;
  std::string name;
  LayerKind kind = LayerKind::Nsa;
  bool rotated = false;  // balls and blocks are the rotated tree's
  int pool_level = 0;    // > 0: slots hold nodes
  int heads = 0, kv_heads = 0, ball_size = 0, block_size = 0;
  std::int64_t nodes = 0;                   // slots that hold something: points, or nodes of the pooled level
  std::shared_ptr<const SlotPoints> slots;  // the order in which the layer ran; layers of one tree share it
};
LayerInfo describe(const LayerTap& layer);
std::vector<LayerInfo> describe(const Tap& tap);
// Which tree and level a layer runs in: "main tree", "rotated tree, pooled level 1: 448 nodes".
std::string tree_caption(const LayerInfo& layer);
// "layer 3 (block.3, nsa, rotated tree)".
std::string caption_of(const LayerInfo& layer);

// A block that the query's own block selected; with several KV heads the best rank any of them gave it.
struct MarkedBlock {
  std::int32_t block = 0;
  int rank = 0;  // 0 is the best
  float score = 0;
  double weight = 0;
  std::vector<std::int32_t> points;
};

struct TopPoint {
  std::int32_t point = 0;
  float weight = 0;
};

struct QueryView {
  QueryRequest request;
  LayerInfo layer;
  AttentionRow row;
  std::shared_ptr<const Field> attention;  // "attention", scalar, one value per point
  std::vector<std::int32_t> ball;          // points of the query's ball in this layer, ascending
  std::vector<MarkedBlock> blocks;         // by rank
  std::vector<TopPoint> top;               // the 16 heaviest points, heaviest first
  // "compressed weight", scalar: what the compressed branch gives the block that holds the point, as one number for the
  // block, not spread over its points. Null where the row has no compressed branch.
  std::shared_ptr<const Field> compressed;
  std::int64_t slot = -1;                     // the query's, in the layer's order
  std::int64_t ball_begin = 0, ball_end = 0;  // slots of its ball
  bool changed = false;                       // of a run with changes (what_if_view.h), not of the network as it is
};

// One question to several heads, for pictures beside each other.
struct HeadRows {
  QueryRequest request;  // its head does not count
  std::vector<int> heads;
  std::vector<std::shared_ptr<const QueryView>> rows;  // one per head
  bool changed = false;                                // of a run with changes (what_if_view.h)
};

// Raises what attention_row raises.
QueryView make_query_view(const Tap& tap, const QueryRequest& request, const Job& job = {});

// The same for each of these heads.
std::vector<std::shared_ptr<const QueryView>> make_query_views(const Tap& tap, QueryRequest request,
                                                               const std::vector<int>& heads, const Job& job = {});

}  // namespace erwin
