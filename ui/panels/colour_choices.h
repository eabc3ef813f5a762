#pragma once
// Everything that the points can be coloured by right now: what the panel lists, `colour-next` walks along, and
// `assert fields` looks at.

#include <QString>
#include <vector>

#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct ColourChoice {
  ColourBy by = ColourBy::Field;
  std::string field;     // with ColourBy::Field
  QString text, values;  // name, and the range or what else there is to say
};

std::vector<ColourChoice> colour_choices(const SceneData& data, const SceneState& state);
// Index of the one that is shown, or -1.
int shown_choice(const std::vector<ColourChoice>& choices, const SceneState& state);

// Names of all fields there are: of the cloud, of the prediction, the gates, the attention.
std::vector<std::string> field_names(const SceneData& data);

}  // namespace erwin::ui
