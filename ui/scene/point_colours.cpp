#include "ui/scene/point_colours.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace erwin::ui {

namespace {

struct Box {
  std::array<float, 3> low, high;
};

std::vector<Box> node_boxes(const BallTree& tree, const PointCloud& cloud, const TreeLevel& level, std::int64_t frame) {
  const auto positions = cloud.positions(frame);
  std::vector<Box> boxes(static_cast<std::size_t>(level.size()));
  for (std::size_t node = 0; node < boxes.size(); ++node) {
    Box& box = boxes[node];
    box.low.fill(std::numeric_limits<float>::infinity());
    box.high.fill(-std::numeric_limits<float>::infinity());
    for (auto slot = static_cast<std::size_t>(level.slot_begin[node]);
         slot < static_cast<std::size_t>(level.slot_begin[node + 1]); ++slot) {
      if (!tree.slot_mask[slot]) continue;
      const float* p = &positions[static_cast<std::size_t>(tree.slot_point[slot]) * 3];
      for (std::size_t k = 0; k < 3; ++k) {
        box.low[k] = std::min(box.low[k], p[k]);
        box.high[k] = std::max(box.high[k], p[k]);
      }
    }
  }
  return boxes;
}

// Squared distance between two boxes; 0 where they touch.
double gap(const Box& a, const Box& b) {
  double sum = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double d = std::max({0.0f, a.low[k] - b.high[k], b.low[k] - a.high[k]});
    sum += d * d;
  }
  return sum;
}

double diagonal(const Box& box) {
  double sum = 0;
  for (std::size_t k = 0; k < 3; ++k) sum += std::pow(std::max(0.0f, box.high[k] - box.low[k]), 2);
  return std::sqrt(sum);
}

Rgb colour_of_number(double value, const LegendScale& scale) {
  if (!std::isfinite(value)) return {128, 128, 128};
  double low = scale.minimum, high = scale.maximum;
  if (scale.logarithmic) {
    value = std::log(std::max(value, low));
    low = std::log(low);
    high = std::log(high);
  }
  return scale_colour(scale, high > low ? (value - low) / (high - low) : 0.5);
}

LegendScale scale_of(const Field& field, const SceneState& state, int component) {
  LegendScale scale;
  scale.title = field.name();
  if (field.components() > 1) scale.title += component < 0 ? " (length)" : " [" + std::to_string(component) + "]";
  scale.unit = field.unit();
  const FieldRange range = state.range.value_or(field.range(component).value_or(FieldRange{}));
  scale.minimum = range.minimum;
  scale.maximum = range.maximum;
  if (state.colour_by == ColourBy::Error) {
    scale.map = ColourMap::Diverging;
    if (!state.range) {
      scale.maximum = std::max(std::abs(range.minimum), std::abs(range.maximum));
      scale.minimum = -scale.maximum;
    }
  } else if (state.colour_by == ColourBy::Attention) {
    scale.map = ColourMap::Heat;
    scale.reversed = state.theme == Theme::Light;
    // Weights of one softmax differ by orders of magnitude.
    scale.logarithmic = scale.maximum > 0;
    if (!state.range) scale.minimum = scale.maximum / 1000;
  }
  return scale;
}

void colour_by_field(const Field& field, const SceneState& state, PointColours& result) {
  const int component = field.components() == 1 ? 0 : std::min(state.component, field.components() - 1);
  if (field.kind() == FieldKind::Label) {
    for (std::int64_t i = 0; i < field.points(); ++i) {
      const auto label = static_cast<std::int64_t>(field.value(i, 0, state.frame));
      const auto size = static_cast<std::int64_t>(palette().size());
      result.rgb[static_cast<std::size_t>(i)] = palette()[static_cast<std::size_t>((label % size + size) % size)];
    }
    result.legend.notes.push_back(field.name() + " (labels)");
    return;
  }
  const LegendScale scale = scale_of(field, state, component);
  const auto values = field.frame(state.frame);
  const auto width = static_cast<std::size_t>(field.components());
  for (std::size_t i = 0; i < result.rgb.size(); ++i) {
    double value = 0;
    if (component >= 0) {
      value = values[i * width + static_cast<std::size_t>(component)] + field.offset();
    } else {
      for (std::size_t c = 0; c < width; ++c) value += std::pow(values[i * width + c] + field.offset(), 2);
      value = std::sqrt(value);
    }
    result.rgb[i] = colour_of_number(value, scale);
  }
  result.legend.scale = scale;
  if (field.nonfinite_count() > 0)
    result.legend.notes.push_back("grey: " + std::to_string(field.nonfinite_count()) + " not finite");
}

