#pragma once
// RMSNorm and the middle of SwiGLU by our CUDA kernels. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

namespace erwin::model {

// x / sqrt(mean(x^2) + epsilon) weight over the rows of x [n, C] float32, in the weight's type. Undefined where the
// kernel does not take the tensors (on the CPU it does not): then ATen computes it.
at::Tensor rms_norm_kernel(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// b SiLU(a), elementwise. Undefined where the kernel does not take the tensors.
at::Tensor swiglu_kernel(const at::Tensor& a, const at::Tensor& b);

}  // namespace erwin::model
