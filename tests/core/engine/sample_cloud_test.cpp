#include "core/engine/sample_cloud.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/io/open.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

TEST(SampleCloud, SameSeedSameCloud) {
  EXPECT_EQ(make_sample_cloud(512, 7)->content_hash(), make_sample_cloud(512, 7)->content_hash());
  EXPECT_NE(make_sample_cloud(512, 7)->content_hash(), make_sample_cloud(512, 8)->content_hash());
}

TEST(SampleCloud, PointsKeepTheirDistanceAndSpanTheBody) {
  const auto cloud = make_sample_cloud(1000, 1);
  ASSERT_EQ(cloud->size(), 1000);
  const Bounds box = cloud->bounds();
  EXPECT_NEAR(box.maximum[0] - box.minimum[0], 4.2, 0.15);  // the hull is 2 x 2.1 m long
  EXPECT_GT(box.minimum[2], -0.02);                         // wheels stand on the ground
  double closest = std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < cloud->size(); ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      const auto a = cloud->position(i), b = cloud->position(j);
      closest = std::min(closest, std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    }
  // Random points would come as close as about 0.4 sqrt(area) / points = 0.0025.
  EXPECT_GT(closest, 0.06);
}

TEST(SampleCloud, RefusesSizesOutOfRange) {
  EXPECT_THROW(make_sample_cloud(10), Error);
  EXPECT_THROW(make_sample_cloud(20'000'000), Error);
}

TEST(SampleCloud, TheShippedFileIsWhatTheProgramMakes) {
  const auto file = io::open(test::source_folder() / "datasets" / "sample.h5");
  const auto made = make_sample_cloud(4096, 1);
  ASSERT_EQ(file->size(), made->size());
  const auto a = file->positions(), b = made->positions();
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-6);
  ASSERT_NE(file->field("pressure"), nullptr);
}

}  // namespace
}  // namespace erwin
