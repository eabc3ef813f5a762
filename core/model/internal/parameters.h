#pragma once
// The named tensors of a network, flat and dotted, in order of creation. Internal: this header names Torch.

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace erwin::model {

class Parameters {
public:
  struct Entry {
    std::string name;
    at::Tensor tensor;
    bool buffer;  // not trained: running statistics, counters
  };

  // Returns a handle that shares storage with the entry: to()/load change it in place.
  at::Tensor add(std::string name, at::Tensor value);
  at::Tensor add_frozen(std::string name, at::Tensor value);  // a parameter that gets no gradient
  at::Tensor add_buffer(std::string name, at::Tensor value);

  const std::vector<Entry>& entries() const { return entries_; }
  std::vector<Entry>& entries() { return entries_; }
  // Null where there is none.
  const Entry* find(const std::string& name) const;

private:
  std::vector<Entry> entries_;
};

// Where a module creates its tensors: a name prefix, the initial random stream, and the type and device of the network.
// Drawn on the CPU in float32 in order of creation, then moved, so that a seed means the same on every device.
struct Builder {
  Parameters& parameters;
  at::Generator generator;
  at::TensorOptions options;
  std::string prefix;  // "" or "block.0."
  double weight_deviation = 0.02;

  Builder child(const std::string& name) const {
    return {parameters, generator, options, prefix + name + ".", weight_deviation};
  }
  // Linear weight [out, in]: normal of weight_deviation cut at +-2 (method 8.2: 0.02).
  at::Tensor linear_weight(const std::string& name, std::int64_t out, std::int64_t in);
  at::Tensor zeros(const std::string& name, std::vector<std::int64_t> shape);
  at::Tensor ones(const std::string& name, std::vector<std::int64_t> shape);
  // mean + deviation * N(0, 1).
  at::Tensor normal(const std::string& name, std::vector<std::int64_t> shape, double mean, double deviation);
};

}  // namespace erwin::model
