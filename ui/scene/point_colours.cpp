#include "ui/scene/point_colours.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "ui/scene/field_values.h"

namespace erwin::ui {

namespace {

// One colour for every whole number, over and over.
void colour_by_kind(const Field& field, int component, const SceneState& state, PointColours& result) {
  const auto colours = static_cast<long long>(palette().size());
  std::set<long long> kinds;
  for_each_value(field, component, state.frame, [&](std::size_t point, double value) {
    if (!(std::abs(value) < 1e15)) {
      result.rgb[point] = no_number;
      return;
    }
    const long long kind = std::llround(value);
    result.rgb[point] = palette()[static_cast<std::size_t>((kind % colours + colours) % colours)];
    if (kinds.size() <= palette().size()) kinds.insert(kind);
  });
  result.legend.notes.push_back(field.name() + (field.kind() == FieldKind::Label ? " (labels)" : " (kinds)"));
  if (kinds.size() > palette().size()) {
    result.legend.notes.push_back("colours repeat");
    return;
  }
  for (const long long kind : kinds)
    result.legend.swatches.push_back(
        {palette()[static_cast<std::size_t>((kind % colours + colours) % colours)], std::to_string(kind)});
}

void colour_by_field(const Field& field, const SceneState& state, PointColours& result) {
  const int component = shown_component(field, state);
  if (field.kind() == FieldKind::Label || state.map == ColourMap::Categorical) {
    colour_by_kind(field, std::max(component, 0), state, result);
    return;
  }
  result.quantity = quantity_of(field, state, component);
  result.legend.scale = scale_of(field, state, component);
  const ColourTable colours(*result.legend.scale);
  for_each_value(field, component, state.frame,
                 [&](std::size_t point, double value) { result.rgb[point] = colours(value); });
  if (field.nonfinite_count() > 0)
    result.legend.notes.push_back("grey: " + std::to_string(field.nonfinite_count()) + " not finite");
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
    case ColourBy::Compressed:
      return "compressed";
  }
  return "field";
}

const Field* shown_field(const SceneData& data, const SceneState& state) {
  const auto predicted = [&](const char* name) { return data.prediction ? data.prediction->field(name) : nullptr; };
  switch (state.colour_by) {
    case ColourBy::Field: {
      if (const Field* field = data.cloud->field(state.field)) return field;
      if (const Field* field = data.gates ? data.gates->field(state.field) : nullptr) return field;
      if (const Field* field = data.summary ? data.summary->field(state.field) : nullptr) return field;
      if (const Field* field = data.who_looks ? data.who_looks->field(state.field) : nullptr) return field;
      if (data.set_looks && data.set_looks->look.name() == state.field) return &data.set_looks->look;
      if (const Field* field = data.comparison ? data.comparison->field(state.field) : nullptr) return field;
      for (const auto& reach : {data.rollout, data.receptive})
        if (reach && reach->field.name() == state.field) return &reach->field;
      if (const Field* field = data.recall ? data.recall->field(state.field) : nullptr) return field;
      if (const Field* field = data.attribution ? data.attribution->field(state.field) : nullptr) return field;
      if (const Field* field = data.what_if ? data.what_if->field(state.field) : nullptr) return field;
      return predicted(state.field.c_str());
    }
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
    case ColourBy::Compressed:
      return data.query ? data.query->compressed.get() : nullptr;
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
  if (state.colour_by == ColourBy::Field && data.summary && data.summary->layer < 0 && data.summary->field(state.field))
    result.legend.notes.push_back("mean over all attention layers");
  mark_points(data, state, result);
  return result;
}

}  // namespace erwin::ui
