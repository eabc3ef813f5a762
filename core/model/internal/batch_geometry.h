#pragma once
// The geometry of a batch from its positions alone, where they are: no tree or graph comes from the host. Internal:
// this header names Torch.

#include "core/config/model_config.h"
#include "core/model/internal/batch.h"
#include "core/model/internal/batch_trees.h"

namespace erwin::model {

// Fills batch.slot_point, point_slot and levels, and with a kNN graph the edges, from batch.positions and
// point_offsets: the tensors that make_batch makes from samples with their trees and edges, bit for bit. On a CUDA
// device nothing waits for it. batch.positions: float32, or float32 widened, and finite. Raises as BatchTreeBuilder
// does.
void fill_geometry(Batch& batch, const ModelConfig& config, BatchTreeBuilder& builder);

}  // namespace erwin::model
