#pragma once
// What the window's two working threads publish. A snapshot is complete: whoever reads only the newest one has missed
// nothing. Errors travel in it as values.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/attention/matrix.h"
#include "core/base/error.h"
#include "core/config/model_config.h"
#include "core/data/field_list.h"
#include "core/data/point_cloud.h"
#include "core/engine/attribution_view.h"
#include "core/engine/comparison.h"
#include "core/engine/gate_fields.h"
#include "core/engine/missed_view.h"
#include "core/engine/query_view.h"
#include "core/engine/reach_fields.h"
#include "core/engine/sample_comparison.h"
#include "core/engine/set_looks.h"
#include "core/engine/summary_fields.h"
#include "core/engine/what_if_view.h"
#include "core/engine/who_looks.h"
#include "core/model/predict.h"
#include "core/model/prediction_memory.h"
#include "core/tree/ball_tree.h"

namespace erwin {

struct Progress {
  bool busy = false;
  double fraction = -1;  // negative: unknown
  std::string what;
};

// An Error as a value; `serial` grows, so that a reader sees each failure once.
struct Failure {
  std::uint64_t serial = 0;
  ErrorKind kind = ErrorKind::Internal;
  std::string message, detail, hint;
};

// A cloud as opened, with the tree that picking and the ball colours use while no network gives its own.
struct OpenedCloud {
  std::string path;                  // what was asked for; empty for the program's own cloud
  std::string sample;                // which of `samples` this is
  std::vector<std::string> samples;  // all of the data set, by name
  std::string target;                // field that the data set names as target; may be empty
  PointCloudPtr cloud;
  BallTreePtr tree;
  // An attention record: the engine shows it as the network of the same path, from this layer on.
  bool is_record = false;
  int first_layer = 0;
};

struct IoSnapshot {
  std::shared_ptr<const OpenedCloud> opened;
  std::shared_ptr<const OpenedCloud> beside;  // to compare with
  Progress progress;
  std::optional<Failure> failure;
};

// Where and how exactly a network runs.
struct RunSettings {
  std::string device = "auto";  // "auto", "cpu", "cuda", "cuda:1"
  Precision precision = Precision::Float32;
  bool operator==(const RunSettings&) const = default;
};

struct ModelInfo {
  std::string path, device;  // device: where it really runs
  RunSettings settings;      // what was asked for
  ModelConfig config;
  std::string target;
  std::int64_t step = 0, parameters = 0;
  // An attention record, which answers questions about what was recorded and runs nothing: config, step and parameters
  // say nothing then.
  bool is_record = false;
  std::string generator;  // the program that wrote it; may be empty
};

struct Prediction {
  PointCloudPtr cloud;        // what it was made for
  std::int64_t frame = 0;     // of that cloud
  std::vector<Field> fields;  // "prediction", and where the cloud has the target "target" and "error"
  std::optional<Metrics> metrics;
  BallTreePtr tree;  // the network's main tree
  std::vector<LayerInfo> layers;
  double seconds = 0;
  // Null where there is no field of that name.
  const Field* field(const std::string& name) const { return field_named(fields, name); }
};

struct EngineSnapshot {
  std::shared_ptr<const ModelInfo> model;
  std::shared_ptr<const Prediction> prediction;
  std::shared_ptr<const QueryView> query;   // of `prediction`'s cloud
  std::shared_ptr<const GateFields> gates;  // of the layer and head asked for last; null where that has no gates
  // Worked out only when asked for; see Engine.
  std::shared_ptr<const LayerSummary> summary;
  std::shared_ptr<const std::vector<LayerGlance>> heads;
  std::shared_ptr<const WhoLooks> who_looks;
  std::shared_ptr<const Reach> rollout, receptive;
  std::shared_ptr<const SetLooks> set_looks;
  std::shared_ptr<const Comparison> comparison;
  std::string other;  // path of the network to compare with; empty: none is loaded
  std::shared_ptr<const SampleComparison> sample_comparison;
  std::shared_ptr<const ComparedFields> compared_fields;
  std::shared_ptr<const HeadRows> head_rows;
  std::shared_ptr<const AttentionMatrix> matrix;  // so far
  std::shared_ptr<const MissedView> missed;
  std::shared_ptr<const RecallView> recall;
  std::shared_ptr<const AttributionView> attribution;
  std::shared_ptr<const WhatIfView> what_if;       // null where nothing is changed
  std::shared_ptr<const QueryView> what_if_query;  // where the query looks then
  std::shared_ptr<const HeadRows> what_if_rows;    // and in several heads; null where none were asked for
  RunSettings settings;                            // for networks to come; `model` says how the present one runs
  std::optional<MemoryNeed> memory;                // of the newest prediction, known before it starts
  Progress progress;
  std::optional<Failure> failure;
};

}  // namespace erwin
