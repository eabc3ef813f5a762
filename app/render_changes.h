#pragma once
// The what-if of a picture or a file that is made without a window: changes to the network's run
// (core/engine/what_if_entries.h), with the answers where the window has them.

#include <span>
#include <string>
#include <vector>

#include "app/shown.h"
#include "core/engine/query_view.h"

namespace erwin::app {

// The changes as they were written on the command line, in a session or in a recipe, each beside the state's layer,
// head and query where it does not name its own; the word selection is the state's picked points. A lone "none": no
// changes. Raises Error{Config}.
std::vector<WhatIfEntry> changes_from(const std::vector<std::string>& texts, const ui::SceneState& state,
                                      const PointCloud& cloud);
// The reverse, for a recipe.
std::vector<std::string> texts_of(std::span<const WhatIfEntry> changes, const PointCloud& cloud);

// Runs the network with shown.what_if and shows it as the window does: prediction and difference are fields of their
// own, points are drawn where changes put them, and the query's row and selected blocks are the changed network's
// unless the query itself is hidden. All else is left as the network's own. Without changes there is none of it. Raises
// Error{Config}: there is no network; what what_if_of and WhatIfRunner::run raise.
void show_changes(Shown& shown);

// Where the query looks in these heads, in the changed run where there is one and its point is not hidden in it.
HeadRows rows_of_heads(const Shown& shown, const std::vector<int>& heads);

}  // namespace erwin::app
