// Each axis is sorted once; a split then is a stable partition of the sorted orders (the split axis' own order is cut
// as it stands). Large nodes go level by level with all threads in every level; a node of few points is copied into a
// compact workspace that stays in the nearest cache and is finished by one thread.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/ball_tree/axis_order.h"
#include "kernels/ball_tree/ball_tree.h"
#include "kernels/parallel/parallel.h"

namespace erwin::kernels {

namespace {

constexpr std::int64_t compact_points = 1024;
constexpr std::int64_t chunk_points = 1 << 15;

struct Node {
  std::int64_t slot, slots;
  std::int64_t begin, count;  // its points in the orders
  int buffer;                 // which of the two buffers holds its orders
};

std::int64_t left_points(std::int64_t points, std::int64_t left, std::int64_t slots) {
  return points * left / slots;
}

// How many of `items` that share `points` are worth a thread's waking up.
std::int64_t grain_of(std::int64_t items, std::int64_t points, std::int64_t worthwhile) {
  return std::max<std::int64_t>(1, items * worthwhile / points);
}

// Writes the points into their slots.
class Slots {
public:
  explicit Slots(const BallTreeParams& params) : params_(params) {}
  void put(std::int64_t slot, std::int32_t point) const {
    params_.slot_point[slot] = point;
    params_.slot_mask[slot] = 1;
    params_.point_slot[point] = static_cast<std::int32_t>(slot);
  }
  // A point alone in a node: it goes right while nodes have more than two slots, then to the even slot.
  void put_alone(std::int64_t slot, std::int64_t slots, std::int32_t point) const {
    while (slots > 2) {
      const std::int64_t left = left_slots(slots, params_.unit);
      slot += left;
      slots -= left;
    }
    put(slot, point);
  }

private:
  const BallTreeParams& params_;
};

// Stable partition by a 0/1 mark per point: zeros from `left` on, ones from `right` on.
template <typename Index>
void partition(const Index* from, std::int64_t count, const std::uint8_t* marks, Index* to, std::int64_t left,
               std::int64_t right) {
  for (std::int64_t i = 0; i < count; ++i) {
    const Index id = from[i];
    const std::int64_t mark = marks[id];
    to[mark ? right : left] = id;
    right += mark;
    left += 1 - mark;
  }
}

// A node of at most compact_points points, renumbered from 0.
class CompactNode {
public:
  void run(const BallTreeParams& params, const Node& node, std::int32_t* const (&orders)[3], std::uint16_t* local_of) {
    params_ = &params;
    dimension_ = params.dimension;
    for (std::int64_t i = 0; i < node.count; ++i) {
      const std::int32_t id = orders[0][node.begin + i];
      ids_[i] = id;
      local_of[id] = static_cast<std::uint16_t>(i);
      for (int a = 0; a < dimension_; ++a) x_[a][i] = params.positions[std::int64_t{id} * dimension_ + a];
    }
    for (int a = 0; a < dimension_; ++a)
      for (std::int64_t i = 0; i < node.count; ++i) order_[0][a][i] = local_of[orders[a][node.begin + i]];
    split(0, 0, node.count, node.slot, node.slots);
  }

private:
  double extent(int buffer, int axis, std::int64_t begin, std::int64_t count) const {
    const auto& order = order_[buffer][axis];
    return x_[axis][order[begin + count - 1]] - x_[axis][order[begin]];
  }

  int widest(int buffer, std::int64_t begin, std::int64_t count) const {
    int axis = 0;
    double best = extent(buffer, 0, begin, count);
    for (int a = 1; a < dimension_; ++a) {
      const double width = extent(buffer, a, begin, count);
      if (width > best) best = width, axis = a;
    }
    return axis;
  }

