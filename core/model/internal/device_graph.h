#pragma once
// A piece of work on an accelerator that is recorded once and then replayed by one launch (a CUDA graph). A training
// step of a few thousand points is thousands of kernels of microseconds each, and without this the host cannot launch
// them as fast as the device runs them. Internal: names Torch.

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace erwin::model {

class DeviceGraph {
public:
  virtual ~DeviceGraph() = default;
  // Records what `work` launches; nothing is run. What it allocates stays this graph's until the graph is destroyed, so
  // tensors that it made hold the results of the last replay. `work` may not wait for the device or copy from pageable
  // memory. Raises what Torch or `work` raise; the graph can then not be replayed.
  virtual void record(const std::function<void()>& work) = 0;
  // On the current stream.
  virtual void replay() = 0;
};

// Null where the device has no graphs: the CPU, and a build without CUDA.
std::unique_ptr<DeviceGraph> make_device_graph(const c10::Device& device);

}  // namespace erwin::model
