#pragma once
// The ball tree's compute core: points into slots, and the numbers of its nodes. Plain pointers and sizes, so that a
// CUDA kernel can take the same structs. The tree depends on the set of points alone, never on threads or chunks.

#include <cstdint>

namespace erwin::kernels {

// Slots of the left child: nodes of more than one unit split by whole units, a unit splits in halves.
inline std::int64_t left_slots(std::int64_t slots, std::int64_t unit) {
  return slots > unit ? slots / unit / 2 * unit : slots / 2;
}

// Asked now and then during long work; true ends it early.
struct StopQuestion {
  bool (*asked)(const void* context) = nullptr;
  const void* context = nullptr;
  bool stopped() const { return asked && asked(context); }
};

// A node of n points and s slots gives floor(n * left / s) points to its left child. It splits across its widest axis
// (the lowest on ties); points are ordered by (coordinate on that axis, the other axes cyclically, id).
struct BallTreeParams {
  const double* positions = nullptr;  // [points, dimension], finite
  std::int64_t points = 0;            // 1 <= points <= slots < 2^31
  int dimension = 3;                  // 1 to 3
  std::int64_t slots = 0;             // a multiple of unit
  std::int64_t unit = 0;              // a power of two
  // [slots] out: point id; in padding that of the even slot, in an empty pair that of the first occupied slot
  std::int32_t* slot_point = nullptr;
  std::uint8_t* slot_mask = nullptr;   // [slots] out: 1 real, 0 padding
  std::int32_t* point_slot = nullptr;  // [points] out: the slot that holds the point
  StopQuestion stop;
};

// False when stopped before the end; the outputs are then unfinished.
bool build_ball_tree_cpu(const BallTreeParams& params);

// One level's nodes, in slot order. Empty nodes get zeros.
struct BallLevelParams {
  const std::int64_t* slot_begin = nullptr;  // [nodes + 1]
  std::int64_t nodes = 0;
  std::int32_t* point_count = nullptr;  // [nodes] out
  std::int8_t* split_axis = nullptr;    // [nodes] out: widest axis, -1 for fewer than two points
  double* centre = nullptr;             // [nodes, 3] out: mean of the real points
  double* radius = nullptr;             // [nodes] out: largest distance of a real point to the centre
  double* box_minimum = nullptr;        // [nodes, 3] out
  double* box_maximum = nullptr;        // [nodes, 3] out
};

// All levels, root first; the last one has nodes of one slot. A node's children are the nodes of the next level that
// begin within it (one where it does not split).
struct BallNodesParams {
  const double* positions = nullptr;  // [points, dimension]
  int dimension = 3;
  std::int64_t points = 0;
  std::int64_t slots = 0;
  const std::int32_t* slot_point = nullptr;  // [slots]
  const std::uint8_t* slot_mask = nullptr;   // [slots]
  const BallLevelParams* levels = nullptr;   // [level_count]
  int level_count = 0;
  StopQuestion stop;
};

bool ball_nodes_cpu(const BallNodesParams& params);

}  // namespace erwin::kernels
