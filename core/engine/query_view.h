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
};
LayerInfo describe(const LayerTap& layer);
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
};

// Raises what attention_row raises.
QueryView make_query_view(const Tap& tap, const QueryRequest& request, const Job& job = {});

}  // namespace erwin
