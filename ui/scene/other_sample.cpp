#include "ui/scene/other_sample.h"

#include <algorithm>

namespace erwin::ui {

bool is_beside_sample(const SceneState& state) {
  return !against_from(state.against).sample.empty();
}

SceneState state_beside(const SceneState& shown, const PointCloud& other) {
  SceneState beside = shown;
  beside.query = other_side(against_from(shown.against), shown.query);
  beside.query.point = -1;
  beside.frame = std::min(shown.frame, static_cast<int>(other.frames()) - 1);
  beside.picked = nullptr;
  beside.marked_block = {};
  if (beside.only.which == OnlyBall::Which::Index) beside.only = {};
  return beside;
}

}  // namespace erwin::ui
