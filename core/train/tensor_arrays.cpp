#include "core/train/internal/tensor_arrays.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstring>

#include "core/base/error.h"

namespace erwin::train {

namespace {

at::ScalarType scalar_type_of(ElementType type) {
  switch (type) {
    case ElementType::Float64:
      return at::kDouble;
    case ElementType::Int64:
      return at::kLong;
    case ElementType::Float32:
      break;
  }
  return at::kFloat;
}

ElementType element_type_of(at::ScalarType type) {
  if (type == at::kLong) return ElementType::Int64;
  return type == at::kDouble ? ElementType::Float64 : ElementType::Float32;
}

}  // namespace

WeightArray array_of(const std::string& name, const at::Tensor& tensor) {
  WeightArray array;
  array.name = name;
  array.type = element_type_of(tensor.scalar_type());
  array.shape = tensor.sizes().vec();
  const at::Tensor plain = tensor.detach().to(at::kCPU, scalar_type_of(array.type)).contiguous();
  array.data.resize(plain.nbytes());
  std::memcpy(array.data.data(), plain.const_data_ptr(), plain.nbytes());
  return array;
}

void read_array(const Weights& arrays, const std::string& name, const at::Tensor& tensor) {
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const WeightArray& one) { return one.name == name; });
  const bool fits =
      found != arrays.end() && found->shape == tensor.sizes().vec() &&
      found->data.size() == static_cast<std::size_t>(tensor.numel()) * at::elementSize(scalar_type_of(found->type));
  if (!fits)
    throw Error(ErrorKind::Model, "the checkpoint's training state is not that of this network", name,
                "Start a new run from its weights");
  const c10::AutoGradMode without_gradient(false);
  // from_blob only borrows and does not write.
  tensor.copy_(at::from_blob(const_cast<std::byte*>(found->data.data()), found->shape,
                             at::TensorOptions().dtype(scalar_type_of(found->type))));
}

}  // namespace erwin::train
