#pragma once
// The TF32 switch. Internal: names Torch.

#include <ATen/Context.h>

namespace erwin::model {

// While it lives, Torch's float32 matrix products on CUDA may round their factors to TF32, if asked for; off by
// default. A setting of the whole process: one at a time.
class Tf32 {
public:
  explicit Tf32(bool on) : on_(on) {
    if (on_) at::globalContext().setFloat32MatmulPrecision("high");
  }
  ~Tf32() {
    if (on_) at::globalContext().setFloat32MatmulPrecision("highest");
  }
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;

private:
  bool on_;
};

}  // namespace erwin::model
