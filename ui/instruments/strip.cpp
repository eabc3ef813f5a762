#include "ui/instruments/strip.h"

#include <imgui.h>

#include <algorithm>
#include <string>

#include "ui/scene/tree_nodes.h"

namespace erwin::ui {

namespace {

// One item under the other, and narrower in a narrow view, so that the strip leaves the legend its corner.
float item_width() {
  return std::clamp(0.26f * ImGui::GetIO().DisplaySize.x, 90.0f, 190.0f);
}

bool choose_layer(const Prediction& prediction, SceneState& state) {
  bool changed = false;
  const auto& layers = prediction.layers;
  const auto shown =
      std::find_if(layers.begin(), layers.end(), [&](const LayerInfo& l) { return l.layer == state.query.layer; });
  ImGui::SetNextItemWidth(item_width());
  const std::string current = shown == layers.end() ? "-" : caption_of(*shown).substr(6);
  if (ImGui::BeginCombo("layer", current.c_str())) {
    for (const LayerInfo& layer : layers)
      if (ImGui::Selectable(caption_of(layer).substr(6).c_str(), layer.layer == state.query.layer)) {
        state.query.layer = layer.layer;
        // Layers differ in their heads, and only some have branches.
        state.query.head = std::min(state.query.head, layer.heads - 1);
        if (layer.kind != LayerKind::Nsa) state.query.branch = Branch::All;
        changed = true;
      }
    ImGui::EndCombo();
  }
  if (shown == layers.end()) return changed;
  ImGui::SetNextItemWidth(item_width());
  const std::string head = state.query.head < 0
                               ? "mean of " + std::to_string(shown->heads)
                               : std::to_string(state.query.head) + " of 0 to " + std::to_string(shown->heads - 1);
  int chosen = std::min(state.query.head, shown->heads - 1);
  if (ImGui::SliderInt("head", &chosen, -1, shown->heads - 1, head.c_str())) {
    state.query.head = std::clamp(chosen, -1, shown->heads - 1);
    changed = true;
  }
  if (shown->kind != LayerKind::Nsa) return changed;
  ImGui::SetNextItemWidth(item_width());
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
  const int levels = shown_level_count(data, state);
  const bool layered = data.prediction && !data.prediction->layers.empty();
  if (!layered && levels == 0) return false;
  bool changed = false;
  ImGui::SetNextWindowPos({12, 12});
  ImGui::Begin("strip", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoNav);
  if (layered) changed |= choose_layer(*data.prediction, state);
  if (levels > 0) {
    ImGui::SetNextItemWidth(item_width());
    int level = std::clamp(state.level, 0, levels - 1);
    if (ImGui::SliderInt("level", &level, 0, levels - 1)) {
      state.level = level;
      changed = true;
    }
    // Which tree and level the balls, the blocks and the level above belong to.
    ImGui::TextDisabled("%s", shown_tree_caption(data, state).c_str());
  }
  if (data.query) {
    ImGui::SetNextItemWidth(item_width());
    auto dim = static_cast<float>(state.dim);
    if (ImGui::SliderFloat("dim", &dim, 0, 1, "%.2f")) {
      state.dim = std::clamp(static_cast<double>(dim), 0.0, 1.0);
      changed = true;
    }
  }
  ImGui::End();
  return changed;
}

}  // namespace erwin::ui
