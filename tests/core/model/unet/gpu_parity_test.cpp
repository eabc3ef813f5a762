// The same fixtures on a CUDA device.

#include <ATen/detail/CUDAHooksInterface.h>
#include <gtest/gtest.h>

#include "tests/core/model/unet/erwin_fixture.h"
#include "tests/support/shared_data.h"

namespace {

using namespace erwin::test;

void check_files(const std::string& kind, void (*check)(const std::filesystem::path&, const at::TensorOptions&),
                 at::ScalarType type) {
  if (!at::detail::getCUDAHooks().hasCUDA()) GTEST_SKIP() << "there is no CUDA device on this machine";
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  const auto files = fixtures_of_kind(folder, kind);
  ASSERT_FALSE(files.empty()) << "no fixture of kind " << kind << " in " << folder;
  for (const auto& file : files) check(file, at::TensorOptions().dtype(type).device(at::kCUDA));
}

TEST(Unet_parity_cuda, EveryFileInFloat32) {
  check_files("erwin", check_erwin_parity, at::kFloat);
}
TEST(Unet_parity_cuda, EveryFileInFloat64) {
  check_files("erwin", check_erwin_parity, at::kDouble);
}
TEST(Unet_parity_cuda, TrainingCurvesInFloat32) {
  check_files("curve", check_curve_parity, at::kFloat);
}

}  // namespace
