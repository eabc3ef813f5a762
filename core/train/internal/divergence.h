#pragma once
// Where in the network numbers stopped being finite. Internal: names Torch.

#include <string>

#include "core/model/model.h"
#include "core/train/internal/batch_loader.h"

namespace erwin::train {

// Runs the step again with checks: "first in block.3" where the forward pass leaves the finite numbers, else "first in
// the gradient of block.3.swiglu.w1.weight": of the parameter nearest to the output, since gradients come from there.
std::string origin_of_divergence(Model& model, const StepInput& input, at::ScalarType wide);

}  // namespace erwin::train
