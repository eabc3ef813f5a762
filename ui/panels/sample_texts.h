#pragma once
// What the query panel says where another sample is shown beside the open one.

#include <QString>
#include <string>

#include "core/engine/sample_comparison.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct SampleSide {
  std::string name;
  const SceneData& data;
  std::int64_t point = -1;  // id of the queried one
};

// fields: of what both pictures show; null until it is worked out, or where nothing can be compared. asked: the other
// point was chosen, and is not just the one at the same place.
QString sample_text(const SampleSide& shown, const SampleSide& other, const ComparedFields* fields, bool asked);

QString sample_tip();

}  // namespace erwin::ui
