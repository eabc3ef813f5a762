// The CUDA kernel against scores in float64 and against the CPU twin.

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <random>

#include "kernels/selection/selection.h"
#include "tests/kernels/selection/cases.h"
#include "tests/support/device_memory.h"

namespace erwin::kernels {
namespace {

using test::DeviceMemory;
using test::upload;

template <typename T>
test::Selected select(const test::SelectionData& data) {
  const auto mean_query = upload(data.mean_query);
  const auto keys = upload(test::stored(data.keys, T()));
  const auto real = upload(data.real);
  const auto offsets = upload(data.block_offsets);
  const std::size_t entries = static_cast<std::size_t>(data.shape.blocks * data.shape.groups * data.shape.count);
  const DeviceMemory ids(entries * sizeof(std::int64_t)), scores(entries * sizeof(float));
  EXPECT_TRUE(select_blocks_cuda_supports(data.shape));
  EXPECT_EQ(select_blocks_cuda(
                SelectionParams<T>{data.shape, mean_query->as<float>(), keys->template as<T>(), real->as<bool>(),
                                   offsets->as<std::int64_t>(), ids.as<std::int64_t>(), scores.as<float>()},
                nullptr),
            0);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  return {ids.back<std::int64_t>(), scores.back<float>()};
}

test::Selected select_on_cpu(const test::SelectionData& data) {
  test::Selected found;
  found.ids.resize(static_cast<std::size_t>(data.shape.blocks * data.shape.groups * data.shape.count));
  found.scores.resize(found.ids.size());
  select_blocks_cpu(
      {data.shape, data.mean_query.data(), data.keys.data(), reinterpret_cast<const bool*>(data.real.data()),
       data.block_offsets.data(), found.ids.data(), found.scores.data()},
      0, data.shape.blocks);
  return found;
}

class SelectionGpu : public testing::Test {
protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device here";
  }
};

TEST_F(SelectionGpu, EqualsASortOfAllScores) {
  for (const bool bf16 : {false, true})
    for (const test::SelectionCase& what : test::selection_cases()) {
      SCOPED_TRACE(what.name + (bf16 ? ", bf16" : ""));
      const test::SelectionData data(what, bf16);
      test::expect_selection(data, bf16 ? select<Bf16>(data) : select<float>(data), what.ties);
    }
}

// The blocks of 200,003 points: 6,256 blocks of 32 in balls of 256. With two KV heads there are so many query blocks
// that every warp takes two of them.
TEST_F(SelectionGpu, ALargeCloudEqualsTheCpu) {
  for (const int groups : {1, 2}) {
    const test::SelectionData data({"", {6256}, groups, 16, 16, 8, 0.01, false, 0});
    const test::Selected device = select<float>(data), host = select_on_cpu(data);
    std::int64_t other = 0;
    for (std::size_t i = 0; i < device.ids.size(); ++i) other += device.ids[i] != host.ids[i];
    std::cout << "    ids that differ: " << other << " of " << device.ids.size() << "\n";
    EXPECT_LE(other * 1000, static_cast<std::int64_t>(device.ids.size()));
    std::int64_t rows_off = 0;
    test::expect_selection(data, device, false, &rows_off);
    std::cout << "    rows that differ from float64: " << rows_off << "\n";
    EXPECT_LE(rows_off * 1000, data.shape.blocks * groups);
  }
}

TEST_F(SelectionGpu, MeanQueriesEqualTheCpu) {
  for (const std::int64_t width : {8, 16, 32, 64})
    for (const auto& [heads, groups] : {std::pair(16, 1), std::pair(6, 2), std::pair(4, 4)}) {
      constexpr std::int64_t blocks = 37, size = 32;
      std::mt19937 random(1);
      std::normal_distribution<float> normal;
      std::vector<float> q(static_cast<std::size_t>(blocks * size * heads * width)),
          expected(static_cast<std::size_t>(blocks * groups * width));
      std::vector<std::uint8_t> mask(blocks * size);
      for (auto& x : mask) x = random() % 3 != 0;
      std::fill_n(mask.begin() + 2 * size, size, std::uint8_t{0});
      for (std::size_t i = 0; i < q.size(); ++i)
        q[i] = mask[i / static_cast<std::size_t>(heads * width)] ? normal(random)
                                                                 : std::numeric_limits<float>::quiet_NaN();
      MeanQueryParams<float> params{q.data(),
                                    reinterpret_cast<const bool*>(mask.data()),
                                    expected.data(),
                                    blocks,
                                    size,
                                    heads,
                                    groups,
                                    static_cast<int>(width)};
      mean_queries_cpu(params);
      const auto device_q = upload(q);
      const auto device_mask = upload(mask);
      const DeviceMemory out(expected.size() * sizeof(float));
      params.q = device_q->as<float>();
      params.mask = device_mask->as<bool>();
      params.out = out.as<float>();
      ASSERT_EQ(mean_queries_cuda(params, nullptr), 0);
      ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
      const std::vector<float> found = out.back<float>();
      for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 2e-6) << i;
    }
}

}  // namespace
}  // namespace erwin::kernels
