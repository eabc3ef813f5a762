#pragma once
// Tensors of an optimiser to and from plain arrays. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <string>

#include "core/model/weights.h"

namespace erwin::train {

// A float32, float64 or int64 tensor as an array of that type.
WeightArray array_of(const std::string& name, const at::Tensor& tensor);
// Copies the array of that name into the tensor, converting to its type. Raises Error{Model} where it is missing or has
// another shape.
void read_array(const Weights& arrays, const std::string& name, const at::Tensor& tensor);

}  // namespace erwin::train
