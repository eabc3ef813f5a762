#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>

#include "core/attention/explain.h"

namespace erwin {

namespace {

__attribute__((format(printf, 2, 3))) void add(std::string& text, const char* format, ...) {
  std::array<char, 512> line{};
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.data(), line.size(), format, arguments);
  va_end(arguments);
  text += line.data();
}

std::string at_position(const std::array<double, 3>& position) {
  std::string text;
  add(text, "(%.5g, %.5g, %.5g)", position[0], position[1], position[2]);
  return text;
}

void add_heading(std::string& text, const std::vector<Explanation>& layers, const ExplanationSource& source) {
  const Explanation& query = layers.front();
  add(text, "Point %lld", static_cast<long long>(query.id));
  if (!source.sample.empty()) text += " of " + source.sample;
  if (query.frame > 0) add(text, ", frame %lld", static_cast<long long>(query.frame));
  text += " at " + at_position(query.position) + (source.unit.empty() ? "" : " " + source.unit) + "\n";
  for (const auto& value : source.values) {
    add(text, "  %-11s", value.name.c_str());
    for (const double component : value.components) add(text, " %.5g", component);
    text += (value.unit.empty() ? "" : " " + value.unit) + "\n";
  }
}

void add_layer_line(std::string& text, const Explanation& layer) {
  add(text, "\nLayer %d  ", layer.layer);
  text += layer.name;
  add(text, "  (%s%s", name_of(layer.kind), layer.rotated ? ", in the rotated tree" : "");
  if (layer.pool_level > 0)
    add(text, ", pooled %d times: the query is the node that holds the point", layer.pool_level);
  if (layer.head >= 0)
    add(text, ", head %d of %d)\n", layer.head, layer.heads);
  else
    add(text, ", mean of %d heads)\n", layer.heads);
}

void add_path(std::string& text, const Explanation& layer) {
  text += "\n  Where it is: from the whole cloud down to the point, each node a part of the one above\n";
  text += "    level   node   points     radius  centre\n";
  for (const PathNode& node : layer.path) {
    add(text, "    %5d %6lld %8lld %10.4g  ", node.level, static_cast<long long>(node.node),
        static_cast<long long>(node.place.points), node.place.radius);
    text += at_position(node.place.centre);
    if (node.is_ball)
      text += layer.kind == LayerKind::Full ? "  <- everything: local attention sees it all"
                                            : "  <- its ball: local attention";
    if (node.is_block) text += "  <- its block: selects together";
    text += "\n";
  }
}

void add_share(std::string& text, const Explanation& layer, const char* what, double share, const char* meaning) {
  const double percent = layer.sum > 0 ? 100 * share / layer.sum : 0;
  const std::string bar(static_cast<std::size_t>(std::clamp(percent / 4, 0.0, 25.0) + 0.5), '#');
  add(text, "    %-11s %7.4f %5.1f %%  %-25s %s\n", what, share, percent, bar.c_str(), meaning);
}

void add_shares(std::string& text, const Explanation& layer) {
  text += "\n  How it looks: attention by branch\n";
  if (layer.kind != LayerKind::Nsa) {
    add_share(text, layer, "local", layer.local,
              layer.kind == LayerKind::Full ? "every point" : "the points of its ball");
  } else {
    add_share(text, layer, "local", layer.local, "the points of its ball");
    add_share(text, layer, "selected", layer.selected_sum, "the points of the blocks it selected");
    add_share(text, layer, "compressed", layer.compressed, "one summary per block of the cloud");
    add_share(text, layer, "memory", layer.memory, "the memory slot: no point");
    add(text, "    gates: local %.3f, selected %.3f, compressed %.3f\n", layer.gates.local, layer.gates.selected,
        layer.gates.compressed);
  }
  add(text, "    the look is spread over about %.0f points\n", layer.effective_keys);
}

void add_selected(std::string& text, const Explanation& layer) {
  if (layer.kind != LayerKind::Nsa) return;
  add(text, "\n  Blocks of %d slots that its block %lld selected%s\n", layer.block_size,
      static_cast<long long>(layer.block), layer.selected.empty() ? ": none, there is nothing outside its ball" : "");
  if (layer.selected.empty()) return;
  add(text, "    %s rank  block   points     score    weight     radius  centre\n",
      layer.kv_heads > 1 ? "kv head" : "");
  for (const ExplainedBlock& block : layer.selected) {
    if (layer.kv_heads > 1)
      add(text, "    %7d", block.selected.kv_head);
    else
      text += "    ";
    add(text, " %4d %6d %8lld %9.4g %9.5f %10.4g  ", block.selected.rank, block.selected.block,
        static_cast<long long>(block.place.points), static_cast<double>(block.selected.score), block.selected.weight,
        block.place.radius);
    text += at_position(block.place.centre) + "\n";
  }
}

void add_top(std::string& text, const Explanation& layer) {
  if (layer.top.empty()) return;
  text += "\n  Points it looks at most";
  if (layer.kind == LayerKind::Nsa)
    text += " (a summary's weight is spread evenly over its block)";
  else if (layer.pool_level > 0)
    text += " (a node's weight is spread evenly over its points)";
  text += "\n        id    weight   distance  position\n";
  for (const AttendedPoint& point : layer.top) {
    add(text, "  %8lld %9.6f %10.4g  ", static_cast<long long>(point.id), point.weight, point.distance);
    text += at_position(point.position);
    if (point.id == layer.id)
      text += "  the point itself";
    else if (layer.kind == LayerKind::Nsa)
      text += point.in_ball ? "  ball" : point.in_selected ? "  selected block" : "  summary only";
    text += "\n";
  }
}

void add_misses(std::string& text, const Explanation& layer) {
  if (!layer.recall) return;
  add(text,
      "\n  What the selection missed\n    Had it looked at every point, %.1f %% of the attention would have gone to "
      "its ball and "
      "selected blocks\n",
      100 * *layer.recall);
  if (layer.misses.empty()) {
    text += "    nothing lies outside them\n";
    return;
  }
  text += "    blocks it did not choose, by exact attention:\n     block   points      mass  place by mass  centre\n";
  const std::size_t shown = std::min<std::size_t>(5, layer.misses.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const ExplainedMiss& miss = layer.misses[i];
    add(text, "    %6d %8lld %9.5f %14d  ", miss.missed.block, static_cast<long long>(miss.place.points),
        miss.missed.mass, miss.missed.mass_rank);
    text += at_position(miss.place.centre) + "\n";
  }
  if (shown < layer.misses.size()) add(text, "    and %zu more (--json lists them)\n", layer.misses.size() - shown);
}

}  // namespace

std::string to_text(const std::vector<Explanation>& layers, const ExplanationSource& source) {
  std::string text;
  if (layers.empty()) return text;
  add_heading(text, layers, source);
  for (const Explanation& layer : layers) {
    add_layer_line(text, layer);
    add_path(text, layer);
    add_shares(text, layer);
    add_selected(text, layer);
    add_top(text, layer);
    add_misses(text, layer);
  }
  return text;
}

}  // namespace erwin
