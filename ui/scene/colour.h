#pragma once
// Colours that mean something: colour maps for numbers, a palette for kinds. All can be told apart with the common
// colour-vision deficiencies. No VTK here.

#include <cstdint>
#include <span>
#include <string>

namespace erwin::ui {

struct Rgb {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

enum class ColourMap {
  Sequential,  // dark blue to yellow, monotonic lightness (after viridis)
  Diverging,   // blue, pale, orange: for signed numbers, symmetric about zero
  Heat,        // violet to pale yellow: ranks and weights (after plasma)
  Cividis,     // blue to yellow, the same to eyes that miss red or green
  Grey,        // dark to light
  Categorical  // one colour of the palette for every whole number
};
const char* name_of(ColourMap map);

// t is cut to [0, 1].
Rgb map_colour(ColourMap map, double t);

// Categorical colours: Okabe and Ito's without black, and three more that keep their distance.
std::span<const Rgb> palette();

// towards 0: a; 1: b.
Rgb mix(Rgb a, Rgb b, double share);

}  // namespace erwin::ui
