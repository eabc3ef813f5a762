#pragma once
// Everything that decides what a picture looks like, as plain values: the window changes it, `render` fills it from its
// options, and the Scene draws it. Same state, same data: same pixels.

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/engine/query_view.h"
#include "core/engine/snapshot.h"
#include "ui/scene/camera.h"
#include "ui/scene/colour.h"

namespace erwin {

inline bool operator==(const FieldRange& a, const FieldRange& b) {
  return a.minimum == b.minimum && a.maximum == b.maximum;
}

}  // namespace erwin

namespace erwin::ui {

enum class ColourBy {
  Field,
  Target,
  Prediction,
  Error,
  Balls,
  Attention,  // weight of every point; a compressed weight is spread over its block
  Compressed  // what the compressed branch gives every block, the same number at all its points
};
const char* name_of(ColourBy value);  // "field", "target", ...

enum class PointStyle {
  Auto,     // Spheres up to 200,000 points, above that Pixels
  Spheres,  // shaded, and reaching into each other as balls do
  Round,    // flat discs
  Pixels,   // squares of a few pixels, whatever the distance
  None
};

// How a cloud's cells are drawn. Lines are sticks with everything but Off.
enum class CellStyle {
  Auto,  // points instead of faces
  Off,
  Surface,  // lit faces; PointStyle::Auto then draws no points
  Edges,    // the same with their edges
  Wireframe
};

// Where the ends of the colours come from, unless they are given as numbers.
enum class RangeMode {
  Data,        // all frames of the field
  Percentile,  // the same without some percent at each end
  Locked       // what they were when the lock was set, whatever is looked at then
};

enum class SelectionMarks {
  Off,
  Outline,  // boxes around the selected blocks
  Fill      // their points take the colour of their rank
};

enum class OutlineShape {
  Box,     // tight, along the file's axes
  Sphere,  // about the mean of the points, through the farthest one
  Hull     // convex hull of the points
};
const char* name_of(OutlineShape shape);  // "box", "sphere", "hull"

enum class OutlinedBalls {
  Off,
  Query,  // the query's ball, and the blocks it selected where marks are outlines
  Level   // those, and every ball of the level
};
const char* name_of(OutlinedBalls value);  // "off", "query", "level"

// One ball and the subtree below it, looked at alone.
struct OnlyBall {
  enum class Which { All, Query, Index } which = Which::All;
  std::int64_t index = 0;  // with Index: place in its level, in slot order
  int level = -1;          // -1: the state's
  bool operator==(const OnlyBall&) const = default;
};
// "all"; "query" or a number, on a level of their own: "3:query", "3:7".
std::string to_string(const OnlyBall& only);
OnlyBall only_ball_from(const std::string& text);  // Error{Config}

// Whether a summary of attention is the shown layer's, or the mean over all layers.
enum class SummaryOf { Layer, AllLayers };

struct MarkedBlockId {
  int layer = -1, block = -1;
  bool operator==(const MarkedBlockId&) const = default;
};

// Cuts away what lies beyond a plane: points p, in the file's coordinates, with normal . p > limit.
struct ClipPlane {
  std::array<double, 3> normal{};
  double limit = 0;
  bool operator==(const ClipPlane&) const = default;
};
// What is kept, as a person writes it: "x<0.5", "z>2", "1,1,0<3"; "off" where nothing is cut.
std::string to_string(const std::optional<ClipPlane>& clip);
std::optional<ClipPlane> clip_from(const std::string& text);  // Error{Config}

// The part of the attention matrix that is seen, in slots of the shown layer's tree, which has `slots` of them; without
// slots, or of a tree with another number of them, the whole matrix.
struct MatrixPart {
  double row = 0, column = 0, length = 0;
  std::int64_t slots = 0;
  bool operator==(const MatrixPart&) const = default;
};
// "whole", or "ROW,COLUMN,LENGTH,SLOTS".
std::string to_string(const MatrixPart& part);
MatrixPart matrix_part_from(const std::string& text);  // Error{Config}

enum class Theme { Dark, Light };

enum class Projection { Perspective, Orthographic };

enum class LookTarget {
  Cloud,
  Ball  // the lone ball, else the query's ball of the shown level
};

struct SceneState {
  ColourBy colour_by = ColourBy::Target;
  std::string field;                // with ColourBy::Field
  int component = -1;               // of a vector field; -1: its norm
  std::optional<FieldRange> range;  // absent: as range_mode says; what is drawn with a lock has its numbers here
  RangeMode range_mode = RangeMode::Data;
  double percentile = 2;            // left out at each end with RangeMode::Percentile, in percent
  std::optional<bool> logarithmic;  // absent: only for attention and its like (query_fields.h)
  int steps = 0;                    // number of colours; 0: without steps
  std::optional<ColourMap> map;     // absent: what suits the quantity
  int level = 4;                    // of the tree in which the query's layer ran: colours and outlines of balls
  int frame = 0;

