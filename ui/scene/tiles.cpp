#include "ui/scene/tiles.h"

#include <vector>

#include "ui/scene/colour_scale.h"

namespace erwin::ui {

void share_range(std::span<Tile> tiles) {
  std::vector<const Field*> fields;
  for (const Tile& tile : tiles) fields.push_back(shown_field(tile.data, tile.state));
  if (const auto range = shared_range(fields, tiles.front().state))
    for (Tile& tile : tiles) tile.state.range = range;
}

}  // namespace erwin::ui
