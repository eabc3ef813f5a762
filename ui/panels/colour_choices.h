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
  QString tip;           // what it means, where the name does not say it
  bool there = true;     // false: worked out when it is chosen
};

// Fields of the shown layer, head and query that the engine works out when somebody asks: the summaries of the layer,
// and who looks at the query.
struct FieldOnRequest {
  std::string name;
  QString tip;
  const Field* field = nullptr;  // null: not worked out yet
};
std::vector<FieldOnRequest> fields_on_request(const SceneData& data, const SceneState& state);
bool is_on_request(const SceneData& data, const SceneState& state, const std::string& name);

std::vector<ColourChoice> colour_choices(const SceneData& data, const SceneState& state);
// Index of the one that is shown, or -1.
int shown_choice(const std::vector<ColourChoice>& choices, const SceneState& state);

// Names of all fields there are: of the cloud, of the prediction, the gates, the attention, what was asked for.
std::vector<std::string> field_names(const SceneData& data);

}  // namespace erwin::ui
