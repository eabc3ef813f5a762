#pragma once
// What the operations share that call our own kernels. Internal: this header names Torch.

#include <ATen/core/Tensor.h>

#include <string_view>

namespace erwin::model {

// May operations use our kernels (CUDA and CPU twins), or only ATen? On, unless the environment says
// ERWINSCOPE_KERNELS=off or a KernelSwitch on this thread says otherwise. It is asked in the forward pass: the backward
// pass goes the way its forward pass went.
bool kernels_enabled();

// Switches this thread's kernels while it lives: for comparing.
class KernelSwitch {
public:
  explicit KernelSwitch(bool on);
  ~KernelSwitch();
  KernelSwitch(const KernelSwitch&) = delete;
  KernelSwitch& operator=(const KernelSwitch&) = delete;

private:
  int before_;
};

// Is the tensor where and of a type that our kernels take: float32 on the CPU, float32 or bf16 on a CUDA device?
bool is_kernel_type(const at::Tensor& tensor);

// Torch's current stream on the tensor's CUDA device, a cudaStream_t. A c10::DeviceGuard of that device must be held
// around the launch.
void* current_stream(const at::Tensor& tensor);

// Throws Error where a launch returned something else than cudaSuccess; `kernel` is its name.
void check_launch(int status, std::string_view kernel);

// One line in the log per operation and reason, however often it happens: the operation runs in ATen here.
void log_aten_path(std::string_view operation, std::string_view reason);

}  // namespace erwin::model
