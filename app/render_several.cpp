#include "app/render_several.h"

#include "app/command.h"
#include "app/explain_source.h"
#include "app/other_sample.h"
#include "app/render_changes.h"
#include "app/render_tiles.h"
#include "core/base/error.h"
#include "core/engine/cloud_tree.h"
#include "core/engine/sample_comparison.h"
#include "ui/scene/head_grid.h"
#include "ui/scene/other_sample.h"

namespace erwin::app {

namespace {

// The sample that --against names, of the same data set or a file, as the shown one is: predicted by the same network.
ui::Tile other_tile(const RenderOptions& options, const Shown& shown) {
  const ui::SceneState& state = shown.state;
  const Against against = against_from(state.against);
  const OtherSample found = open_other_sample(shown.sources.data, against.sample, options.open);
  Shown other;
  other.sources = shown.sources;
  other.data.cloud = found.cloud;
  other.data.target = found.target.empty() ? shown.data.target : found.target;
  other.state = ui::state_beside(state, *found.cloud);
  other.state.title = found.name;
  other.state.against = "none";
  if (against.point >= 0)
    other.state.query.point = point_of(*found.cloud, against.point);
  else if (state.query.point >= 0)
    other.state.query.point =
        corresponding_point(*shown.data.cloud, state.frame, state.query.point, *found.cloud, other.state.frame);
  if (shown.sources.checkpoint.empty())
    other.data.tree = cloud_tree(*found.cloud, other.state.frame, command_job());
  else
    predict(options, other);
  return {other.data, other.state};
}

std::vector<ui::Tile> tiles_of_heads(const Shown& shown) {
  const ui::SceneState& state = shown.state;
  if (!shown.data.query)
    throw Error(ErrorKind::Config, "there is no attention to show in several heads", "--heads " + state.heads,
                shown.result.tap ? "Give --point ID" : "Give a checkpoint");
  const LayerInfo& layer = shown.data.query->layer;
  for (const int head : ui::heads_from(state.heads))
    if (head >= layer.heads)
      throw Error(ErrorKind::Config, "the layer has no such head", "head " + std::to_string(head),
                  "Its heads are 0 to " + std::to_string(layer.heads - 1));
  return ui::head_tiles(shown.data, state, rows_of_heads(shown, ui::shown_heads(state, layer.heads)));
}

std::vector<ui::Tile> tiles_of(const RenderOptions& options, const Shown& shown) {
  const ui::SceneState& state = shown.state;
  if (state.heads != "off") {
    if (ui::is_beside_sample(state))
      throw Error(ErrorKind::Config, "--heads and another sample were both given", state.against, "Give one of them");
    return tiles_of_heads(shown);
  }
  std::vector<ui::Tile> tiles{{shown.data, state}, other_tile(options, shown)};
  for (ui::Tile& tile : tiles) name_query(tile.data, tile.state);
  return tiles;
}

}  // namespace

bool is_several(const ui::SceneState& state) {
  return state.heads != "off" || ui::is_beside_sample(state);
}

void write_several(const RenderOptions& options, Shown& shown, ui::OffscreenScene& offscreen) {
  std::vector<ui::Tile> tiles = tiles_of(options, shown);
  lay_out(tiles, shown.state);
  const ui::Tile& first = tiles.front();
  shown.state.camera = camera_for(first.data, first.state);
  for (ui::Tile& tile : tiles)
    tile.state.camera = tile.data.cloud == first.data.cloud
                            ? shown.state.camera
                            : ui::carried(shown.state.camera, box_to_box(*first.data.cloud, first.state.frame,
                                                                         *tile.data.cloud, tile.state.frame));
  const ui::Picture picture = draw_tiles(offscreen, tiles, shown.state);
  write_with_recipe(options.out, picture, recipe_of(options, shown, offscreen.scene(), shown.state));
}

}  // namespace erwin::app
