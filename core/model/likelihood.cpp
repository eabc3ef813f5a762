#include "core/model/internal/likelihood.h"

#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

namespace erwin::model {

namespace {
constexpr double least_deviation = 1e-6;
}

Prediction prediction_of(const at::Tensor& rows, Head head) {
  if (head == Head::Value) return {rows, {}};
  const std::int64_t components = rows.size(1) / 2;
  return {rows.narrow(1, 0, components), at::softplus(rows.narrow(1, components, components)) + least_deviation};
}

at::Tensor loss_of(const at::Tensor& rows, const at::Tensor& targets, Head head) {
  const Prediction prediction = prediction_of(rows, head);
  if (head == Head::Value) return at::mse_loss(prediction.mean, targets);
  const at::Tensor distance = (targets - prediction.mean) / prediction.deviation;
  return (0.5 * distance.square() + prediction.deviation.log()).mean() + 0.5 * std::log(2 * std::numbers::pi);
}

}  // namespace erwin::model