  PointSetPtr picked;            // chosen by box or lasso; null: none
  std::string against = "none";  // what the query is compared with: the text that against_from understands
  SummaryOf summary = SummaryOf::Layer;
  std::string heads = "off";            // whose attention is shown side by side: the text that head_grid.h understands
  QueryRequest query;                   // the clicked point; layer, head and branch of the question
  std::optional<SelectionMarks> marks;  // absent: Fill, but Outline where the colours show attention
  double dim = 0.8;                     // how far everything that is not marked fades into the background, 0 to 1
  bool misses = false;                  // blocks that deserved to be selected and were not
  MarkedBlockId marked_block;           // that a table points at; shown in its own layer only
  OutlineShape outline = OutlineShape::Box;
  OutlinedBalls outlines = OutlinedBalls::Query;
  OnlyBall only;           // all else is dimmed or
  bool hide_rest = false;  // left out
  std::optional<ClipPlane> clip;
  bool score_lines = false;  // from the query to every selected block, the wider the higher its score
  MatrixPart matrix;         // of the panel Matrix and its files
  bool matrix_log = true;    // its colours
  bool nodes = true;         // pooled layers: their nodes as discs at their centres

  PointStyle style = PointStyle::Auto;
  double point_size = 1;  // in multiples of the size that suits the cloud
  CellStyle cells = CellStyle::Auto;
  std::string arrows;        // vector field to draw as arrows; empty: none
  int arrow_component = -1;  // that colours them; -1: the length
  int arrow_count = 1500;    // at most that many, evenly chosen
  double arrow_length = 1;   // in multiples of what suits their number
  bool edl = true;           // eye-dome lighting: depth shows by darkened rims
  bool legend = true;
  bool histogram = true;  // beside the legend's colours
  bool scale_bar = true, axes = true;
  Theme theme = Theme::Dark;
  std::string title;  // top left

  int width = 1280, height = 800;  // pixels
  double text_scale = 1;           // of legend and title, for dense displays
  double notes_left = 22;          // where the legend's sentences begin, in multiples of text_scale
  std::string look = "iso";        // what the camera was asked to be: the text that camera_from understands
  LookTarget target = LookTarget::Cloud;
  Camera camera;  // what it is
  Projection projection = Projection::Perspective;
  bool operator==(const SceneState&) const = default;
};

// What is drawn; all of it immutable and shared with whoever made it.
struct SceneData {
  PointCloudPtr cloud;
  BallTreePtr tree;    // the network's where one has run, else the cloud's own
  std::string target;  // name of the field that counts as target; may be empty
  std::shared_ptr<const Prediction> prediction;
  std::shared_ptr<const QueryView> query;
  std::shared_ptr<const GateFields> gates;             // of the query's layer; null where it has none
  std::shared_ptr<const LayerSummary> summary;         // of the query's layer and head; null until asked for
  std::shared_ptr<const WhoLooks> who_looks;           // of the question; null until asked for
  std::shared_ptr<const Reach> rollout, receptive;     // of the query; null until asked for
  std::shared_ptr<const SetLooks> set_looks;           // of the chosen points; null until asked for
  std::shared_ptr<const Comparison> comparison;        // null until asked for
  std::shared_ptr<const MissedView> missed;            // of the question; null until asked for
  std::shared_ptr<const RecallView> recall;            // of the query's layer and head; null until asked for
  std::shared_ptr<const AttributionView> attribution;  // of the query's point and layer; null until asked for
  std::shared_ptr<const WhatIfView> what_if;           // the run with changes; null where nothing is changed
  std::shared_ptr<const MovedView> moved;              // where changes put points; null where nothing is moved
  bool operator==(const SceneData&) const = default;   // the same objects, not the same numbers
};

// The marked block where it is of the query's layer, else -1.
int shown_block(const SceneState& state);

// [n, 3] where points are drawn, and picked: where changes put them, else where the cloud has them in the state's
// frame.
std::span<const float> shown_positions(const SceneData& data, const SceneState& state);

// The field that the state's colour_by names, or null where the data has none (Balls, nothing predicted yet, ...).
const Field* shown_field(const SceneData& data, const SceneState& state);

}  // namespace erwin::ui
