#pragma once
// Attention records made up for tests, and the attention they stand for written out densely, by another route than the
// product's: whole N x N tables over points, one textbook formula at a time.

#include <random>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"

namespace erwin::test {

struct Shape {
  const char* name = "";
  LayerKind kind = LayerKind::Nsa;
  int heads = 4, kv_heads = 2, head_dim = 8;
  int ball = 32, block = 8, chosen = 3;
  int balls = 6;
  int dimension = 3;
  double padding = 0.15;    // share of slots without a point
  int empty_block = -1;     // a block without any point
  int points_per_slot = 1;  // pooled: 1 to this many
  bool copies = false;      // duplicate padding: slots without a point of their own repeat their left neighbour's
  bool query_per_block = false;
  bool rotated = false;
  bool memory = true;
};

// A record of one layer with random numbers; recorded log-sum-exps come from the dense tables. With a tree its slots
// hold the points (shape.balls must be what it has), otherwise points are dealt at random.
Tap make_tap(const Shape& shape, unsigned seed, const BallTree* tree = nullptr);

// Softmax tables of one head over slots, dense.
struct DenseHead {
  std::vector<std::vector<double>> local, selected, exact;  // [slots][slots]; exact: q.k over all real slots
  std::vector<std::vector<double>> compressed;              // [slots][blocks]
  std::vector<double> memory, lse_local, lse_compressed, lse_selected;
};
std::vector<DenseHead> dense_heads(const Tap& tap);

// One row over points for one head, from the dense tables. branch: 0 local, 1 compressed, 2 selected.
std::vector<double> dense_points(const LayerTap& layer, const DenseHead& head, std::int64_t slot, int branch,
                                 std::int64_t point_count);

// The slot that holds a point as its own, found by looking at all of them.
std::int64_t own_slot(const LayerTap& layer, std::int64_t point);

// Method 8.4's A over points, dense: row i is that of the slot that answers for point i, of one head or (-1) averaged;
// a branch alone has no gates.
struct DenseRows {
  std::vector<std::vector<double>> weight;  // [n][n]
  std::vector<double> memory;               // [n]
};
DenseRows dense_rows(const Tap& tap, int head, Branch branch);

// Every kind of record that the numbers must be right for: plain, rotated, pooled, with copies, holes, one KV head.
std::vector<Shape> nsa_shapes();
std::vector<Shape> all_shapes();

// Positions [n, 3] of the points, made up.
std::vector<float> make_positions(std::int64_t points, unsigned seed);

}  // namespace erwin::test