  void split(int buffer, std::int64_t begin, std::int64_t count, std::int64_t slot, std::int64_t slots) {
    const Slots out(*params_);
    if (count == 0) return;
    if (count == 1) return out.put_alone(slot, slots, ids_[order_[buffer][0][begin]]);
    const int axis = widest(buffer, begin, count);
    if (slots == 2) {
      out.put(slot, ids_[order_[buffer][axis][begin]]);
      out.put(slot + 1, ids_[order_[buffer][axis][begin + 1]]);
      return;
    }
    const std::int64_t left = left_slots(slots, params_->unit);
    const std::int64_t half = left_points(count, left, slots);
    const int next = half > 0 && half < count ? 1 - buffer : buffer;
    if (next != buffer) {
      const std::uint16_t* const chosen = order_[buffer][axis] + begin;
      for (std::int64_t i = 0; i < count; ++i) mark_[chosen[i]] = i >= half;
      for (int a = 0; a < dimension_; ++a) {
        if (a == axis)
          std::copy_n(chosen, count, order_[next][a] + begin);
        else
          partition(order_[buffer][a] + begin, count, mark_, order_[next][a] + begin, 0, half);
      }
    }
    split(next, begin, half, slot, left);
    split(next, begin + half, count - half, slot + left, slots - left);
  }

  const BallTreeParams* params_ = nullptr;
  int dimension_ = 0;
  std::int32_t ids_[compact_points];
  double x_[3][compact_points];
  std::uint16_t order_[2][3][compact_points];
  std::uint8_t mark_[compact_points];
};

// The large nodes: one level at a time, cut into chunks that all threads share.
class LargeNodes {
public:
  LargeNodes(const BallTreeParams& params, std::vector<std::int32_t> (&orders)[3])
      : params_(params), marks_(new std::uint8_t[static_cast<std::size_t>(params.points)]) {
    for (int a = 0; a < params.dimension; ++a) {
      spare_[a].reset(new std::int32_t[static_cast<std::size_t>(params.points)]);
      order_[0][a] = orders[a].data();
      order_[1][a] = spare_[a].get();
    }
  }

  // Splits until every node is small enough; returns those, in slot order of no importance. False when stopped.
  bool run(std::vector<Node>& small) {
    std::vector<Node> level{{0, params_.slots, 0, params_.points, 0}};
    while (!level.empty()) {
      std::vector<Node> large;
      for (const Node& node : level) (node.count > compact_points ? large : small).push_back(node);
      if (large.empty()) return true;
      if (params_.stop.stopped()) return false;
      split_level(large);
      level.clear();
      for (const Node& node : large) {
        const std::int64_t left = left_slots(node.slots, params_.unit);
        const std::int64_t half = left_points(node.count, left, node.slots);
        level.push_back({node.slot, left, node.begin, half, 1 - node.buffer});
        level.push_back({node.slot + left, node.slots - left, node.begin + half, node.count - half, 1 - node.buffer});
      }
    }
    return true;
  }

  std::int32_t* const (&orders(int buffer) const)[3] { return order_[buffer]; }

private:
  struct Piece {
    std::int64_t node, first, last;     // points of the node, from its begin
    std::int64_t lefts[3] = {0, 0, 0};  // points of the left child before this piece, by axis
  };

  double extent(const Node& node, int axis) const {
    const std::int32_t* const order = order_[node.buffer][axis] + node.begin;
    return params_.positions[std::int64_t{order[node.count - 1]} * params_.dimension + axis] -
           params_.positions[std::int64_t{order[0]} * params_.dimension + axis];
  }

  int widest(const Node& node) const {
    int axis = 0;
    double best = extent(node, 0);
    for (int a = 1; a < params_.dimension; ++a) {
      const double width = extent(node, a);
      if (width > best) best = width, axis = a;
    }
    return axis;
  }

