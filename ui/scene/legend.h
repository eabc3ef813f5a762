#pragma once
// What explains a picture's colours, as plain values; LegendActors draws it, panels may list it.

#include <optional>
#include <string>
#include <vector>

#include "ui/scene/colour.h"
#include "ui/scene/field_statistics.h"
#include "ui/scene/scene_state.h"

namespace erwin::ui {

struct LegendScale {
  std::string title, unit;
  ColourMap map = ColourMap::Sequential;
  double minimum = 0, maximum = 1;
  bool logarithmic = false;
  bool reversed = false;  // the map runs from its end to its start
  int steps = 0;          // that many colours, each for an equal part of the range; 0: without steps
  std::optional<Histogram> histogram;
  std::vector<std::string> remarks;  // about the range: "locked", "12 values above"
  bool operator==(const LegendScale&) const = default;
};

struct LegendSwatch {
  Rgb colour;
  std::string text;
};

struct Legend {
  std::optional<LegendScale> scale;
  std::optional<LegendScale> arrows;
  std::vector<LegendSwatch> swatches;
  std::vector<std::string> notes;
};

// The colours of everything that is not data.
struct Palette {
  Rgb background, text, faint, query, ball;
};
Palette palette_of(Theme theme);

}  // namespace erwin::ui
