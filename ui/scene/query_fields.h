#pragma once
// Fields that say something about every point of the cloud, with respect to a query, chosen points or another network:
// how their colours differ from those of a cloud's own fields.

#include <string_view>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

// Shares of one sum, as attention is.
inline bool is_share_field(std::string_view name) {
  return name == rollout_field || is_who_looks_field(name) || is_set_field(name) || name == attention_against;
}

// Numbers that only a logarithm shows. A receptive field is mostly the query's own features, which pass every layer by,
// and spreads over more decades than attention does.
inline bool spreads_over_decades(const SceneState& state) {
  return state.colour_by == ColourBy::Attention ||
         (state.colour_by == ColourBy::Field && (is_share_field(state.field) || state.field == receptive_field_name));
}

// Every point counts: blocks are outlined, not filled, nothing is dimmed and nothing painted over.
inline bool counts_everywhere(const SceneState& state) {
  return state.colour_by == ColourBy::Field &&
         (is_share_field(state.field) || is_reach_field(state.field) || is_compared_field(state.field) ||
          state.field == what_if_difference || state.field == contribution_field ||
          meaning_of_recall_field(state.field));
}

}  // namespace erwin::ui
