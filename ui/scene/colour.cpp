#include "ui/scene/colour.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace erwin::ui {

namespace {

constexpr std::array<Rgb, 9> sequential{{{68, 1, 84},
                                         {71, 45, 123},
                                         {59, 82, 139},
                                         {44, 114, 142},
                                         {33, 145, 140},
                                         {40, 174, 128},
                                         {94, 201, 98},
                                         {173, 220, 48},
                                         {253, 231, 37}}};
constexpr std::array<Rgb, 7> diverging{
    {{23, 63, 138}, {62, 123, 190}, {150, 190, 222}, {238, 236, 228}, {240, 178, 110}, {211, 113, 30}, {130, 56, 6}}};
constexpr std::array<Rgb, 7> heat{
    {{94, 22, 160}, {140, 33, 164}, {186, 51, 136}, {219, 92, 104}, {244, 136, 73}, {254, 188, 43}, {246, 238, 120}}};
constexpr std::array<Rgb, 9> cividis{{{0, 34, 78},
                                      {35, 62, 108},
                                      {67, 87, 109},
                                      {96, 110, 113},
                                      {125, 124, 120},
                                      {155, 148, 116},
                                      {187, 172, 106},
                                      {220, 198, 88},
                                      {254, 232, 56}}};
constexpr std::array<Rgb, 2> grey{{{48, 48, 48}, {236, 236, 236}}};
constexpr std::array<Rgb, 10> categories{{{230, 159, 0},
                                          {86, 180, 233},
                                          {0, 158, 115},
                                          {240, 228, 66},
                                          {0, 114, 178},
                                          {213, 94, 0},
                                          {204, 121, 167},
                                          {150, 150, 150},
                                          {136, 34, 85},
                                          {118, 128, 40}}};

Rgb between(std::span<const Rgb> anchors, double t) {
  const double at = std::clamp(t, 0.0, 1.0) * static_cast<double>(anchors.size() - 1);
  const std::size_t index = std::min(static_cast<std::size_t>(at), anchors.size() - 2);
  return mix(anchors[index], anchors[index + 1], at - static_cast<double>(index));
}

}  // namespace

const char* name_of(ColourMap map) {
  switch (map) {
    case ColourMap::Sequential:
      return "sequential";
    case ColourMap::Diverging:
      return "diverging";
    case ColourMap::Heat:
      return "heat";
    case ColourMap::Cividis:
      return "cividis";
    case ColourMap::Grey:
      return "grey";
    case ColourMap::Categorical:
      return "categorical";
  }
  return "sequential";
}

Rgb map_colour(ColourMap map, double t) {
  switch (map) {
    case ColourMap::Sequential:
      return between(sequential, t);
    case ColourMap::Diverging:
      return between(diverging, t);
    case ColourMap::Heat:
      return between(heat, t);
    case ColourMap::Cividis:
      return between(cividis, t);
    case ColourMap::Grey:
      return between(grey, t);
    case ColourMap::Categorical:
      return between(categories, t);
  }
  return {};
}

std::span<const Rgb> palette() {
  return categories;
}

Rgb mix(Rgb a, Rgb b, double share) {
  const auto blend = [share](std::uint8_t x, std::uint8_t y) {
    return static_cast<std::uint8_t>(std::lround(x + share * (static_cast<double>(y) - x)));
  };
  return {blend(a.r, b.r), blend(a.g, b.g), blend(a.b, b.b)};
}

}  // namespace erwin::ui
