#pragma once
// What `erwinscope render` draws and `erwinscope export` writes: a cloud, what a network says of it, and the state that
// says what of it is seen, from options, a session of the window or a picture's recipe.

#include <CLI/CLI.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/render_recipe.h"
#include "core/engine/what_if_view.h"
#include "core/io/open.h"
#include "core/model/predict.h"
#include "ui/scene/scene_state.h"

namespace erwin::app {

struct ShownOptions {
  std::vector<std::string> files;
  std::string sample, device = "auto", recipe, session;
  std::map<std::string, std::string> scene;  // options of the picture that were given, by name
  std::optional<int> predicted_component;    // that contributions split; without it the first
  std::vector<std::string> what_if;          // changes to the network's run (app/render_changes.h)
  io::OpenOptions open;
  bool given(const char* name) const { return scene.contains(name); }
};

// Files, how they are opened, session and all options of the picture; they land in `options`, which must outlive the
// parsing.
void add_shown_options(CLI::App& command, ShownOptions& options);

// What it is made from, as far as it can be told apart.
struct ShownSources {
  std::string data, checkpoint;
  std::optional<RenderRecipe> recipe;
};

// The network's run with changes.
struct ShownChanges {
  WhatIfRunner runner;
  ChangedRun run;
};

struct Shown {
  ShownSources sources;
  ui::SceneData data;
  ui::SceneState state;
  std::int64_t step = -1;  // of the checkpoint, where it is one of a run's row of them
  // What was asked of the network; the tap holds the query's layer, or all of them. A record has a tap alone, and
  // without either there is nothing.
  std::shared_ptr<const Predictor> predictor;
  std::string loaded;  // the predictor's checkpoint
  Predictor::Result result;
  std::vector<WhatIfEntry> what_if;             // none: the network is shown as it is
  std::shared_ptr<const ShownChanges> changes;  // what came of them
};

// Reads, predicts and checks that what is asked for is there. Options that a recipe or session adds are put into
// `options`. every_layer: keep what rows need of all layers. Raises what opening and predicting raise, and
// Error{Config}.
Shown load_shown(ShownOptions& options, bool every_layer = false);

// The same cloud through another checkpoint, or with the query's layer as the state now says; with shown.what_if the
// changed run, too.
void predict(const ShownOptions& options, Shown& shown, bool every_layer = false);

}  // namespace erwin::app
