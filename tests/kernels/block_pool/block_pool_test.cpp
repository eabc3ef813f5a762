// The CPU twin against float64, and the sums in float64 against differences.

#include "kernels/block_pool/block_pool.h"

#include <cmath>

#include "kernels/parallel/parallel.h"
#include "tests/kernels/block_pool/cases.h"
#include "tests/support/kernel_values.h"

namespace erwin::kernels {
namespace {

using test::PoolCase;
using test::PoolData;
using test::PoolResult;

struct Result {
  std::vector<float> out[2], pooled[2], lse[2], grad_k, grad_v;
  std::array<std::vector<float>, 6> grad_weights[2];
  bool operator==(const Result&) const = default;
};

Result run(const PoolData& data) {
  Result result;
  const auto sized = [](std::vector<float>& to, std::size_t size) {
    to.assign(size, 99.0f);
    return to.data();
  };
  const std::vector<float> k = test::narrow(data.k), v = test::narrow(data.v), relative = test::narrow(data.relative);
  std::array<std::vector<float>, 6> weights[2];
  std::vector<float> grad_out[2];
  BlockPoolParams<float> params;
  params.shape = data.shape;
  params.k = k.data();
  params.v = v.data();
  params.relative = relative.data();
  params.mask = reinterpret_cast<const bool*>(data.mask.data());
  params.real = reinterpret_cast<const bool*>(data.real.data());
  BlockPoolGradients<float> gradients;
  gradients.grad_k = sized(result.grad_k, k.size());
  gradients.grad_v = sized(result.grad_v, v.size());
  for (std::size_t which = 0; which < 2; ++which) {
    const std::size_t outputs = data.grad_out[which].size();
    params.weights[which] = test::pool_weight_pointers<BlockPoolWeights<float>>([&](std::size_t i) {
      weights[which][i] = test::narrow(data.weights[which][i]);
      return weights[which][i].data();
    });
    params.out[which] = sized(result.out[which], outputs);
    params.pooled[which] = sized(result.pooled[which], outputs);
    params.lse[which] = sized(result.lse[which], outputs / static_cast<std::size_t>(data.shape.width));
    grad_out[which] = test::narrow(data.grad_out[which]);
    gradients.grad_out[which] = grad_out[which].data();
    gradients.weights[which] = test::pool_weight_pointers<BlockPoolWeightGradients<float>>(
        [&](std::size_t i) { return sized(result.grad_weights[which][i], data.weights[which][i].size()); });
  }
  EXPECT_TRUE(block_pool_supports(data.shape));
  block_pool_cpu(params);
  block_pool_backward_cpu(params, gradients);
  return result;
}

TEST(BlockPool, EqualsTheSumsInDouble) {
  for (const PoolCase& what : test::pool_cases()) {
    SCOPED_TRACE(what.name);
    const PoolData data(what);
    const Result result = run(data);
    const PoolResult expected = pool_reference(data);
    const double tolerance = what.size > 1 ? 3e-5 : 4e-6;  // logits of 100 have a rounding error of 4e-6
    EXPECT_TRUE(test::close("grad k", test::wide(result.grad_k), expected.grad_k, tolerance));
    EXPECT_TRUE(test::close("grad v", test::wide(result.grad_v), expected.grad_v, tolerance));
    for (std::size_t which = 0; which < 2; ++which) {
      EXPECT_TRUE(test::close("out", test::wide(result.out[which]), expected.out[which], tolerance));
      for (std::size_t i = 0; i < 6; ++i)
        EXPECT_TRUE(test::close(test::pool_weight_names[i], test::wide(result.grad_weights[which][i]),
                                expected.grad_weights[which][i], tolerance));
    }
  }
}

// (loss(x + step) - loss(x - step)) / (2 step) of every value of an array, NaN left alone.
std::vector<double> differences(PoolData& data, std::vector<double>& values) {
  constexpr double step = 1e-5;
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double before = values[i];
    if (std::isnan(before)) continue;
    values[i] = before + step;
    const double above = pool_loss(data);
    values[i] = before - step;
    result[i] = (above - pool_loss(data)) / (2 * step);
    values[i] = before;
  }
  return result;
}

TEST(BlockPool, TheReferenceEqualsCentralDifferences) {
  PoolCase what;
  what.blocks = 3;
  what.width = 8;
  what.block_size = 16;
  what.empty = 0.3;
  PoolData data(what);
  ASSERT_TRUE(data.real[0] + data.real[1] + data.real[2] > 0);
  const PoolResult expected = pool_reference(data);
  constexpr double tolerance = 1e-8;
  EXPECT_TRUE(test::close("grad k", expected.grad_k, differences(data, data.k), tolerance));
  EXPECT_TRUE(test::close("grad v", expected.grad_v, differences(data, data.v), tolerance));
  for (std::size_t which = 0; which < 2; ++which)
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_TRUE(test::close(test::pool_weight_names[i], expected.grad_weights[which][i],
                              differences(data, data.weights[which][i]), tolerance));
}

TEST(BlockPool, AnEmptyBlockIsZeroAndOneSlotIsItself) {
  PoolCase what;
  what.one_slot = true;
  what.empty = 0.4;
  what.blocks = 20;
  PoolData data(what);
  for (test::PoolWeights& half : data.weights) {
    std::fill(half[4].begin(), half[4].end(), 0.0);  // the MLP gives its last bias alone
    std::fill(half[5].begin(), half[5].end(), 0.0);
  }
  const Result result = run(data);
  const auto size = static_cast<std::size_t>(what.block_size);
  const auto each = static_cast<std::size_t>(what.groups * what.width);
  int empty = 0, single = 0;
  for (std::size_t block = 0; block < 20; ++block) {
    std::size_t slot = block * size;
    while (slot < (block + 1) * size && !data.mask[slot]) ++slot;
    const bool none = slot == (block + 1) * size;
    ++(none ? empty : single);
    for (std::size_t i = 0; i < each; ++i) {
      EXPECT_EQ(result.out[0][block * each + i], none ? 0.0f : static_cast<float>(data.k[slot * each + i]));
      EXPECT_EQ(result.out[1][block * each + i], none ? 0.0f : static_cast<float>(data.v[slot * each + i]));
    }
    for (std::size_t i = block * size * each; i < (block + 1) * size * each; ++i)
      if (!data.mask[i / each]) {
        EXPECT_EQ(result.grad_k[i], 0.0f);
        EXPECT_EQ(result.grad_v[i], 0.0f);
      }
  }
  EXPECT_GT(empty, 2);
  EXPECT_GT(single, 2);
}

TEST(BlockPool, ThreadsChangeNoBit) {
  PoolCase what;
  what.blocks = 1200;
  const PoolData data(what);
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Result one = run(data);
  for (const int threads : {1, 2, 5}) {
    set_parallel_threads(threads);
    EXPECT_TRUE(one == run(data)) << threads << " threads";
  }
  set_parallel_threads(before);
}

TEST(BlockPool, NanStaysInItsBlockAndHead) {
  PoolCase what;
  what.blocks = 8;
  what.padding = what.empty = 0;
  PoolData data(what);
  const std::size_t pairs = 16, width = 16;
  data.k[((3 * 32 + 7) * 2 + 1) * width + 2] = std::nan("");  // block 3, slot 7, head 1
  const Result result = run(data);
  for (std::size_t pair = 0; pair < pairs; ++pair)
    for (std::size_t d = 0; d < width; ++d) {
      EXPECT_EQ(std::isnan(result.out[0][pair * width + d]), pair == 7) << pair;
      EXPECT_EQ(std::isnan(result.out[1][pair * width + d]), pair == 7) << pair;
    }
}

TEST(BlockPool, OtherShapesAreRefused) {
  const BlockPoolShape good{4, 32, 2, 16, 3};
  EXPECT_TRUE(block_pool_supports(good));
  for (const auto& change : {+[](BlockPoolShape& s) { s.width = 24; }, +[](BlockPoolShape& s) { s.block_size = 64; },
                             +[](BlockPoolShape& s) { s.dimension = 4; }, +[](BlockPoolShape& s) { s.groups = 0; }}) {
    BlockPoolShape shape = good;
    change(shape);
    EXPECT_FALSE(block_pool_supports(shape));
  }
}

}  // namespace
}  // namespace erwin::kernels