void colour_by_balls(const SceneData& data, const SceneState& state, PointColours& result) {
  const BallTree& tree = *data.tree;
  const int level = std::clamp(state.level, 0, static_cast<int>(tree.levels.size()) - 1);
  const TreeLevel& nodes = tree.levels[static_cast<std::size_t>(level)];
  const std::vector<int> colours = ball_colours(tree, *data.cloud, level, state.frame);
  for (std::size_t node = 0; node < colours.size(); ++node)
    for (auto slot = static_cast<std::size_t>(nodes.slot_begin[node]);
         slot < static_cast<std::size_t>(nodes.slot_begin[node + 1]); ++slot)
      if (tree.slot_mask[slot])
        result.rgb[static_cast<std::size_t>(tree.slot_point[slot])] =
            palette()[static_cast<std::size_t>(colours[node])];
  result.legend.notes.push_back("level " + std::to_string(level) + ": " + std::to_string(nodes.size()) +
                                (nodes.size() == 1 ? " ball" : " balls"));
}

void mark_query(const SceneData& data, const SceneState& state, PointColours& result) {
  const SelectionMarks marks = marks_of(state);
  if (marks == SelectionMarks::Off) return;
  const QueryView& query = *data.query;
  const Palette theme = palette_of(state.theme);
  std::vector<std::uint8_t> bright(result.rgb.size(), 0);
  const auto light = [&](std::int32_t point) { bright[static_cast<std::size_t>(point)] = 1; };
  for (const std::int32_t point : query.ball) light(point);
  const int ranks = query.blocks.empty() ? 0 : query.blocks.back().rank + 1;
  for (const MarkedBlock& block : query.blocks)
    for (const std::int32_t point : block.points) {
      light(point);
      if (marks == SelectionMarks::Fill)
        result.rgb[static_cast<std::size_t>(point)] = rank_colour(block.rank, ranks, state.theme);
    }
  if (query.request.point >= 0) light(static_cast<std::int32_t>(query.request.point));
  for (std::size_t i = 0; i < result.rgb.size(); ++i)
    if (!bright[i]) result.rgb[i] = mix(result.rgb[i], theme.background, state.dim);

  auto& swatches = result.legend.swatches;
  swatches.push_back({theme.query, "query point"});
  if (!query.ball.empty()) swatches.push_back({theme.ball, "its ball"});
  if (ranks > 0) swatches.push_back({rank_colour(0, ranks, state.theme), "selected, rank 0"});
  if (ranks > 2) swatches.push_back({rank_colour(ranks / 2, ranks, state.theme), "rank " + std::to_string(ranks / 2)});
  if (ranks > 1) swatches.push_back({rank_colour(ranks - 1, ranks, state.theme), "rank " + std::to_string(ranks - 1)});
}

}  // namespace

const char* name_of(ColourBy value) {
  switch (value) {
    case ColourBy::Field:
      return "field";
    case ColourBy::Target:
      return "target";
    case ColourBy::Prediction:
      return "prediction";
    case ColourBy::Error:
      return "error";
    case ColourBy::Balls:
      return "balls";
    case ColourBy::Attention:
      return "attention";
  }
  return "field";
}

Palette palette_of(Theme theme) {
  if (theme == Theme::Dark) return {{22, 25, 31}, {226, 229, 235}, {150, 156, 168}, {255, 255, 255}, {64, 208, 232}};
  return {{248, 248, 246}, {32, 35, 42}, {96, 102, 114}, {0, 0, 0}, {0, 116, 152}};
}

