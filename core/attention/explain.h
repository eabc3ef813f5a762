#pragma once
// One query of one layer in numbers that a person can follow: where the point sits in the ball tree, what its gates let
// through, which blocks it selected, which points it looks at most, and what the selection missed (method 8.4).

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// A run of slots as a place in space: its real points, their mean and the largest distance to it, in the file's units.
struct Place {
  std::int64_t slot_begin = 0, slot_end = 0;  // the layer's own slots
  std::int64_t points = 0;
  std::array<double, 3> centre{};
  double radius = 0;
};

// A node of the layer's tree that holds the query; level 0 is the root.
struct PathNode {
  int level = 0;
  std::int64_t node = 0;  // index within its level, in slot order
  Place place;
  int split_axis = -1;    // axis on which its children part (of the rotated frame in a rotated layer), -1: none
  bool is_ball = false;   // the local attention's ball
  bool is_block = false;  // the query's block
};

struct Gates {
  double local = 1, compressed = 0, selected = 0;
};

struct ExplainedBlock {
  SelectedBlock selected;
  Place place;
  double compressed_weight = 0;  // what the compressed branch gives the same block, gated
};

struct ExplainedMiss {
  MissedBlock missed;
  Place place;
};

struct AttendedPoint {
  std::int64_t id = 0;     // row in the file
  std::int64_t point = 0;  // index in the cloud
  double weight = 0;       // of A, compressed weights spread over their blocks
  std::array<double, 3> position{};
  double distance = 0;                        // to the query, in the file's units
  bool in_ball = false, in_selected = false;  // how it is seen at full resolution
};

struct Explanation {
  std::int64_t id = 0, point = 0, frame = 0;
  std::array<double, 3> position{};

  int layer = 0;
  std::string name;
  LayerKind kind = LayerKind::Nsa;
  bool rotated = false;
  int pool_level = 0;
  int head = -1;  // -1: mean over the heads
  int heads = 0, kv_heads = 0, head_dim = 0, ball_size = 0, block_size = 0;
  bool query_per_block = false;
  std::int64_t slot = 0, slots = 0, block = -1;  // where the query sits in this layer; block -1: no blocks

  std::vector<PathNode> path;     // from the root to the slot
  Gates gates;                    // of `head`
  std::vector<Gates> head_gates;  // [heads]
  // Parts of the row: sums of A over real points by branch, and the memory slot. `sum` is their total and must equal
  // `expected_sum` = g_l + g_c + g_s [something was selected].
  double local = 0, compressed = 0, selected_sum = 0, memory = 0, sum = 0, expected_sum = 0;
  double effective_keys = 0;  // exp of the entropy of A over points: over how many points the look is spread
  double lse_gap = 0;         // how far the recomputation is from the recorded log-sum-exp
  std::vector<ExplainedBlock> selected;
  std::vector<AttendedPoint> top;  // heaviest first, ties to the lower point
  std::optional<double> recall;    // Nsa only
  double missed_sum = 0;
  std::vector<ExplainedMiss> misses;
};

struct ExplainRequest {
  std::int64_t point = 0;  // index in the cloud
  std::int64_t frame = 0;
  int layer = 0;
  int head = -1;
  int top = 10;  // attended points listed
};

// The tree in which a layer ran, with its levels: the main one, or the rotated one of the layer's pooled level. Levels
// that the trees lack are computed here, from positions [n, d] in model space and the rotation's angle. Error{Internal}
// where there is no such tree.
BallTreePtr tree_of_layer(const LayerTap& layer, const BallTreePtr& main, std::span<const BallTreePtr> rotated,
                          std::span<const float> positions, double rotate_degrees, const Job& job = {});

// For a record without trees: its root, balls, blocks and slots as levels, without centres or split axes.
BallTree tree_of_runs(const LayerTap& layer);

// tree: tree_of_layer's. Raises what attention_row raises; Error{Internal} where tree, cloud and record do not belong
// together.
Explanation explain(const Tap& tap, const PointCloud& cloud, const BallTree& tree, const ExplainRequest& request,
                    const Job& job = {});

// What an explanation was made from; empty strings and lists are left out of the text.
struct ExplanationSource {
  std::string checkpoint, data, sample, model, device, unit;
  struct Value {
    std::string name, unit;  // "prediction", "target", "error" at the query
    std::vector<double> components;
  };
  std::vector<Value> values;
};

// One document for all explained layers of one query; schema 1, see resources/help/explain.md. Numbers that are not
// finite become null.
std::string to_json(const std::vector<Explanation>& layers, const ExplanationSource& source);
// For a terminal of 100 columns.
std::string to_text(const std::vector<Explanation>& layers, const ExplanationSource& source);

}  // namespace erwin
