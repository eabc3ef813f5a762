// Rows of pictures: around the cloud, layer by layer, along a training run.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>

#include "app/command.h"
#include "app/render_frames.h"
#include "app/render_picture.h"
#include "core/base/error.h"
#include "core/train/kept_checkpoints.h"
#include "ui/scene/colour_scale.h"

namespace erwin::app {

namespace {

// One picture of the row: what is another in it.
using Step = std::function<void(Shown& shown)>;

std::vector<Step> turntable(const RenderOptions& options, const Shown& shown) {
  std::vector<Step> steps;
  for (int i = 0; i < options.turntable; ++i)
    steps.push_back([camera = shown.state.camera, degrees = 360.0 * i / options.turntable](Shown& next) {
      next.state.camera = ui::orbit(camera, degrees, 0);
    });
  return steps;
}

std::vector<Step> layers(const RenderOptions& options, const Shown& shown) {
  if (!shown.data.prediction)
    throw Error(ErrorKind::Config, "there are no layers to sweep", "--sweep layer", "Give a checkpoint");
  std::vector<Step> steps;
  for (const LayerInfo& layer : shown.data.prediction->layers)
    steps.push_back([&options, number = layer.layer](Shown& next) {
      next.state.query.layer = number;
      predict(options, next);
    });
  return steps;
}

// The range that the colours need over all of them; nothing where they have no numbers or have a range already.
std::optional<FieldRange> range_over(const std::vector<Step>& steps, Shown& shown) {
  if (shown.state.range || !ui::shown_field(shown.data, shown.state)) return {};
  std::optional<FieldRange> all;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    command_job().progress(0.5 * static_cast<double>(i) / static_cast<double>(steps.size()), "looking for the range");
    steps[i](shown);
    const Field* field = ui::shown_field(shown.data, shown.state);
    if (!field) continue;
    const ui::LegendScale scale = ui::scale_of(*field, shown.state, ui::shown_component(*field, shown.state));
    if (!all) all = FieldRange{scale.minimum, scale.maximum};
    all = FieldRange{std::min(all->minimum, scale.minimum), std::max(all->maximum, scale.maximum)};
  }
  if (all && !(all->minimum < all->maximum)) all.reset();
  return all;
}

std::vector<Step> training(const RenderOptions& options, Shown& shown) {
  const std::vector<KeptCheckpoint> kept = kept_checkpoints(options.run);
  if (kept.size() < 3)
    std::fprintf(stderr, "this run has kept %zu checkpoints; train.keep_every=STEPS keeps more\n", kept.size());
  std::vector<Step> steps;
  for (const KeptCheckpoint& checkpoint : kept)
    steps.push_back([&options, checkpoint](Shown& next) {
      next.sources.checkpoint = checkpoint.path.string();
      next.step = checkpoint.step;
      predict(options, next);
    });
  shown.state.range = range_over(steps, shown);
  return steps;
}

}  // namespace

void draw_film(RenderOptions options, Shown shown) {
  if (options.turntable > 0 && !options.sweep.empty())
    throw Error(ErrorKind::Config, "--turntable and --sweep were both given", {}, "Give one of them");
  const std::string pattern = options.out;
  (void)frame_name(pattern, 0);  // told before anything is worked out
  const std::vector<Step> steps = options.turntable > 0      ? turntable(options, shown)
                                  : options.sweep == "layer" ? layers(options, shown)
                                                             : training(options, shown);
  ui::OffscreenScene offscreen;
  for (std::size_t frame = 0; frame < steps.size(); ++frame) {
    command_job().progress(static_cast<double>(frame) / static_cast<double>(steps.size()), "drawing frames");
    command_job().check();
    steps[frame](shown);
    options.out = frame_name(pattern, static_cast<int>(frame));
    write_picture(options, shown, offscreen);
    std::printf("%s\n", options.out.c_str());
  }
}

}  // namespace erwin::app
