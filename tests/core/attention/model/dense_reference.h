#pragma once
// Method 8.3 and 2.1 written out over rows, one formula at a time, in double and without Torch: what the attention of a
// network's layer must be, from its weights, its input rows and the trees. Tables are rows x rows.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "core/model/weights.h"

namespace erwin::test {

using Matrix = std::vector<std::vector<double>>;

// Weights by name as matrices: rows of the last axis (a vector is one row).
class WeightTable {
public:
  explicit WeightTable(const Weights& weights);
  const Matrix& matrix(const std::string& name) const;               // raises std::out_of_range
  const std::vector<double>& vector(const std::string& name) const;  // of one row

private:
  std::map<std::string, Matrix> matrices_;
};

// What a layer works on. A row is a point, or a real node of a pooled level.
struct Rows {
  Matrix input;                                 // [rows][C] of the residual stream, before the norm
  std::vector<std::array<double, 3>> position;  // [rows]
  std::vector<int> slot;                        // [rows] in the partition in which the layer runs
  std::vector<std::vector<int>> points;         // [rows] points that the row stands for
  int slots = 0;                                // of that partition
};

struct HeadTables {
  Matrix local, selected, exact;            // [rows][rows]
  Matrix compressed;                        // [rows][blocks]
  std::vector<double> memory;               // [rows]
  std::array<std::vector<double>, 3> gate;  // compressed, selected, local: [rows]
};

struct NsaShape {
  int heads = 4, kv_heads = 2, head_dim = 8, ball = 32, block = 8, chosen = 3;
  bool pool = true;  // compression pool, else mean
  bool query_per_block = false;
};

struct NsaTables {
  std::vector<HeadTables> heads;
  std::vector<std::vector<std::vector<int>>> selected;  // [blocks][G] block ids, best first
};

// name: "block.1".
NsaTables nsa_tables(const WeightTable& weights, const std::string& name, const Rows& rows, const NsaShape& shape);
// Erwin's ball attention, name: "encoder.0.blocks.1"; only `local` is filled.
std::vector<HeadTables> ball_tables(const WeightTable& weights, const std::string& name, const Rows& rows, int heads,
                                    int ball);

}  // namespace erwin::test
