#pragma once
// How another sample is shown beside the shown one: with the same look, but without what belongs to the shown cloud.

#include "ui/scene/scene_state.h"

namespace erwin::ui {

// What a state compares with is another sample.
bool is_beside_sample(const SceneState& state);

// The state of the other picture: the same layer, head and branch unless `against` names others, no query, the same
// frame or the cloud's last one; no chosen points, no block and no ball by number.
SceneState state_beside(const SceneState& shown, const PointCloud& other);

}  // namespace erwin::ui
