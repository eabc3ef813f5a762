#pragma once
// Pieces of SVG pictures, as text.

#include <array>
#include <string>
#include <string_view>

namespace erwin::svg {

// Okabe and Ito's colours, which the colour-blind tell apart; yellow is left out, it is too light on white.
inline constexpr std::array<const char*, 7> colours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                    "#E69F00", "#56B4E9", "#000000"};

// A number as printf writes it.
std::string number(double value, const char* format = "%.2f");
// more: further attributes ("font-size=\"12\"").
std::string text_at(double x, double y, std::string_view text, std::string_view more);
std::string line(double x1, double y1, double x2, double y2, std::string_view more);
// A whole picture on a white ground, its letters black and without serifs.
std::string document(double width, double height, std::string_view body);

// An axis with round ends (1, 2 or 5 times a power of ten, times a whole number) and a tick at every step.
struct Axis {
  double low = 0, high = 1, step = 1;
  double share(double value) const { return (value - low) / (high - low); }
  int ticks() const;         // between the ends, without the first
  double tick(int i) const;  // i from 0 to ticks()
};
// Around [low, high] with at most so many steps within it, however near its ends are to each other.
Axis round_axis(double low, double high, int steps = 3);

}  // namespace erwin::svg
