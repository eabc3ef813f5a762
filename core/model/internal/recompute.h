#pragma once
// Parts of a network whose activations are not kept for the backward pass but computed again in it (activation
// checkpointing): less memory for one more forward pass. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <functional>

namespace erwin::model {

// part(x), of which only x is kept. `part` must give the same bits when it is called again by the backward pass, and
// what it refers to must live until then; parameters that it uses get their gradients as they would without this.
using Part = std::function<at::Tensor(const at::Tensor& x)>;
at::Tensor recomputed(Part part, const at::Tensor& x);

}  // namespace erwin::model
