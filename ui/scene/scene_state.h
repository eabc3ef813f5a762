#pragma once
// Everything that decides what a picture looks like, as plain values: the window changes it, `render` fills it from its
// options, and the Scene draws it. Same state, same data: same pixels.

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "core/engine/query_view.h"
#include "core/engine/snapshot.h"
#include "ui/scene/camera.h"
#include "ui/scene/colour.h"

namespace erwin::ui {

enum class ColourBy { Field, Target, Prediction, Error, Balls, Attention };
const char* name_of(ColourBy value);  // "field", "target", ...

enum class PointStyle {
  Auto,  // Spheres up to 200,000 points, above that Pixels
  Spheres,
  Pixels
};

enum class SelectionMarks {
  Off,
  Outline,  // boxes around the selected blocks
  Fill      // their points take the colour of their rank
};

enum class Theme { Dark, Light };

struct SceneState {
  ColourBy colour_by = ColourBy::Target;
  std::string field;                // with ColourBy::Field
  int component = -1;               // of a vector field; -1: its norm
  std::optional<FieldRange> range;  // absent: the field's own
  int level = 4;                    // of the tree, with ColourBy::Balls
  int frame = 0;

  QueryRequest query;                   // the clicked point; layer, head and branch of the question
  std::optional<SelectionMarks> marks;  // absent: Fill, but Outline where the colours show attention
  double dim = 0.8;                     // how far everything that is not marked fades into the background, 0 to 1

  PointStyle style = PointStyle::Auto;
  double point_size = 1;  // in multiples of the size that suits the cloud
  bool legend = true;
  Theme theme = Theme::Dark;
  std::string title;  // top left

  int width = 1280, height = 800;  // pixels
  double text_scale = 1;           // of legend and title, for dense displays
  Camera camera;
};

// What is drawn; all of it immutable and shared with whoever made it.
struct SceneData {
  PointCloudPtr cloud;
  BallTreePtr tree;    // the network's where one has run, else the cloud's own
  std::string target;  // name of the field that counts as target; may be empty
  std::shared_ptr<const Prediction> prediction;
  std::shared_ptr<const QueryView> query;
};

// The field that the state's colour_by names, or null where the data has none (Balls, nothing predicted yet, ...).
const Field* shown_field(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
