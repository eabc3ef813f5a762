#pragma once
// The shape of the trees of a batch of clouds. How many points every node holds follows from the numbers of points and
// slots alone (method 8.1), so the host lays out all nodes beforehand and the device has nothing to report back.

#include <cstdint>
#include <vector>

namespace erwin::kernels {

// A cloud of a batch: 1 <= points <= slots, slots a multiple of unit, unit a power of two. Points and slots of the
// clouds follow each other in the batch's arrays; all together fewer than 2^30.
struct BallCloud {
  std::int64_t points, slots, unit;
};

// Nodes of more than `small_points` points are split level by level, in tiles of at most `tile_points` points; a node
// of at most that many is finished by one thread block.
struct BallTreePlan {
  static constexpr int small_points = 1024;
  static constexpr int tile_points = 2048;

  // Entries of the table, as the device reads them. Positions are places in the batch's orders: the points of a node
  // are those at begin .. begin + count - 1, the first `half` of them go to its left child.
  struct LargeNode {
    std::int32_t begin, count, half;
  };
  struct Tile {
    std::int32_t node, first;  // number of the large node; the tile's first point, counted from the node's begin
  };
  struct SmallNode {
    std::int32_t begin, count, slot, slots, unit;
    std::int32_t buffer;  // which of the two buffers holds its orders: its depth modulo 2
  };
  struct Level {
    std::int64_t first_tile, tiles;
  };

  std::int64_t clouds = 0, points = 0, slots = 0;
  std::int64_t large_nodes = 0, tiles = 0, small_nodes = 0;
  std::vector<Level> levels;  // of large nodes, root first; the tiles of a node follow each other

  // Everything above in one array to be copied to the device, and where its parts begin:
  // point_begin [clouds + 1], slot_begin [clouds + 1], first_slot [clouds] (the first slot that holds a point),
  // then the large nodes, the tiles and the small nodes.
  std::vector<std::int32_t> table;
  std::int64_t point_begin_at() const { return 0; }
  std::int64_t slot_begin_at() const { return clouds + 1; }
  std::int64_t first_slot_at() const { return 2 * (clouds + 1); }
  std::int64_t large_nodes_at() const { return first_slot_at() + clouds; }
  std::int64_t tiles_at() const { return large_nodes_at() + 3 * large_nodes; }
  std::int64_t small_nodes_at() const { return tiles_at() + 2 * tiles; }
  std::int64_t most_tiles() const;  // of any level
};

BallTreePlan plan_ball_trees(const std::vector<BallCloud>& clouds);

// How many of a cloud's runs of `size` slots hold a point; size: a power of two, at most the unit.
std::int64_t occupied_runs(const BallCloud& cloud, std::int64_t size);

// The nodes of all levels of a batch of trees that share a unit. Below the units, nodes of one height lie in slot order
// through the whole batch: node i of height h holds slots i << h .. (i + 1 << h) - 1, whatever its cloud. Above them
// each cloud has its own levels: level l < levels(cloud) has 2^l nodes, and level levels(cloud) is its units.
struct BallNodesPlan {
  struct Cloud {
    std::int32_t unit_begin;  // first unit of the cloud
    std::int32_t units;
    std::int32_t levels;    // above the units: ceil(log2 units)
    std::int32_t upper_at;  // its nodes above the units, root first: number of the root
  };
  int unit_height = 0;        // log2 of the unit: height of the units
  std::int64_t slots = 0;     // of all clouds
  std::int64_t nodes = 0;     // of all levels and clouds
  int most_levels = 0;        // above the units, of any cloud
  std::vector<Cloud> clouds;  // to be copied to the device as it is

  // Number of the first node of a height 0 (slots) .. unit_height (units).
  std::int64_t height_at(int height) const { return 2 * slots - (2 * slots >> height); }
  // Number of the first node above the units.
  std::int64_t upper_at() const { return height_at(unit_height + 1); }
  // Number of node i of a level of a cloud, as in the cloud's own tree (level 0: its root).
  std::int64_t node(std::int64_t cloud, int level, std::int64_t i) const;
};

// slots: of each cloud, a multiple of unit.
BallNodesPlan plan_ball_nodes(const std::vector<std::int64_t>& slots, std::int64_t unit);

}  // namespace erwin::kernels
