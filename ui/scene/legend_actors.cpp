#include "ui/scene/legend_actors.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ui/scene/colour_scale.h"

namespace erwin::ui {

namespace {

constexpr double small_text = 13, title_text = 15;
constexpr int bar_rows = 128;
constexpr double edge = 22, bar_width = 16, column = 132, silhouette = 38;

// Where numbers stand beside the bar: at the borders of few steps, else at five places.
std::vector<double> tick_places(const LegendScale& scale) {
  const int parts = scale.steps > 1 && scale.steps <= 8 ? scale.steps : 4;
  std::vector<double> places;
  for (int i = 0; i <= parts; ++i) places.push_back(static_cast<double>(i) / parts);
  return places;
}

// Broken between words where it is wider than there is room.
std::vector<std::string> wrapped(const std::string& text, double room, double size) {
  std::vector<std::string> lines(1);
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const std::string longer = lines.back().empty() ? word : lines.back() + " " + word;
    if (lines.back().empty() || text_width(longer, size) <= room)
      lines.back() = longer;
    else
      lines.push_back(word);
    begin = end + 1;
  }
  return lines;
}

}  // namespace

double LegendActors::line(const std::string& what, const SceneState& state, double y, double size, Rgb colour,
                          bool bold) {
  const double s = state.text_scale;
  if (text_width(what, s * size) <= s * (column - 6))
    actors_.text(what, state.width - s * column, y, s * size, colour, bold);
  else
    actors_.text(what, state.width - s * 12, y, s * size, colour, bold, TextSide::Right);
  return y - s * 1.5 * size;
}

double LegendActors::bar(const LegendScale& scale, const SceneState& state, double top, double height) {
  const double s = state.text_scale, x = state.width - s * column;
  const Palette palette = palette_of(state.theme);
  const std::string unit = scale.unit.empty() ? std::string() : " [" + scale.unit + "]";
  const double bottom = line(scale.title + unit, state, top, title_text, palette.text, true) - height;
  std::vector<Rgb> rows;
  for (int row = 0; row < bar_rows; ++row) rows.push_back(scale_colour(scale, (row + 0.5) / bar_rows));
  actors_.rectangle(x, bottom, s * bar_width, height, rows);
  if (state.histogram && scale.histogram) {
    // Roots, so that rare values still show.
    std::vector<double> lengths;
    for (const std::int64_t count : scale.histogram->counts) lengths.push_back(std::sqrt(static_cast<double>(count)));
    actors_.bars_to_the_left(x - s * 4, bottom, height, s * silhouette, lengths,
                             mix(palette.faint, palette.background, 0.45));
  }
  for (const double place : tick_places(scale)) {
    const double y = bottom + place * height;
    actors_.rectangle(x + s * bar_width, y - 0.5, s * 5, std::max(1.0, s), {palette.faint});
    actors_.text(short_number(value_at(scale, place)), x + s * (bar_width + 10), y, s * small_text, palette.text);
  }
  double y = bottom - s * 22;
  for (const std::string& remark : scale.remarks) y = line(remark, state, y, small_text, palette.faint);
  return y - s * 6;
}

// Beside the scale bar, in several lines where it is long.
void LegendActors::show_title(const SceneState& state) {
  if (state.title.empty()) return;
  const double s = state.text_scale;
  const auto lines = wrapped(state.title, std::max(s * 200, state.width - s * (2 * edge + 130)), s * title_text);
  double y = s * edge + s * 1.3 * title_text * static_cast<double>(lines.size() - 1);
  for (const std::string& text : lines) {
    actors_.text(text, s * edge, y, s * title_text, palette_of(state.theme).faint);
    y -= s * 1.3 * title_text;
  }
}

void LegendActors::show(vtkRenderer& renderer, const Legend& legend, const SceneState& state) {
  actors_.attach(renderer);
  actors_.clear();
  const Palette palette = palette_of(state.theme);
  const double s = state.text_scale;
  show_title(state);
  if (!state.legend) return;
  const double share = legend.scale && legend.arrows ? 0.24 : 0.4;
  const double height = std::min(s * 220, share * state.height);
  double y = state.height - s * edge - 4;
  for (const auto* scale : {&legend.scale, &legend.arrows})
    if (*scale) y = bar(**scale, state, y, height);
  const double x = state.width - s * column;
  for (const LegendSwatch& swatch : legend.swatches) {
    actors_.rectangle(x, y - s * 6, s * 12, s * 12, {swatch.colour});
    actors_.text(swatch.text, x + s * 20, y, s * small_text, palette.text);
    y -= s * 21;
  }
  // Sentences, in the other upper corner: in the column they would lie on the cloud.
  const double left = s * state.notes_left, room = std::max(s * 200, x - s * (silhouette + 24) - left);
  double below = state.height - s * edge;
  // Beside the window's strip there may be little room; long sentences would lie on the cloud, and the window's panels
  // have them, too.
  const bool narrow = state.notes_left > SceneState().notes_left && room < s * 320;
  for (const std::string& note : legend.notes) {
    const auto lines = wrapped(note, room, s * small_text);
    if (narrow && lines.size() > 2) continue;
    for (const std::string& text : lines) {
      actors_.text(text, left, below, s * small_text, palette.faint);
      below -= s * 1.45 * small_text;
    }
  }
}

}  // namespace erwin::ui
