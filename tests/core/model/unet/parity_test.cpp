// The authors' Erwin on the CPU: every fixture of kinds `erwin` and `curve`.

#include <gtest/gtest.h>

#include "tests/core/model/unet/erwin_fixture.h"
#include "tests/support/shared_data.h"

namespace {

using namespace erwin::test;

void check_files(const std::string& kind, void (*check)(const std::filesystem::path&, const at::TensorOptions&),
                 at::ScalarType type) {
  ERWIN_SHARED_OR_SKIP(folder, "parity");
  const auto files = fixtures_of_kind(folder, kind);
  ASSERT_FALSE(files.empty()) << "no fixture of kind " << kind << " in " << folder;
  for (const auto& file : files) check(file, at::TensorOptions().dtype(type));
}

TEST(Unet_parity, EveryFileInFloat32) {
  check_files("erwin", check_erwin_parity, at::kFloat);
}
TEST(Unet_parity, EveryFileInFloat64) {
  check_files("erwin", check_erwin_parity, at::kDouble);
}
TEST(Unet_parity, TrainingCurvesInFloat32) {
  check_files("curve", check_curve_parity, at::kFloat);
}

}  // namespace
