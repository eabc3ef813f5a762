// Rows of pictures: around the cloud, layer by layer, along a training run (render_training.cpp).

#include <cstdio>
#include <span>

#include "app/command.h"
#include "app/render_frames.h"
#include "app/render_picture.h"
#include "app/render_training.h"
#include "core/base/error.h"
#include "ui/scene/range_lock.h"

namespace erwin::app {

namespace {

std::vector<FilmStep> turntable(const RenderOptions& options, const Shown& shown) {
  std::vector<FilmStep> steps;
  for (int i = 0; i < options.turntable; ++i)
    steps.push_back([camera = shown.state.camera, degrees = 360.0 * i / options.turntable](Shown& next) {
      next.state.camera = ui::orbit(camera, degrees, 0);
    });
  return steps;
}

std::vector<FilmStep> layers(const RenderOptions& options, const Shown& shown) {
  if (!shown.data.prediction)
    throw Error(ErrorKind::Config, "there are no layers to sweep", "--sweep layer", "Give a checkpoint");
  std::vector<FilmStep> steps;
  for (const LayerInfo& layer : shown.data.prediction->layers)
    steps.push_back([&options, number = layer.layer](Shown& next) {
      next.state.query.layer = number;
      predict(options, next);
    });
  return steps;
}

}  // namespace

void draw_film(RenderOptions options, Shown shown) {
  if (options.turntable > 0 && !options.sweep.empty())
    throw Error(ErrorKind::Config, "--turntable and --sweep were both given", {}, "Give one of them");
  const std::string pattern = options.out;
  (void)frame_name(pattern, 0);  // told before anything is worked out
  const std::vector<FilmStep> steps = options.turntable > 0      ? turntable(options, shown)
                                      : options.sweep == "layer" ? layers(options, shown)
                                                                 : along_training(options, shown);
  ui::OffscreenScene offscreen;
  ui::RangeLock lock;
  const auto told = shown.state.range;
  for (std::size_t frame = 0; frame < steps.size(); ++frame) {
    command_job().progress(static_cast<double>(frame) / static_cast<double>(steps.size()), "drawing frames");
    command_job().check();
    steps[frame](shown);
    ui::Tile drawn{shown.data, shown.state};
    lock.apply(std::span(&drawn, 1));
    shown.state.range = drawn.state.range;
    options.out = frame_name(pattern, static_cast<int>(frame));
    write_picture(options, shown, offscreen);
    shown.state.range = told;
    std::printf("%s\n", options.out.c_str());
  }
}

}  // namespace erwin::app
