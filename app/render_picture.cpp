#include "app/render_picture.h"

#include <filesystem>

#include "app/command.h"
#include "app/render_recipe.h"
#include "core/base/version.h"
#include "core/engine/query_view.h"
#include "ui/scene/scene_options.h"

namespace erwin::app {

namespace {

RenderRecipe recipe_of(const RenderOptions& options, const Shown& shown, const ui::Scene& scene) {
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
    recipe.options[option.name] = option.print(scene.state(), scene.data().cloud.get());
  recipe.options["camera"] = ui::to_string(scene.state().camera);
  recipe.options.erase("target");  // the camera is there already
  recipe.camera_matrix = scene.world_to_clip();
  return recipe;
}

}  // namespace

void write_picture(const RenderOptions& options, const Shown& shown, ui::OffscreenScene& offscreen) {
  const ui::SceneData& data = shown.data;
  ui::SceneState state = shown.state;
  if (shown.step >= 0) state.title += ", training step " + std::to_string(shown.step);
  if (data.query)
    state.title +=
        ", point " + std::to_string(data.cloud->row_id(state.query.point)) + ", " + caption_of(data.query->layer);
  const ui::Picture picture = offscreen.draw(data, state);
  ui::write_png(options.out, picture,
                {{"Software", std::string("ErwinScope ") + ERWINSCOPE_VERSION},
                 {recipe_keyword, to_text(recipe_of(options, shown, offscreen.scene()))}});
}

}  // namespace erwin::app
