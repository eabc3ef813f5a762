#include "tests/support/device_fault.h"

namespace erwin::test {

namespace {

__global__ void trap() {
  asm volatile("trap;");
}

}  // namespace

void break_device() {
  trap<<<1, 1>>>();
}

}  // namespace erwin::test
