#pragma once
// bf16 in parameters that host code fills in: the bits only; device code reads them as __nv_bfloat16.

#include <cstdint>

namespace erwin::kernels {

struct Bf16 {
  std::uint16_t bits;
};

}  // namespace erwin::kernels
