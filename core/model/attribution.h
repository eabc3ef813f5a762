#pragma once
// Checked attribution (method 8.4): which blocks and branches of a layer made this prediction, to first order, and what
// really happens when the weightiest are taken away.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/attention/contribution.h"
#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/model/predict.h"
#include "core/model/sample.h"

namespace erwin {

enum class KnockOut {
  Selection,  // taken from what the query's own block selects; the next best is not promoted
  Everywhere  // hidden from all branches and all queries of the layer; any block but the query's own
};

struct AttributionRequest {
  std::int64_t point = 0;
  int component = 0;  // of the prediction
  int layer = 0;
  int most_blocks = 32;  // knocked out one by one, by size of contribution; 0: none
  KnockOut knock_out = KnockOut::Selection;
  bool all_layers = false;  // the same block ids in every nsa layer that runs in the same tree
  bool deletion_curves = true;
  std::uint64_t seed = 1;  // of the random order
};

// Numbers in the target's unit.
struct AttributedBlock {
  std::int32_t block = 0;
  double contribution = 0;  // first order, all branches
  double attention = 0;     // A summed over the block, mean over heads
  double measured = 0;      // prediction minus the prediction without the block
  double distance = 0;      // from the query to the block's nearest point, in model space
};

// The change |prediction - prediction without the first k blocks of an order|.
struct DeletionCurve {
  std::string order;  // "contribution", "attention", "nearest", "random" (mean over several orders)
  std::vector<int> removed;
  std::vector<double> change;
  double area = 0;  // mean of change over the steps: larger is a better order
};

struct Attribution {
  AttributionRequest request;
  std::string layer_name;
  double prediction = 0;
  double share = 0;      // a . out_i, from the network itself; contribution.sum() adds up to it
  double remainder = 0;  // prediction - share: everything that does not go through this layer's own row
  Contribution contribution;
  std::vector<AttributedBlock> blocks;  // largest |contribution| first
  // Spearman's, over `blocks`; NaN for fewer than three.
  double contribution_correlation = 0;  // of contribution and measured change
  double attention_correlation = 0;     // of attention and |measured change|
  std::vector<DeletionCurve> curves;
};

// sample: with graph and trees. The network's gradients run in its own precision and device. Other kinds than nsa have
// no blocks to knock out: `blocks` and `curves` stay empty. Raises Error{Config}: no such point, component or layer;
// what Model::predict raises.
Attribution attribute(const Predictor& predictor, const ModelSample& sample, const AttributionRequest& request,
                      const Job& job = {});

}  // namespace erwin
