// The engine on a CUDA device, and without it once it has failed. Every test is a process of its own (ctest), since a
// failed device stays so for its process.

#include <gtest/gtest.h>

#include <cmath>
#include <span>
#include <string>

#include "core/engine/engine.h"
#include "core/engine/io_thread.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"
#include "tests/support/device_fault.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using test::settle;

#define ERWIN_CUDA_OR_SKIP() \
  if (resolve_device("auto") == "cpu") GTEST_SKIP() << "there is no CUDA device on this machine"

std::vector<float> values_of(const EngineSnapshot& snapshot) {
  const Field* const field = snapshot.prediction ? snapshot.prediction->field("prediction") : nullptr;
  if (!field) return {};
  const std::span<const float> values = field->values();
  return {values.begin(), values.end()};
}

void expect_close(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_FALSE(a.empty());
  ASSERT_EQ(a.size(), b.size());
  float largest = 0, apart = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(b[i]));
    apart = std::max(apart, std::abs(a[i] - b[i]));
  }
  EXPECT_LT(apart, 1e-4f * largest);
}

TEST(EngineGpu, PredictsAsTheCpuAndAnswersClicks) {
  ERWIN_CUDA_OR_SKIP();
  const test::ScratchFolder scratch;
  Checkpoint checkpoint = test::untrained(test::small_nsa());
  Engine engine;
  engine.load(Checkpoint(checkpoint), "small.h5");
  const auto cloud = make_sample_cloud(1000);
  engine.predict(cloud);
  const std::vector<float> here = values_of(settle(engine, engine.mailbox()));
  engine.configure({"cuda", Precision::Float32});
  engine.query({500, 1, -1, Branch::All});
  EngineSnapshot there = settle(engine, engine.mailbox());
  ASSERT_FALSE(there.failure) << there.failure->message << " " << there.failure->detail;
  EXPECT_TRUE(there.model->device.starts_with("cuda")) << there.model->device;
  expect_close(values_of(there), here);
  engine.query({500, 1, -1, Branch::All});
  there = settle(engine, engine.mailbox());
  EXPECT_TRUE(there.query);
}

TEST(EngineGpu, AFailedDeviceIsSaidAndTheNetworkGoesOnWithTheCpu) {
  ERWIN_CUDA_OR_SKIP();
  Engine engine;
  engine.configure({"cuda", Precision::Float32});
  engine.load(test::untrained(test::small_nsa()), "small.h5");
  const auto cloud = make_sample_cloud(1000), other = make_sample_cloud(900);
  engine.predict(cloud);
  const std::vector<float> before = values_of(settle(engine, engine.mailbox()));
  test::break_device();
  engine.predict(other);
  EngineSnapshot after = settle(engine, engine.mailbox());
  ASSERT_TRUE(after.failure);
  EXPECT_EQ(after.failure->kind, ErrorKind::Device) << after.failure->message << " " << after.failure->detail;
  EXPECT_NE(after.failure->hint.find("CPU"), std::string::npos) << after.failure->hint;
  EXPECT_EQ(after.settings.device, "cpu");
  EXPECT_EQ(after.model->device, "cpu");
  engine.predict(cloud);
  engine.query({500, 1, -1, Branch::All});
  after = settle(engine, engine.mailbox());
  expect_close(values_of(after), before);
  EXPECT_TRUE(after.query);
}

}  // namespace
}  // namespace erwin
