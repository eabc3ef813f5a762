#pragma once
// A picture of `erwinscope render` with the recipe in it, and rows of them.

#include <cstdint>
#include <string>
#include <vector>

#include "app/shown.h"
#include "ui/scene/offscreen_scene.h"

namespace erwin::app {

struct RenderOptions : ShownOptions {
  std::string out = "erwinscope.png";
  std::vector<std::int64_t> locate;
  int turntable = 0;       // pictures of a turn; 0: one picture
  std::string sweep, run;  // "layer", or "training" of a run's directory
  double keep_mib = 1024;  // of what a run's checkpoints predict, between finding the range and drawing
  bool json = false;
  bool is_film() const { return turntable > 0 || !sweep.empty(); }
};

// From the direction that was asked for, at the cloud or at one ball. Raises Error{Config}: there is no such ball.
ui::Camera camera_for(const ui::SceneData& data, const ui::SceneState& state);

// The title says what is asked of the network.
void name_query(const ui::SceneData& data, ui::SceneState& state);

// What makes the picture again: the scene as it was drawn, the options of `state`.
RenderRecipe recipe_of(const RenderOptions& options, const Shown& shown, const ui::Scene& scene,
                       const ui::SceneState& state);

// A PNG with its recipe.
void write_with_recipe(const std::string& path, const ui::Picture& picture, const RenderRecipe& recipe);

// To options.out, with the state's title completed by what is asked and, of a run's checkpoint, by its step.
void write_picture(const RenderOptions& options, const Shown& shown, ui::OffscreenScene& offscreen);

// A picture for every step around the cloud, for every layer, or for every checkpoint that a run has kept, each with
// its own recipe. Of a run all pictures have one range of colours: what it would be over all of them. Prints their
// names. Raises Error{Config}: there is nothing to walk over, --out has no number.
void draw_film(RenderOptions options, Shown shown);

}  // namespace erwin::app