  void split_level(const std::vector<Node>& nodes) {
    std::vector<int> axes(nodes.size());
    std::vector<std::int64_t> halves(nodes.size());
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      axes[i] = widest(nodes[i]);
      halves[i] = left_points(nodes[i].count, left_slots(nodes[i].slots, params_.unit), nodes[i].slots);
      for (std::int64_t first = 0; first < nodes[i].count; first += chunk_points)
        pieces.push_back({static_cast<std::int64_t>(i), first, std::min(nodes[i].count, first + chunk_points)});
    }
    const std::int64_t grain = grain_of(static_cast<std::int64_t>(pieces.size()), params_.points, chunk_points / 2);
    const auto for_pieces = [&](const auto& body) {
      parallel_for(0, static_cast<std::int64_t>(pieces.size()), grain, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) {
          Piece& piece = pieces[static_cast<std::size_t>(i)];
          const auto index = static_cast<std::size_t>(piece.node);
          body(piece, nodes[index], axes[index], halves[index]);
        }
      });
    };
    for_pieces([&](const Piece& piece, const Node& node, int axis, std::int64_t half) {
      const std::int32_t* const from = order_[node.buffer][axis] + node.begin;
      std::int32_t* const to = order_[1 - node.buffer][axis] + node.begin;
      for (std::int64_t i = piece.first; i < piece.last; ++i) {
        marks_[static_cast<std::size_t>(from[i])] = i >= half;
        to[i] = from[i];
      }
    });
    for_pieces([&](Piece& piece, const Node& node, int axis, std::int64_t) {
      if (node.count <= chunk_points) return;  // the only piece of its node: nothing before it
      for (int a = 0; a < params_.dimension; ++a) {
        if (a == axis) continue;
        const std::int32_t* const from = order_[node.buffer][a] + node.begin;
        std::int64_t rights = 0;
        for (std::int64_t i = piece.first; i < piece.last; ++i) rights += marks_[static_cast<std::size_t>(from[i])];
        piece.lefts[a] = piece.last - piece.first - rights;
      }
    });
    sum_before(pieces);
    for_pieces([&](const Piece& piece, const Node& node, int axis, std::int64_t half) {
      for (int a = 0; a < params_.dimension; ++a) {
        if (a == axis) continue;
        partition(order_[node.buffer][a] + node.begin + piece.first, piece.last - piece.first, marks_.get(),
                  order_[1 - node.buffer][a] + node.begin, piece.lefts[a], half + piece.first - piece.lefts[a]);
      }
    });
  }

  static void sum_before(std::vector<Piece>& pieces) {
    std::int64_t sums[3] = {0, 0, 0};
    for (Piece& piece : pieces)
      for (int a = 0; a < 3; ++a) {
        if (piece.first == 0) sums[a] = 0;
        const std::int64_t own = piece.lefts[a];
        piece.lefts[a] = sums[a];
        sums[a] += own;
      }
  }

  const BallTreeParams& params_;
  std::unique_ptr<std::uint8_t[]> marks_;
  std::unique_ptr<std::int32_t[]> spare_[3];
  std::int32_t* order_[2][3] = {};
};

// Padding holds the point of the even slot of its pair; in an empty pair that of the first occupied slot.
void fill_padding(const BallTreeParams& params) {
  std::int64_t first = 0;
  while (!params.slot_mask[first]) ++first;
  const std::int32_t anybody = params.slot_point[first];
  parallel_for(0, (params.slots + 1) / 2, 1 << 14, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pair = begin; pair < end; ++pair) {
      const std::int64_t even = 2 * pair, odd = even + 1;
      if (!params.slot_mask[even]) params.slot_point[even] = anybody;
      if (odd < params.slots && !params.slot_mask[odd]) params.slot_point[odd] = params.slot_point[even];
    }
  });
}

}  // namespace

bool build_ball_tree_cpu(const BallTreeParams& params) {
  std::vector<std::int32_t> orders[3];
  if (!sort_axes(params.positions, params.points, params.dimension, params.stop, orders)) return false;
  std::memset(params.slot_mask, 0, static_cast<std::size_t>(params.slots));
  LargeNodes large(params, orders);
  std::vector<Node> small;
  if (!large.run(small)) return false;
  const std::unique_ptr<std::uint16_t[]> local_of(new std::uint16_t[static_cast<std::size_t>(params.points)]);
  const std::int64_t nodes = static_cast<std::int64_t>(small.size());
  parallel_for(0, nodes, grain_of(nodes, params.points, 2 * compact_points),
               [&](std::int64_t first, std::int64_t last) {
                 const auto workspace = std::make_unique<CompactNode>();
                 for (std::int64_t i = first; i < last && !params.stop.stopped(); ++i) {
                   const Node& node = small[static_cast<std::size_t>(i)];
                   if (node.count > 0) workspace->run(params, node, large.orders(node.buffer), local_of.get());
                 }
               });
  if (params.stop.stopped()) return false;
  fill_padding(params);
  return true;
}

}  // namespace erwin::kernels
