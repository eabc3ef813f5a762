#pragma once
// What would the network say if ...? Changes to a forward pass (which blocks are selected, gates, heads, branches) and
// to the cloud (points hidden or moved, a field edited), and what they do to the prediction. Plain values; works on
// every device, and what is not changed runs as it always does.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/attention/attention_query.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/config/model_config.h"
#include "core/data/field.h"
#include "core/data/point_cloud.h"
#include "core/model/predict.h"
#include "core/model/sample.h"

namespace erwin {

// A block put into or taken out of what query blocks select. Ids are of the layer's own tree (LayerTap). A block that
// is taken out leaves its place empty: the next best is not promoted (method 8.4, knock-out). A block that is put in
// comes last and has score 0 in the record; one that is selected already stays where it is. nsa layers only.
struct ForcedBlock {
  int layer = -1;                 // order of evaluation; -1: every nsa layer
  std::int64_t query_block = -1;  // -1: all
  std::int32_t block = 0;
  bool in = true;
  int kv_head = -1;  // -1: all
  // Taken out of every branch: also no key of the compressed and local branches, but for its own points' local one.
  // With query_block and kv_head -1.
  bool everywhere = false;
};

// A gate set to a value in [0, 1] for every query. A head is switched off by branch All and value 0, a branch by head
// -1 and value 0. In layers with one branch (ball, full) the head's result is multiplied by the value (branches Local
// and All); their records keep the gate 1.
struct GateOverride {
  int layer = -1;  // -1: all
  int head = -1;   // -1: all
  Branch branch = Branch::All;
  double value = 0;
};

struct SelectionChange {
  int layer = -1;
  std::optional<int> selected_blocks = {};  // S, at least 1
  std::optional<Exclude> exclude = {};
};

struct AttentionChanges {
  std::vector<ForcedBlock> forced = {};
  std::vector<GateOverride> gates = {};
  std::vector<SelectionChange> selections = {};
  bool empty() const { return forced.empty() && gates.empty() && selections.empty(); }
};

// Points of the cloud (indices, not ids) moved: scaled about their mean, then shifted, in the cloud's unit.
struct Movement {
  std::vector<std::int64_t> points = {};
  std::array<double, 3> offset{};
  double scale = 1;
};

// value * factor + offset on some points of a field; component -1: all of them.
struct FieldEdit {
  std::string field = {};
  std::vector<std::int64_t> points = {};
  int component = -1;
  double factor = 1, offset = 0;
};

struct CloudChanges {
  std::vector<std::int64_t> hidden = {};  // the network never sees these points
  std::vector<Movement> movements = {};   // one after the other
  std::vector<FieldEdit> edits = {};      // one after the other
  bool empty() const { return hidden.empty() && movements.empty() && edits.empty(); }
};

struct WhatIf {
  AttentionChanges attention = {};
  CloudChanges cloud = {};
  bool empty() const { return attention.empty() && cloud.empty(); }
};

// Query heads of every attention layer, in order of evaluation.
std::vector<int> heads_by_layer(const ModelConfig& config);

// Raises Error{Config}: a layer, head, block or branch that the network does not have, a gate outside [0, 1], S
// below 1.
void check(const AttentionChanges& changes, const ModelConfig& config);

// The first layer, in order of evaluation, that runs otherwise; `layers` where none does.
int first_changed_layer(const AttentionChanges& changes, int layers);

// One frame of a cloud with the changes made; cells that lose a point go. Row ids stay. Raises Error{Config}: a point
// that is not there, no point left, a field or component that does not exist.
PointCloudPtr changed_cloud(const PointCloud& cloud, std::int64_t frame, const CloudChanges& changes);

// The positions of a frame, relative to the cloud's origin [n, 3], with the movements made. Raises Error{Config}: a
// point that is not there, a factor that is not finite.
std::vector<float> moved_positions(const PointCloud& cloud, std::int64_t frame, const std::vector<Movement>& movements);

// Asks one cloud of one network again and again. What the changes leave as it is is not computed again: the geometry
// where no point moves, and in a flat trunk the layers before the first changed one. No number depends on that. Belongs
// to the predictor's thread; the predictor must outlive it.
class WhatIfRunner {
public:
  // Makes the baseline prediction. Raises what Predictor::run raises.
  WhatIfRunner(const Predictor& predictor, PointCloudPtr cloud, std::int64_t frame, const Job& job = {});

  // One frame each, over the points of the original cloud, real units; NaN at hidden points.
  struct Result {
    Field prediction, difference;  // "prediction"; "difference": minus the baseline's
    PointCloudPtr cloud;           // the changed cloud, or the original where no point was touched
    std::shared_ptr<const ModelSample> sample;
    std::vector<std::int64_t> kept;        // point of the original cloud behind every point of `cloud`; empty: the same
    double largest_difference = 0;         // norm over components
    AttentionChanges attention;            // that it ran with
    std::shared_ptr<const KeptRows> rows;  // for `record`; null where the network keeps none
  };
  Result run(const WhatIf& what_if, const Job& job = {}) const;

  // The record of the changed run, over the points of result.cloud, with q, k, v of one layer; where rows were kept, of
  // that layer alone. Raises Error{Config} where there is no such layer.
  TapPtr record(const Result& result, int layer, const Job& job = {}) const;

  const Field& baseline() const { return *baseline_; }
  const ModelSample& sample() const { return *sample_; }

private:
  std::shared_ptr<const ModelSample> changed_sample(const PointCloud& changed, const CloudChanges& changes,
                                                    const Job& job) const;
  Model::Output predict(const ModelSample& sample, const WhatIf& what_if, const Job& job) const;

  const Predictor& predictor_;
  PointCloudPtr cloud_;
  std::int64_t frame_;
  std::shared_ptr<const ModelSample> sample_;
  std::optional<Field> baseline_;
  std::shared_ptr<const KeptRows> rows_;  // of the baseline
};

}  // namespace erwin
