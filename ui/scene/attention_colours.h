#pragma once
// Colours and sizes of what a query or a lone ball marks: blocks by rank, everything else dimmed or left out. No VTK
// here.

#include <cstdint>
#include <vector>

#include "ui/scene/point_colours.h"

namespace erwin::ui {

// What a state's marks come to: the given ones, else Fill, else (colours of attention and of what query_fields.h names)
// Outline.
SelectionMarks marks_of(const SceneState& state);

// Rank 0 of `count` stands out most: pale yellow on dark, violet on light; the last rank is the other end.
Rgb rank_colour(int rank, int count, Theme theme);

// How much a point matters to what is asked.
enum class Emphasis : std::uint8_t { Hidden, Dimmed, Full };
// [n]; empty where every point is Full. Full are the keys that the branch in question looks at one by one (its ball,
// its selected blocks; with the compressed branch alone all points) and the query; within state.only where that is set.
std::vector<Emphasis> emphasis_of(const SceneData& data, const SceneState& state);

// Gives the points of selected blocks their rank's colour, dims and shrinks what emphasis_of says, gives hidden points
// size 0, adds swatches and notes to the legend.
void mark_points(const SceneData& data, const SceneState& state, PointColours& result);

}  // namespace erwin::ui
