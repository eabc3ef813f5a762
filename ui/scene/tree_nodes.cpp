#include "ui/scene/tree_nodes.h"

#include <algorithm>
#include <charconv>

#include "core/base/error.h"
#include "core/tree/slot_search.h"

namespace erwin::ui {

namespace {

// How many slots of the main tree a slot of the layer stands for; 0 where they do not belong together.
std::int64_t slots_per_node(const BallTree& tree, const LayerInfo& layer) {
  if (!layer.slots || layer.slots->slots() < 1 || tree.slot_count % layer.slots->slots() != 0) return 0;
  return tree.slot_count / layer.slots->slots();
}

// The tree that is shown: its levels are the main tree's in number and size, whichever order its slots have (8.1).
struct Shown {
  const BallTree* tree = nullptr;
  const LayerInfo* layer = nullptr;  // null: the tree's own order
  std::int64_t pooled = 1;           // slots of the tree in one of the layer
  int levels = 0;
};

Shown shown(const SceneData& data, const SceneState& state) {
  Shown found;
  if (!data.tree || data.tree->levels.empty()) return found;
  found.tree = data.tree.get();
  if (const LayerInfo* layer = shown_layer(data, state))
    if (const std::int64_t pooled = slots_per_node(*found.tree, *layer)) {
      found.layer = layer;
      found.pooled = pooled;
    }
  // A node is no smaller than a slot.
  for (const TreeLevel& level : found.tree->levels)
    found.levels += level.size() * found.pooled <= found.tree->slot_count;
  return found;
}

std::string count_of(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

const LayerInfo* shown_layer(const SceneData& data, const SceneState& state) {
  if (data.prediction)
    for (const LayerInfo& layer : data.prediction->layers)
      if (layer.layer == state.query.layer) return &layer;
  return data.query && data.query->layer.layer == state.query.layer ? &data.query->layer : nullptr;
}

std::string shown_tree_caption(const SceneData& data, const SceneState& state) {
  const Shown found = shown(data, state);
  return found.layer ? tree_caption(*found.layer) : "tree of the cloud";
}

int shown_level_count(const SceneData& data, const SceneState& state) {
  return shown(data, state).levels;
}

std::optional<LevelNodes> shown_level(const SceneData& data, const SceneState& state, int level) {
  const Shown found = shown(data, state);
  if (found.levels == 0) return std::nullopt;
  const TreeLevel& nodes = found.tree->levels[static_cast<std::size_t>(std::clamp(level, 0, found.levels - 1))];
  LevelNodes result;
  result.slots = found.layer ? found.layer->slots : std::make_shared<const SlotPoints>(slot_points(*found.tree));
  result.begin.reserve(nodes.slot_begin.size());
  for (const std::int64_t slot : nodes.slot_begin) result.begin.push_back(slot / found.pooled);
  return result;
}

const TreeLevel* level_of_main_tree(const SceneData& data, const SceneState& state, int level) {
  const Shown found = shown(data, state);
  if (found.levels == 0 || (found.layer && (found.layer->rotated || found.pooled > 1))) return nullptr;
  return &found.tree->levels[static_cast<std::size_t>(std::clamp(level, 0, found.levels - 1))];
}

std::int64_t node_of_point(const LevelNodes& level, std::int64_t point) {
  const std::int64_t slot = slot_of_point(*level.slots, point);
  return slot < 0 ? -1 : level.node_of_slot(slot);
}

std::int64_t node_of_query(const LevelNodes& level, const SceneData& data, const SceneState& state) {
  const bool answered = data.query && data.query->slot >= 0 && data.query->request.point == state.query.point &&
                        data.query->layer.layer == state.query.layer && data.query->layer.slots &&
                        level.slots->slots() == data.query->layer.slots->slots();
  return answered ? level.node_of_slot(data.query->slot) : node_of_point(level, state.query.point);
}

std::optional<ShownBall> only_ball(const SceneData& data, const SceneState& state) {
  const OnlyBall& only = state.only;
  if (only.which == OnlyBall::Which::All) return std::nullopt;
  const int level =
      std::clamp(only.level < 0 ? state.level : only.level, 0, std::max(0, shown_level_count(data, state) - 1));
  const auto nodes = shown_level(data, state, level);
  if (!nodes) return std::nullopt;
  std::int64_t node = std::min(only.index, nodes->size() - 1);
  if (only.which == OnlyBall::Which::Query) {
    if (state.query.point < 0 || state.query.point >= data.cloud->size()) return std::nullopt;
    node = node_of_query(*nodes, data, state);
    if (node < 0) return std::nullopt;
  }
  const auto points = nodes->points(node);
  return ShownBall{level, node, {points.begin(), points.end()}};
}

std::string padding_note(const PaddingCount& count, bool pooled) {
  const char* const one = pooled ? "node" : "point";
  const char* const many = pooled ? "nodes" : "points";
  std::string note =
      (count.fewest == count.most ? count_of(count.most, one, many)
                                  : std::to_string(count.fewest) + " to " + count_of(count.most, one, many)) +
      " in a ball";
  const std::string of = " of " + std::to_string(count.slots) + " slots ";
  if (count.masked > 0) note += "; " + std::to_string(count.masked) + of + "are padding, which nobody looks at";
  if (count.duplicate > 0)
    note += "; " + std::to_string(count.duplicate) + of + "repeat a point, which so counts twice";
  if (count.masked + count.duplicate == 0) note += "; no slot is padding";
  if (count.empty_nodes > 0) note += "; " + count_of(count.empty_nodes, "ball is", "balls are") + " all padding";
  return note;
}

std::string to_string(const OnlyBall& only) {
  if (only.which == OnlyBall::Which::All) return "all";
  const std::string level = only.level < 0 ? std::string() : std::to_string(only.level) + ":";
  return level + (only.which == OnlyBall::Which::Query ? "query" : std::to_string(only.index));
}

OnlyBall only_ball_from(const std::string& text) {
  const auto number = [&](std::string_view part) {
    std::int64_t value = -1;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (failure != std::errc() || end != part.data() + part.size() || value < 0)
      throw Error(ErrorKind::Config, "this ball is not understood", "only " + text,
                  "Write all, query or the ball's number from 0; with a level of its own 3:query or 3:7");
    return value;
  };
  OnlyBall only;
  if (text == "all") return only;
  std::string_view ball = text;
  if (const auto colon = ball.find(':'); colon != std::string_view::npos) {
    only.level = static_cast<int>(std::min<std::int64_t>(number(ball.substr(0, colon)), 62));
    ball.remove_prefix(colon + 1);
  }
  only.which = ball == "query" ? OnlyBall::Which::Query : OnlyBall::Which::Index;
  if (only.which == OnlyBall::Which::Index) only.index = number(ball);
  return only;
}

}  // namespace erwin::ui
