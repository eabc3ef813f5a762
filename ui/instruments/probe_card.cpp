#include "ui/instruments/probe_card.h"

#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "ui/scene/numbers.h"
#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

constexpr std::size_t most_fields = 8;

std::string with_unit(const std::string& number, const std::string& unit) {
  return unit.empty() ? number : number + " " + unit;
}

// Coordinates far from the origin need more digits than four to differ at all.
std::string coordinate(double value, double step) {
  const int digits = step > 0 ? std::clamp(static_cast<int>(std::ceil(-std::log10(step))), 0, 9) : 4;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string position_text(const PointCloud& cloud, std::int64_t point, std::int64_t frame) {
  const Bounds box = cloud.bounds(frame);
  double extent = 0;
  for (std::size_t k = 0; k < 3; ++k) extent = std::max(extent, box.maximum[k] - box.minimum[k]);
  const auto place = cloud.position(point, frame);
  std::string text;
  for (std::size_t k = 0; k < static_cast<std::size_t>(cloud.dimension()); ++k)
    text += (k ? ", " : "") + coordinate(place[k], extent * 1e-4);
  return with_unit(text, cloud.unit());
}

std::string value_text(const Field& field, std::int64_t point, std::int64_t frame) {
  if (field.kind() == FieldKind::Label)
    return std::to_string(static_cast<long long>(std::llround(field.value(point, 0, frame))));
  std::string text;
  double squares = 0;
  for (int c = 0; c < field.components(); ++c) {
    const double value = field.value(point, c, frame);
    squares += value * value;
    text += (c ? ", " : "") + short_number(value);
  }
  if (field.components() > 1) text = "(" + text + "), length " + short_number(std::sqrt(squares));
  return with_unit(text, field.unit());
}

// The shown field first, then what the network says, then the cloud's own.
void add_fields(const SceneData& data, const SceneState& state, std::int64_t point, ProbeCard& card) {
  std::vector<const Field*> fields;
  std::set<std::string> taken;
  const auto add = [&](const Field* field) {
    if (field && field->points() == data.cloud->size() && taken.insert(field->name()).second) fields.push_back(field);
  };
  if (const Field* shown = shown_field(data, state); shown && state.colour_by != ColourBy::Attention) add(shown);
  if (data.prediction)
    for (const Field& field : data.prediction->fields) add(&field);
  for (const Field& field : data.cloud->fields()) add(&field);
  for (std::size_t i = 0; i < std::min(fields.size(), most_fields); ++i)
    card.lines.push_back({fields[i]->name(), value_text(*fields[i], point, state.frame)});
  if (fields.size() > most_fields)
    card.lines.push_back({"", "and " + std::to_string(fields.size() - most_fields) + " more fields"});
}

// "0 > 1 > 2 > 5": the balls around the point from the root to the shown level, by their place in the level.
void add_balls(const SceneData& data, const SceneState& state, std::int64_t point, ProbeCard& card) {
  const int levels = shown_level_count(data, state);
  if (levels == 0) return;
  const int shown = std::clamp(state.level, 0, levels - 1);
  const auto nodes = shown_level(data, state, shown);
  if (!nodes) return;
  const std::int64_t node = node_of_point(*nodes, point);
  if (node < 0) return;
  card.lines.push_back({"ball", std::to_string(node) + " of " + std::to_string(nodes->size()) + ", " +
                                    std::to_string(nodes->points(node).size()) + " points (level " +
                                    std::to_string(shown) + ")"});
  // Coarser balls cover the same slots: no search is needed.
  const std::int64_t slot = nodes->begin[static_cast<std::size_t>(node)];
  const std::int64_t span = nodes->slots->slots();
  std::string path;
  for (int level = 0; level <= shown; ++level) {
    const TreeLevel& at = data.tree->levels[static_cast<std::size_t>(level)];
    const std::int64_t tree_slot = slot * (at.slot_begin.back() / std::max<std::int64_t>(1, span));
    const auto after = std::upper_bound(at.slot_begin.begin(), at.slot_begin.end(), tree_slot);
    path += (level ? " > " : "") + std::to_string(after - at.slot_begin.begin() - 1);
  }
  card.lines.push_back({"path", path});
  card.lines.push_back({"in", shown_tree_caption(data, state)});
}

void add_attention(const SceneData& data, std::int64_t point, ProbeCard& card) {
  if (data.query && data.query->attention && data.query->attention->points() == data.cloud->size()) {
    const double weight = data.query->attention->value(point);
    const double sum = data.query->row.sum();
    std::string text = short_number(weight);
    if (sum > 0) text += " (" + short_number(100 * weight / sum) + " % of the row)";
    card.lines.push_back({"attention", text});
  }
  if (!data.gates) return;
  std::string text;
  for (const Field& gate : data.gates->fields) {
    if (gate.points() != data.cloud->size()) return;
    text += (text.empty() ? "" : ", ") + gate.name().substr(5) + " " + short_number(gate.value(point));
  }
  card.lines.push_back({"gates", text});
}

}  // namespace

ProbeCard make_probe_card(const SceneData& data, const SceneState& state, std::int64_t point) {
  ProbeCard card;
  card.point = point;
  card.title = "point " + std::to_string(data.cloud->row_id(point));
  if (point == state.query.point) card.title += ", the query";
  card.lines.push_back({"at", position_text(*data.cloud, point, state.frame)});
  add_fields(data, state, point, card);
  add_attention(data, point, card);
  add_balls(data, state, point, card);
  return card;
}

void draw_probe_card(const ProbeCard& card, double x, double y, double width, double height) {
  const auto text_size = [](const std::string& text) { return ImGui::CalcTextSize(text.c_str()); };
  float names = 0, values = 0;
  for (const ProbeLine& line : card.lines) {
    names = std::max(names, text_size(line.name).x);
    values = std::max(values, text_size(line.value).x);
  }
  const ImGuiStyle& style = ImGui::GetStyle();
  const float gap = 12, away = 18;
  const float wide = std::max(text_size(card.title).x, names + gap + values) + 2 * style.WindowPadding.x;
  const float tall =
      (static_cast<float>(card.lines.size()) + 1) * ImGui::GetTextLineHeightWithSpacing() + 2 * style.WindowPadding.y;
  // On the other side of the cursor where it would leave the picture.
  float left = static_cast<float>(x) + away, top = static_cast<float>(y) + away;
  if (left + wide > static_cast<float>(width)) left = static_cast<float>(x) - away - wide;
  if (top + tall > static_cast<float>(height)) top = static_cast<float>(y) - away - tall;
  ImGui::SetNextWindowPos({std::max(left, 4.0f), std::max(top, 4.0f)});
  ImGui::Begin("probe", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoInputs |
                   ImGuiWindowFlags_NoFocusOnAppearing);
  ImGui::TextUnformatted(card.title.c_str());
  for (const ProbeLine& line : card.lines) {
    ImGui::TextDisabled("%s", line.name.c_str());
    ImGui::SameLine(style.WindowPadding.x + names + gap);
    ImGui::TextUnformatted(line.value.c_str());
  }
  ImGui::End();
}

}  // namespace erwin::ui