SelectionMarks marks_of(const SceneState& state) {
  return state.marks.value_or(state.colour_by == ColourBy::Attention ? SelectionMarks::Outline : SelectionMarks::Fill);
}

Rgb rank_colour(int rank, int count, Theme theme) {
  const double place = count > 1 ? static_cast<double>(rank) / (count - 1) : 0;
  return map_colour(ColourMap::Heat, theme == Theme::Dark ? 1 - place : place);
}

Rgb scale_colour(const LegendScale& scale, double share) {
  return map_colour(scale.map, scale.reversed ? 1 - share : share);
}

std::vector<int> ball_colours(const BallTree& tree, const PointCloud& cloud, int level, std::int64_t frame) {
  const TreeLevel& nodes = tree.levels.at(static_cast<std::size_t>(level));
  const auto count = static_cast<std::size_t>(nodes.size());
  const auto colours_available = static_cast<int>(palette().size());
  std::vector<int> colours(count);
  // Balls too many and too small to be told apart: in turn, without looking at neighbours.
  if (count > 20000) {
    for (std::size_t node = 0; node < count; ++node) colours[node] = static_cast<int>(node % palette().size());
    return colours;
  }
  // Greedy, swept along x: of the colours that balls within reach carry, the one whose nearest bearer is farthest away.
  const std::vector<Box> boxes = node_boxes(tree, cloud, nodes, frame);
  std::vector<std::size_t> order(count), active;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return boxes[a].low[0] < boxes[b].low[0]; });
  int turn = 0;
  for (const std::size_t node : order) {
    const double reach = 0.5 * diagonal(boxes[node]);
    std::erase_if(
        active, [&](std::size_t other) { return boxes[other].high[0] + diagonal(boxes[other]) < boxes[node].low[0]; });
    std::vector<double> nearest(palette().size(), std::numeric_limits<double>::infinity());
    for (const std::size_t other : active) {
      const double d = gap(boxes[node], boxes[other]);
      double& best = nearest[static_cast<std::size_t>(colours[other])];
      if (d < reach * reach) best = std::min(best, d);
    }
    int chosen = turn;
    for (int k = 0; k < colours_available; ++k) {
      const int candidate = (turn + k) % colours_available;
      if (nearest[static_cast<std::size_t>(candidate)] > nearest[static_cast<std::size_t>(chosen)]) chosen = candidate;
    }
    colours[node] = chosen;
    turn = (chosen + 1) % colours_available;
    active.push_back(node);
  }
  return colours;
}

const Field* shown_field(const SceneData& data, const SceneState& state) {
  const auto predicted = [&](const char* name) { return data.prediction ? data.prediction->field(name) : nullptr; };
  switch (state.colour_by) {
    case ColourBy::Field:
      return data.cloud->field(state.field);
    case ColourBy::Target: {
      if (const Field* field = predicted("target")) return field;
      if (const Field* field = data.cloud->field(data.target)) return field;
      return data.cloud->fields().empty() ? nullptr : &data.cloud->fields().front();
    }
    case ColourBy::Prediction:
      return predicted("prediction");
    case ColourBy::Error:
      return predicted("error");
    case ColourBy::Balls:
      return nullptr;
    case ColourBy::Attention:
      return data.query ? data.query->attention.get() : nullptr;
  }
  return nullptr;
}

PointColours colour_points(const SceneData& data, const SceneState& state) {
  PointColours result;
  const Rgb plain = mix(palette_of(state.theme).text, palette_of(state.theme).background, 0.35);
  result.rgb.assign(static_cast<std::size_t>(data.cloud->size()), plain);
  if (state.colour_by == ColourBy::Balls && data.tree && !data.tree->levels.empty())
    colour_by_balls(data, state, result);
  else if (const Field* field = shown_field(data, state))
    colour_by_field(*field, state, result);
  if (data.query && state.query.point >= 0) mark_query(data, state, result);
  return result;
}

}  // namespace erwin::ui
