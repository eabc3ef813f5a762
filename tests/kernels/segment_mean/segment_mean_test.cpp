#include "kernels/segment_mean/segment_mean.h"

#include <gtest/gtest.h>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/segment_mean/segments.h"

namespace erwin::kernels {
namespace {

template <typename Real>
std::vector<Real> run(const test::Segments<Real>& given, bool mean, bool with_order) {
  std::vector<Real> out(given.out_size(), Real(99));
  SegmentMeanParams<Real> params;
  params.rows = given.rows.data();
  params.begin = given.begin.data();
  params.order = with_order ? given.order.data() : nullptr;
  params.out = out.data();
  params.segments = given.size();
  params.channels = given.channels;
  params.mean = mean;
  segment_mean_cpu(params);
  return out;
}

template <typename Real>
class SegmentMean : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(SegmentMean, Reals);

TYPED_TEST(SegmentMean, EqualsALongDoubleSumToRounding) {
  for (const std::int64_t channels : {1, 5, 64})
    for (const bool mean : {false, true})
      for (const bool with_order : {false, true}) {
        const test::Segments<TypeParam> given(channels);
        const auto out = run(given, mean, with_order);
        for (std::int64_t s = 0; s < given.size(); ++s)
          for (std::int64_t c = 0; c < channels; ++c) {
            long double sum = 0;
            const auto begin = given.begin[static_cast<std::size_t>(s)],
                       end = given.begin[static_cast<std::size_t>(s) + 1];
            for (auto i = begin; i < end; ++i)
              sum += given.rows[static_cast<std::size_t>(
                  (with_order ? given.order[static_cast<std::size_t>(i)] : i) * channels + c)];
            if (mean && end > begin) sum /= static_cast<long double>(end - begin);
            ASSERT_NEAR(out[static_cast<std::size_t>(s * channels + c)], static_cast<double>(sum),
                        20 * std::numeric_limits<TypeParam>::epsilon() * 20);
          }
      }
}

TYPED_TEST(SegmentMean, EmptySegmentsAreZero) {
  const test::Segments<TypeParam> given(3);
  const auto out = run(given, true, true);
  int empty = 0;
  for (std::size_t s = 0; s + 1 < given.begin.size(); ++s) {
    if (given.begin[s] != given.begin[s + 1]) continue;
    ++empty;
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(out[3 * s + c], 0);
  }
  EXPECT_GT(empty, 50);
}

TYPED_TEST(SegmentMean, ThreadsChangeNoBit) {
  const test::Segments<TypeParam> given(64, 5000);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const auto one = run(given, true, true);
  for (const int threads : {2, 4}) {
    set_parallel_threads(threads);
    EXPECT_EQ(run(given, true, true), one);
  }
  set_parallel_threads(before);
}

TEST(SegmentMeanSizes, NothingToDoIsFine) {
  SegmentMeanParams<float> params;
  const std::int64_t begin = 0;
  params.begin = &begin;
  params.channels = 4;
  segment_mean_cpu(params);
}

}  // namespace
}  // namespace erwin::kernels
