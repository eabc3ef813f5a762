#pragma once
// A window of a layer's attention matrix in the order of the layer's own tree, at any level from the root to single
// slots: rows are the queries of tree nodes, columns the keys of tree nodes.
//
// A cell is the mean over the row node's queries (its real slots) of the sum over the column node's keys of A (method
// 8.4; compressed weights are spread evenly over the real points of their block). A whole row of the matrix and its
// memory share therefore add up to the mean of g_l + g_c + g_s [something was selected].
//
// Only the window is computed, row by row, in memory of the size of the window: a window of a cloud of 10^6 points
// costs its rows' queries times its columns' keys, not the cloud squared.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/tree/ball_tree.h"

namespace erwin {

// Nodes along an axis, as slots of the layer: cell i holds slots slot_begin[i] .. slot_begin[i + 1]. Ascending.
struct MatrixAxis {
  std::vector<std::int64_t> slot_begin;
  std::int64_t cells() const { return slot_begin.empty() ? 0 : static_cast<std::int64_t>(slot_begin.size()) - 1; }
};

// The nodes of a level of the layer's own tree (tree_of_layer's; level 0 is the root, its last the single slots) that
// lie in slots [first, last); last -1: to the end. In a pooled layer levels below its nodes are its slots. Raises
// Error{Config} for a level or slots that are not there, Error{Internal} where the tree is not the layer's.
MatrixAxis axis_of_level(const LayerTap& layer, const BallTree& tree, int level, std::int64_t first = 0,
                         std::int64_t last = -1);
// Runs of `size` slots in [first, last): blocks, balls and every level below a unit, without a tree.
MatrixAxis axis_of_size(const LayerTap& layer, std::int64_t size, std::int64_t first = 0, std::int64_t last = -1);
// How many levels the tree has for this layer: levels 0 .. count - 1.
int level_count(const LayerTap& layer, const BallTree& tree);

struct MatrixRequest {
  int layer = 0;
  int head = -1;
  Branch branch = Branch::All;
  MatrixAxis rows = {}, columns = {};
  // 0: exact, over every query. Otherwise approximate: a row is made from at most this many of its blocks, evenly
  // spread, each with the mean of its queries and gates; good for a first look at rows that hold many queries.
  int blocks_per_row = 0;
};

struct AttentionMatrix {
  MatrixRequest request;
  std::vector<float> cells;           // [rows, columns]
  std::vector<float> memory;          // [rows] the memory slot's share
  std::vector<std::int64_t> queries;  // [rows] real slots of the row's node (0: an empty node, all zero)
  std::vector<char> exact;            // [rows] 0: from mean queries
  std::vector<char> done;             // [rows] 0: not computed yet
  bool complete() const;
  // No row is approximate (of those done).
  bool is_exact() const;
};

// Called after every chunk of rows with the matrix so far; rows [first, last) are new.
using MatrixProgress = std::function<void(const AttentionMatrix& matrix, std::int64_t first, std::int64_t last)>;

// Raises what attention_row raises; Error{Config} for an empty axis, one that leaves the layer, or more than 2^24
// cells.
AttentionMatrix attention_matrix(const Tap& tap, const MatrixRequest& request, const Job& job = {},
                                 const MatrixProgress& progress = {});

// Makes the approximate and missing rows of a matrix exact; those that are exact already stay.
void refine(const Tap& tap, AttentionMatrix& matrix, const Job& job = {}, const MatrixProgress& progress = {});

}  // namespace erwin
