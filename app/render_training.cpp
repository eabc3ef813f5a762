#include "app/render_training.h"

#include <cstdio>
#include <memory>
#include <optional>

#include "app/command.h"
#include "core/train/kept_checkpoints.h"
#include "ui/scene/colour_scale.h"

namespace erwin::app {

namespace {

struct Frame {
  KeptCheckpoint checkpoint;
  std::optional<ui::SceneData> data;  // nothing: it is predicted when it is drawn
};

void show(const RenderOptions& options, const Frame& frame, Shown& next) {
  next.sources.checkpoint = frame.checkpoint.path.string();
  next.step = frame.checkpoint.step;
  if (frame.data)
    next.data = *frame.data;
  else
    predict(options, next);
}

template <typename Value>
double bytes_in(const std::vector<Value>& values) {
  return static_cast<double>(values.size() * sizeof(Value));
}

double bytes_in(const BallTree& tree) {
  double bytes = bytes_in(tree.slot_point) + bytes_in(tree.slot_mask) + bytes_in(tree.point_slot);
  for (const TreeLevel& level : tree.levels)
    bytes += bytes_in(level.slot_begin) + bytes_in(level.point_count) + bytes_in(level.split_axis) +
             bytes_in(level.centre) + bytes_in(level.radius) + bytes_in(level.box_minimum) +
             bytes_in(level.box_maximum);
  return bytes;
}

// What one checkpoint's picture holds by itself: the cloud is common to all. Layers share their orders, so that this is
// rather too much than too little.
double bytes_in(const ui::SceneData& data) {
  double bytes = bytes_in(*data.prediction->tree);
  for (const Field& field : data.prediction->fields) bytes += 4.0 * static_cast<double>(field.values().size());
  for (const LayerInfo& layer : data.prediction->layers)
    bytes += bytes_in(layer.slots->begin) + bytes_in(layer.slots->points);
  // Gates, a query's row, a field that was asked for.
  constexpr double other_fields = 16;
  return bytes + other_fields * 4 * static_cast<double>(data.cloud->size());
}

// Predicts all of them for the range that they have together, and keeps what there is room for.
std::optional<FieldRange> range_over(const RenderOptions& options, std::vector<Frame>& frames, Shown& shown) {
  ui::SharedRange range(shown.state);
  const ui::SceneData loaded = shown.data;
  const std::string checkpoint_of_loaded = shown.loaded;
  bool keeps = true;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    command_job().progress(0.5 * static_cast<double>(i) / static_cast<double>(frames.size()), "looking for the range");
    if (keeps && frames[i].checkpoint.path == checkpoint_of_loaded) frames[i].data = loaded;
    show(options, frames[i], shown);
    range.add(ui::shown_field(shown.data, shown.state));
    if (i == 0) {
      const double needed = bytes_in(shown.data) * static_cast<double>(frames.size()) / (1 << 20);
      keeps = needed <= options.keep_mib;
      if (!keeps)
        std::fprintf(stderr,
                     "what %zu checkpoints predict takes about %.0f MiB, more than --keep-mib %.0f: each predicts "
                     "twice\n",
                     frames.size(), needed, options.keep_mib);
    }
    if (keeps) frames[i].data = shown.data;
  }
  return range.ends();
}

}  // namespace

std::vector<FilmStep> along_training(const RenderOptions& options, Shown& shown) {
  const auto frames = std::make_shared<std::vector<Frame>>();
  for (const KeptCheckpoint& checkpoint : kept_checkpoints(options.run)) frames->push_back({checkpoint, {}});
  if (frames->size() < 3)
    std::fprintf(stderr, "this run has kept %zu checkpoints; train.keep_every=STEPS keeps more\n", frames->size());
  if (!shown.state.range && ui::shown_field(shown.data, shown.state)) {
    // What all have together is what a lock would keep.
    if (shown.state.range_mode == ui::RangeMode::Locked) shown.state.range_mode = ui::RangeMode::Data;
    shown.state.range = range_over(options, *frames, shown);
  }
  std::vector<FilmStep> steps;
  for (std::size_t i = 0; i < frames->size(); ++i)
    steps.push_back([&options, frames, i](Shown& next) { show(options, (*frames)[i], next); });
  return steps;
}

}  // namespace erwin::app
