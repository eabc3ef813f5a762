#pragma once
// From state and data to one colour per point and a legend that explains them. No VTK here: tests read it directly.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ui/scene/colour.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct LegendScale {
  std::string title, unit;
  ColourMap map = ColourMap::Sequential;
  double minimum = 0, maximum = 1;
  bool logarithmic = false;
  bool reversed = false;  // the map runs from its end to its start
};

struct LegendSwatch {
  Rgb colour;
  std::string text;
};

struct Legend {
  std::optional<LegendScale> scale;
  std::vector<LegendSwatch> swatches;
  std::vector<std::string> notes;
};

struct PointColours {
  std::vector<Rgb> rgb;  // [n]
  Legend legend;
};

struct Palette {
  Rgb background, text, faint, query, ball;
};
Palette palette_of(Theme theme);

// What a state's marks come to: the given ones, else Fill, else (colours of attention) Outline.
SelectionMarks marks_of(const SceneState& state);

// Rank 0 of `count` stands out most: pale yellow on dark, violet on light; the last rank is the other end.
Rgb rank_colour(int rank, int count, Theme theme);
// The colour of a share in [0, 1] of a scale.
Rgb scale_colour(const LegendScale& scale, double share);

// Colour index of every node of a level, such that balls that touch differ wherever the palette allows it.
std::vector<int> ball_colours(const BallTree& tree, const PointCloud& cloud, int level, std::int64_t frame = 0);

PointColours colour_points(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
