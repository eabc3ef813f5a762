#include "app/render_picture.h"

#include <filesystem>

#include "app/command.h"
#include "app/render_changes.h"
#include "app/render_recipe.h"
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/engine/query_view.h"
#include "ui/scene/scene_options.h"
#include "ui/scene/tree_nodes.h"
#include "ui/scene/what_if_marks.h"

namespace erwin::app {

ui::Camera camera_for(const ui::SceneData& data, const ui::SceneState& state) {
  const ui::Camera camera =
      ui::camera_from(state.look, *data.cloud, static_cast<double>(state.width) / state.height, state.frame);
  if (state.target == ui::LookTarget::Cloud) return camera;
  const std::vector<std::int32_t> points = ui::target_points(data, state);
  if (points.empty())
    throw Error(ErrorKind::Config, "there is no ball to look at", "target ball",
                "Name a query with --point, or one ball with --only");
  return ui::aim_at(camera, *data.cloud, points, 0, state.frame);
}

void name_query(const ui::SceneData& data, ui::SceneState& state) {
  if (data.query)
    state.title +=
        ", point " + std::to_string(data.cloud->row_id(state.query.point)) + ", " + caption_of(data.query->layer);
  state.title += ui::changes_in_title(data);
}

RenderRecipe recipe_of(const RenderOptions& options, const Shown& shown, const ui::Scene& scene,
                       const ui::SceneState& state) {
  const auto absolute = [](const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
  };
  const ShownSources& sources = shown.sources;
  RenderRecipe recipe;
  recipe.program = ERWINSCOPE_VERSION;
  recipe.data = absolute(sources.data);
  recipe.sample = options.sample;
  recipe.data_hash = scene.data().cloud->content_hash();
  recipe.positions = options.open.positions;
  recipe.drop_nonfinite = options.open.drop_nonfinite;
  recipe.checkpoint = absolute(sources.checkpoint);
  if (!sources.checkpoint.empty()) recipe.checkpoint_hash = hash_file(sources.checkpoint, command_job());
  recipe.step = shown.step;
  recipe.device = resolve_device(options.device);
  for (const ui::SceneOption& option : ui::scene_options())
    recipe.options[option.name] = option.print(state, scene.data().cloud.get());
  recipe.options["camera"] = ui::to_string(state.camera);
  recipe.options.erase("target");  // the camera is there already
  recipe.predicted_component = options.predicted_component.value_or(0);
  recipe.what_if = texts_of(shown.what_if, *scene.data().cloud);
  recipe.camera_matrix = scene.world_to_clip();
  return recipe;
}

void write_with_recipe(const std::string& path, const ui::Picture& picture, const RenderRecipe& recipe) {
  ui::write_png(path, picture,
                {{"Software", std::string("ErwinScope ") + ERWINSCOPE_VERSION}, {recipe_keyword, to_text(recipe)}});
}

void write_picture(const RenderOptions& options, const Shown& shown, ui::OffscreenScene& offscreen) {
  ui::SceneState state = shown.state;
  if (shown.step >= 0) state.title += ", training step " + std::to_string(shown.step);
  name_query(shown.data, state);
  const ui::Picture picture = offscreen.draw(shown.data, state);
  write_with_recipe(options.out, picture, recipe_of(options, shown, offscreen.scene(), offscreen.scene().state()));
}

}  // namespace erwin::app
