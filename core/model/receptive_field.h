#pragma once
// Receptive field of an output (method 8.4): squared norms of the vector-Jacobian product with respect to the node
// features after the embedding. Message passing is part of the embedding and reaches further by its own hops.

#include <cstdint>

#include "core/attention/rollout.h"
#include "core/base/job.h"
#include "core/data/field.h"
#include "core/model/predict.h"
#include "core/model/sample.h"

namespace erwin {

struct ReceptiveField {
  Field influence;              // "influence": per point, summed over components of the prediction and features
  Concentration concentration;  // the smallest shares of points that hold 50, 90, 99 %
  // The published counter (method 3.5): points with influence > 1e-10 (in standardised units), and > 0.
  std::int64_t above_threshold = 0, above_zero = 0;
};

// sample: with graph and trees. component -1: all components of the prediction at the point. Raises Error{Config} for a
// point or component that is not there; what Model::predict raises.
ReceptiveField receptive_field(const Predictor& predictor, const ModelSample& sample, std::int64_t point,
                               int component = -1, const Job& job = {});

}  // namespace erwin
