#pragma once
// Derivatives of one output of a network by something that it made on its way. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/model/model.h"
#include "core/model/sample.h"

namespace erwin {
struct KeptRows;
}

namespace erwin::model {

// A forward pass in which the rows of one module (Interventions::replace) are a leaf of the gradient's graph; nothing
// before it is in the graph.
struct Probed {
  at::Tensor rows;    // the module's, a leaf
  at::Tensor values;  // [n, o] the network's, standardised, in the graph
  TapPtr tap;         // where one was asked for
  // d values[point, component] / d rows, of the rows' shape.
  at::Tensor gradient(std::int64_t point, std::int64_t component) const;
};
// is_wanted is asked for every module in order of evaluation until it says yes. The sample has its graph and trees.
// keep: gets the pass's batch and rows, only where Model::keeps_rows.
Probed probe(const Model& model, const ModelSample& sample, const std::function<bool(const std::string&)>& is_wanted,
             const std::optional<TapRequest>& tap, const Job& job, KeptRows* keep = nullptr);

// Raises Error{Config} where the sample or the network lacks them.
void require_output(const ModelConfig& config, const ModelSample& sample, std::int64_t point, int component);

}  // namespace erwin::model
