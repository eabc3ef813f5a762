#include "ui/scene/range_lock.h"

#include <vector>

#include "ui/scene/colour_scale.h"

namespace erwin::ui {

namespace {

std::string quantity_in(const Tile& tile) {
  const Field* field = shown_field(tile.data, tile.state);
  return field ? quantity_of(*field, tile.state, shown_component(*field, tile.state)) : std::string();
}

std::optional<FieldRange> unlocked_ends(std::span<const Tile> tiles, const std::string& quantity) {
  std::vector<const Field*> fields;
  SceneState unlocked;
  for (const Tile& tile : tiles) {
    if (quantity_in(tile) != quantity) continue;
    if (fields.empty()) unlocked = tile.state;
    fields.push_back(shown_field(tile.data, tile.state));
  }
  unlocked.range_mode = RangeMode::Data;
  return shared_range(fields, unlocked);
}

}  // namespace

void RangeLock::apply(std::span<Tile> tiles, const PointColours* on_screen) {
  if (tiles.front().state.range_mode != RangeMode::Locked) return ends_.clear();
  for (Tile& tile : tiles) {
    if (tile.state.range) {
      tile.state.range_mode = RangeMode::Data;
      continue;
    }
    const std::string quantity = quantity_in(tile);
    if (quantity.empty()) continue;
    auto locked = ends_.find(quantity);
    if (locked == ends_.end()) {
      std::optional<FieldRange> ends;
      if (on_screen && on_screen->quantity == quantity && on_screen->legend.scale)
        ends = FieldRange{on_screen->legend.scale->minimum, on_screen->legend.scale->maximum};
      else
        ends = unlocked_ends(tiles, quantity);
      if (!ends) continue;
      locked = ends_.emplace(quantity, *ends).first;
    }
    tile.state.range = locked->second;
  }
}

}  // namespace erwin::ui
