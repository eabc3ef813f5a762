#include "app/render_tiles.h"

#include <algorithm>

#include "core/base/error.h"
#include "ui/scene/range_lock.h"

namespace erwin::app {

namespace {

constexpr int legend_column = 172, gap = 2;  // in multiples of the text's scale, and in pixels

int legend_width(const ui::SceneState& whole) {
  return whole.legend ? static_cast<int>(legend_column * whole.text_scale) : 0;
}

int columns_of(const std::vector<ui::Tile>& tiles) {
  return tiles.size() > 1 ? 2 : 1;
}

int rows_of(const std::vector<ui::Tile>& tiles) {
  return static_cast<int>(tiles.size() + 1) / 2;
}

void paste(const ui::Picture& part, int left, int top, ui::Picture& into) {
  for (int y = 0; y < std::min(part.height, into.height - top); ++y)
    std::copy_n(part.rgb.begin() + 3 * static_cast<std::ptrdiff_t>(y) * part.width,
                3 * std::min(part.width, into.width - left),
                into.rgb.begin() + 3 * (static_cast<std::ptrdiff_t>(top + y) * into.width + left));
}

// The first tile's legend alone: nothing else is drawn, and the camera looks away.
ui::Picture draw_legend(ui::OffscreenScene& offscreen, const ui::Tile& tile, const ui::SceneState& whole) {
  ui::SceneState state = tile.state;
  state.width = legend_width(whole);
  state.height = whole.height;
  state.legend = true;
  state.style = ui::PointStyle::None;
  state.cells = ui::CellStyle::Off;
  state.arrows.clear();
  state.scale_bar = state.axes = state.edl = false;
  state.title.clear();
  state.notes_left = 1e6;  // no room for sentences
  for (std::size_t k = 0; k < 3; ++k) state.camera.focus[k] = 2 * state.camera.position[k] - state.camera.focus[k];
  return offscreen.draw(tile.data, state);
}

}  // namespace

void lay_out(std::vector<ui::Tile>& tiles, const ui::SceneState& whole) {
  const int columns = columns_of(tiles), rows = rows_of(tiles);
  for (ui::Tile& tile : tiles) {
    tile.state.width = (whole.width - legend_width(whole) - gap * (columns - 1)) / columns;
    tile.state.height = (whole.height - gap * (rows - 1)) / rows;
    tile.state.legend = false;
  }
  if (tiles.front().state.width < 100 || tiles.front().state.height < 100)
    throw Error(ErrorKind::Config, "there is no room for several pictures",
                std::to_string(whole.width) + "x" + std::to_string(whole.height), "Choose a larger --size");
  ui::RangeLock().apply(tiles);
  ui::share_range(tiles);
}

ui::Picture draw_tiles(ui::OffscreenScene& offscreen, const std::vector<ui::Tile>& tiles, const ui::SceneState& whole) {
  const ui::Rgb back = ui::mix(ui::palette_of(whole.theme).background, ui::palette_of(whole.theme).faint, 0.4);
  ui::Picture picture{whole.width, whole.height, {}};
  for (int i = 0; i < whole.width * whole.height; ++i) picture.rgb.insert(picture.rgb.end(), {back.r, back.g, back.b});
  if (whole.legend) paste(draw_legend(offscreen, tiles.front(), whole), whole.width - legend_width(whole), 0, picture);
  for (std::size_t i = tiles.size(); i-- > 0;) {
    const ui::SceneState& state = tiles[i].state;
    const auto column = static_cast<int>(i % 2), row = static_cast<int>(i / 2);
    paste(offscreen.draw(tiles[i].data, state), column * (state.width + gap), row * (state.height + gap), picture);
  }
  return picture;
}

}  // namespace erwin::app
