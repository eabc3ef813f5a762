#pragma once
// What leaves a network as a prediction, and the loss that it is trained by. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include "core/config/model_config.h"

namespace erwin::model {

struct Prediction {
  at::Tensor mean;       // [P, o]
  at::Tensor deviation;  // [P, o], above 0; undefined where the head gives values alone
};

// A Gaussian head's rows are means, then raw deviations: deviation = 1e-6 + softplus(raw) (method 6.2).
Prediction prediction_of(const at::Tensor& rows, Head head);

// The mean over points and components, a scalar: of the squared error, or of a Gaussian head's negative log-likelihood
// ((target - mean) / deviation)^2 / 2 + log(deviation) + log(2 pi) / 2.
at::Tensor loss_of(const at::Tensor& rows, const at::Tensor& targets, Head head);

}  // namespace erwin::model
