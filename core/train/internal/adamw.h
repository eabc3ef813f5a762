#pragma once
// AdamW (arXiv 1711.05101, algorithm 2, with the decay scaled by the learning rate as PyTorch does). Internal: names
// Torch. Nothing here waits for the device.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace erwin::train {

struct AdamWOptions {
  double weight_decay = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
};

class AdamW {
public:
  struct State {
    std::string name;
    at::Tensor parameter;
    at::Tensor master;        // float32 or float64; shares storage with a parameter that is as wide
    at::Tensor mean, square;  // like the master
    at::Tensor updates;       // float32 scalar
  };

  // Parameters narrower than float32 are updated through a float32 copy, so that small steps are not lost.
  AdamW(std::vector<std::pair<std::string, at::Tensor>> parameters, AdamWOptions options);

  void zero_gradients();
  // The norm over all gradients, a float64 scalar on their device; infinite or NaN where one is. Undefined where no
  // parameter has a gradient.
  at::Tensor gradient_norm() const;
  // The learning rate of the steps that follow. Apart from step(), so that a recorded step can be replayed at another.
  void set_learning_rate(double learning_rate);
  // Parameters without a gradient (the loss does not reach them) stay as they are. divisor: float32 scalar that
  // gradients are divided by first; skip: float32 scalar, 1: nothing is changed. Either may be undefined.
  void step(const at::Tensor& divisor = {}, const at::Tensor& skip = {});

  std::vector<State>& states() { return states_; }
  const std::vector<State>& states() const { return states_; }
  // After masters were changed from outside.
  void copy_masters();

private:
  AdamWOptions options_;
  double learning_rate_ = 0;
  at::Tensor rate_;  // float32 scalar where the parameters are; not used on the CPU, where a double is exact
  std::vector<State> states_;
};

}  // namespace erwin::train
