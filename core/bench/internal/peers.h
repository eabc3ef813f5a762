#pragma once
// What attention is compared with: scaled_dot_product_attention by one of its kernels, and our operations without our
// kernels. Internal: names Torch.

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "core/bench/internal/subjects.h"

namespace erwin::bench {

enum class SdpaKernel { Any, Flash, Cudnn, Efficient, Math };
const char* name_of(SdpaKernel kernel);  // "flash", "cuDNN", ...

// Those that a device has for a type, whether or not they take every shape.
std::vector<SdpaKernel> sdpa_kernels(const at::Device& device, at::ScalarType type);

// q, k, v [batch, H, N, D], bias [batch, H, N, N] or undefined; no other kernel than this one: Torch raises where it
// cannot take the tensors.
at::Tensor sdpa(SdpaKernel kernel, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                const at::Tensor& bias = {});

// The same work without our kernels.
Problem without_kernels(Problem problem);

const char* precision_name(at::ScalarType type);  // "bf16", "float32"

// A leaf that gradients are asked for.
at::Tensor leaf(const at::Tensor& values);

}  // namespace erwin::bench
