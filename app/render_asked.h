#pragma once
// Fields that the window's engine works out only when colours ask for them, for a picture without a window.

#include "core/model/predict.h"
#include "ui/scene/scene_state.h"

namespace erwin::app {

// Fills in data what state.field names, where it is such a field. data holds the prediction and `result` its record
// with the query's layer; fields that need other layers, or the network to compare with, run again. predictor: null
// where there is but a record, whose layers are all there are: Error{Config} for what needs the network itself.
// predicted_component: of the prediction that contributions split.
void work_out_asked(ui::SceneData& data, const ui::SceneState& state, const Predictor* predictor,
                    const Predictor::Result& result, const std::string& device, int predicted_component);

}  // namespace erwin::app
