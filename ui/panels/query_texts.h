#pragma once
// What numbers of the query panel mean, in sentences.

#include <QString>

#include "core/engine/comparison.h"
#include "core/engine/set_looks.h"

namespace erwin::ui {

// What the field of chosen points adds up to.
QString set_text(const SetLooks& looks);
// How much the shown and the other agree.
QString comparison_text(const Comparison& comparison);
QString comparison_tip();

}  // namespace erwin::ui
