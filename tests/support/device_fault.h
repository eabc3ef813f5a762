#pragma once
// A GPU that fails, for tests of what the program then does.

namespace erwin::test {

// Launches a kernel that traps: every later use of the device by this process fails with the same sticky error.
void break_device();

}  // namespace erwin::test
