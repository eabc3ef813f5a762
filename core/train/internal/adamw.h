#pragma once
// AdamW (arXiv 1711.05101, algorithm 2, with the decay scaled by the learning rate as PyTorch does). Internal: names
// Torch.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace erwin::train {

struct AdamWOptions {
  double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

class AdamW {
public:
  // Parameters narrower than float32 are updated through a float32 copy, so that small steps are not lost.
  AdamW(std::vector<at::Tensor> parameters, AdamWOptions options);

  void zero_gradients();
  // The norm over all gradients, in float64; infinite or NaN where one is.
  double gradient_norm() const;
  void scale_gradients(double factor);
  // Parameters without a gradient (the loss does not reach them) stay as they are.
  void step(double learning_rate);

private:
  struct State {
    at::Tensor parameter, master, mean, square;
    std::int64_t steps = 0;
  };
  AdamWOptions options_;
  std::vector<State> states_;
};

}  // namespace erwin::train
