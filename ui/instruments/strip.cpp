#include "ui/instruments/strip.h"

#include <imgui.h>

#include <algorithm>
#include <string>

namespace erwin::ui {

namespace {

// One item under the other, so that the strip leaves the legend its corner in a narrow view.
constexpr float item_width = 190;

bool choose_layer(const Prediction& prediction, SceneState& state) {
  bool changed = false;
  const auto& layers = prediction.layers;
  const auto shown =
      std::find_if(layers.begin(), layers.end(), [&](const LayerInfo& l) { return l.layer == state.query.layer; });
  ImGui::SetNextItemWidth(item_width);
  const std::string current = shown == layers.end() ? "-" : caption_of(*shown).substr(6);
  if (ImGui::BeginCombo("layer", current.c_str())) {
    for (const LayerInfo& layer : layers)
      if (ImGui::Selectable(caption_of(layer).substr(6).c_str(), layer.layer == state.query.layer)) {
        state.query.layer = layer.layer;
        changed = true;
      }
    ImGui::EndCombo();
  }
  if (shown == layers.end()) return changed;
  ImGui::SetNextItemWidth(item_width);
  const std::string head = state.query.head < 0 ? "mean" : std::to_string(state.query.head);
  changed |= ImGui::SliderInt("head", &state.query.head, -1, shown->heads - 1, head.c_str());
  if (shown->kind != LayerKind::Nsa) {
    state.query.branch = Branch::All;
    return changed;
  }
  ImGui::SetNextItemWidth(item_width);
  if (ImGui::BeginCombo("branch", name_of(state.query.branch))) {
    for (const Branch branch : {Branch::All, Branch::Local, Branch::Compressed, Branch::Selected})
      if (ImGui::Selectable(name_of(branch), branch == state.query.branch)) {
        state.query.branch = branch;
        changed = true;
      }
    ImGui::EndCombo();
  }
  return changed;
}

}  // namespace

bool draw_strip(const SceneData& data, SceneState& state) {
  bool changed = false;
  ImGui::SetNextWindowPos({12, 12});
  ImGui::Begin("strip", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoNav);
  if (data.prediction && !data.prediction->layers.empty()) {
    changed |= choose_layer(*data.prediction, state);
  }
  if (data.tree && !data.tree->levels.empty()) {
    ImGui::SetNextItemWidth(item_width);
    changed |= ImGui::SliderInt("level", &state.level, 0, static_cast<int>(data.tree->levels.size()) - 1);
  }
  if (data.query) {
    ImGui::SetNextItemWidth(item_width);
    auto dim = static_cast<float>(state.dim);
    if (ImGui::SliderFloat("dim", &dim, 0, 1, "%.2f")) {
      state.dim = dim;
      changed = true;
    }
  }
  ImGui::End();
  return changed;
}

}  // namespace erwin::ui
