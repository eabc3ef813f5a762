#include "ui/scene/head_grid.h"

#include <algorithm>

#include "ui/scene/numbers.h"
#include "ui/scene/scene_options.h"

namespace erwin::ui {

std::vector<int> heads_from(const std::string& text) {
  std::vector<int> heads;
  if (text == "off" || text == "four") return heads;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto head = whole_number_in(text.substr(begin, end - begin));
    const bool known = head && *head >= 0 && *head < 4096;
    if (!known || std::find(heads.begin(), heads.end(), *head) != heads.end())
      reject_option("heads", text, "Use off, four, or up to four different heads from 0, like 0,1,2,3");
    heads.push_back(static_cast<int>(*head));
    begin = end + 1;
  }
  if (heads.size() > heads_beside) reject_option("heads", text, "There is room for four heads");
  return heads;
}

std::vector<int> shown_heads(const SceneState& state, int layer_heads) {
  std::vector<int> heads = heads_from(state.heads);
  if (state.heads == "four") {
    const int first = std::max(0, state.query.head) / heads_beside * heads_beside;
    for (int head = first; head < first + heads_beside; ++head) heads.push_back(head);
  }
  std::erase_if(heads, [&](int head) { return head >= layer_heads; });
  return heads;
}

SceneState state_of_head(const SceneState& state, int head) {
  SceneState own = state;
  own.query.head = head;
  if (own.colour_by != ColourBy::Compressed) own.colour_by = ColourBy::Attention;
  return own;
}

std::vector<Tile> head_tiles(const SceneData& data, const SceneState& shown, const HeadRows& rows) {
  std::vector<Tile> tiles;
  for (std::size_t i = 0; i < rows.heads.size(); ++i) {
    const int head = rows.heads[i];
    Tile tile{data, state_of_head(shown, head)};
    tile.data.query = rows.rows[i];
    if (head != shown.query.head) tile.data.missed = nullptr;
    tile.state.title = "head " + std::to_string(head) + (rows.changed ? ", what-if" : "");
    tile.state.legend = tile.state.axes = false;              // no room
    tile.state.scale_bar = shown.scale_bar && tiles.empty();  // one camera
    tiles.push_back(std::move(tile));
  }
  return tiles;
}

}  // namespace erwin::ui
