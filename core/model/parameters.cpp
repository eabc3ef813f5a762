#include "core/model/internal/parameters.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/model/internal/primitives.h"

namespace erwin::model {

namespace {

at::Tensor placed(const at::Tensor& value, const at::TensorOptions& options) {
  return value.to(options.device(), c10::typeMetaToScalarType(options.dtype()), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

at::Tensor Parameters::add(std::string name, at::Tensor value) {
  at::Tensor handle = add_frozen(std::move(name), std::move(value));
  handle.set_requires_grad(true);
  return handle;
}

at::Tensor Parameters::add_frozen(std::string name, at::Tensor value) {
  if (find(name)) throw Error(ErrorKind::Internal, "two tensors of a network have one name", name);
  entries_.push_back({std::move(name), std::move(value), false});
  return entries_.back().tensor;
}

at::Tensor Parameters::add_buffer(std::string name, at::Tensor value) {
  at::Tensor handle = add_frozen(std::move(name), std::move(value));
  entries_.back().buffer = true;
  return handle;
}

const Parameters::Entry* Parameters::find(const std::string& name) const {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

at::Tensor Builder::linear_weight(const std::string& name, std::int64_t out, std::int64_t in) {
  const at::Tensor drawn = at::randn({out, in}, generator, at::kFloat).mul_(weight_deviation).clamp_(-2.0, 2.0);
  return parameters.add(prefix + name, placed(drawn, options));
}

at::Tensor Builder::zeros(const std::string& name, std::vector<std::int64_t> shape) {
  return parameters.add(prefix + name, at::zeros(shape, options));
}

at::Tensor Builder::ones(const std::string& name, std::vector<std::int64_t> shape) {
  return parameters.add(prefix + name, at::ones(shape, options));
}

at::Tensor Builder::normal(const std::string& name, std::vector<std::int64_t> shape, double mean, double deviation) {
  const at::Tensor drawn = at::randn(shape, generator, at::kFloat).mul_(deviation).add_(mean);
  return parameters.add(prefix + name, placed(drawn, options));
}

}  // namespace erwin::model
