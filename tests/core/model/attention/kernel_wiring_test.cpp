// Block pooling, merging and the whole layer by our kernels, in float32 (and bf16 on a CUDA device), against ATen
// operations in float64 without our kernels.

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "core/model/internal/compression.h"
#include "core/model/internal/device_offsets.h"
#include "core/model/internal/kernel_switch.h"
#include "core/model/internal/merge_kernel.h"
#include "core/model/internal/pool_kernel.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

// What a computation gave and the gradients of its cost.
struct Outcome {
  std::vector<at::Tensor> results, gradients;
};

Outcome outcome_of(const std::vector<at::Tensor>& results, const std::vector<at::Tensor>& inputs) {
  at::Tensor loss;
  std::uint64_t seed = 77;
  for (const at::Tensor& result : results) {
    const at::Tensor part = (result.to(at::kDouble) * random(result.sizes(), seed++).to(result.device())).sum();
    loss = loss.defined() ? loss + part : part;
  }
  return {results, torch::autograd::grad({loss}, inputs)};
}

class KernelWiring : public OnDevice {
protected:
  std::vector<at::ScalarType> types() const {
    return GetParam() == "cuda" ? std::vector{at::kFloat, at::kBFloat16} : std::vector{at::kFloat};
  }

  // Values that bf16 can hold, so that every type starts from the same numbers.
  at::Tensor leaf(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type) const {
    return random(shape, seed).to(at::kBFloat16).to(options(type)).requires_grad_(true);
  }

  static void expect_equal(const Outcome& value, const Outcome& expected, at::ScalarType type, double tolerance) {
    const auto compare = [&](const at::Tensor& a, const at::Tensor& b, const char* what, std::size_t i) {
      if (type == at::kBFloat16)
        EXPECT_TRUE(close_in_norm(a, b, 2e-2)) << what << " " << i;
      else
        EXPECT_TRUE(close(a, b, tolerance)) << what << " " << i;
    };
    for (std::size_t i = 0; i < expected.results.size(); ++i)
      compare(value.results[i], expected.results[i], "result", i);
    for (std::size_t i = 0; i < expected.gradients.size(); ++i)
      compare(value.gradients[i], expected.gradients[i], "gradient", i);
  }
};

TEST_P(KernelWiring, pooling_of_keys_and_values) {
  for (const std::int64_t block_size : {16, 32}) {
    FlatConfig config;
    config.ball_size = 64;
    config.block_size = static_cast<int>(block_size);
    const Slots slots = random_slots({3, 1, 2}, 64, 0.3, 4);
    const auto pooled = [&](at::ScalarType type) {
      Parameters parameters;
      const Builder builder{parameters, at::detail::createCPUGenerator(1), options(type), ""};
      const BlockCompression keys(builder.child("k"), Compression::Pool, 2, 16, block_size, 3),
          values(builder.child("v"), Compression::Pool, 2, 16, block_size, 3);
      std::vector<at::Tensor> inputs{leaf({slots.size(), 2, 16}, 5, type), leaf({slots.size(), 2, 16}, 6, type)};
      std::uint64_t seed = 30;
      for (const auto& entry : parameters.entries()) {
        const c10::NoGradGuard no_gradient;
        entry.tensor.copy_(random(entry.tensor.sizes(), seed++).mul(0.5).to(at::kBFloat16));
        inputs.push_back(entry.tensor);
      }
      const SlotGeometry geometry = geometry_of(slots, config, options(type));
      EXPECT_EQ(pool_kernel_applies(inputs[0], inputs[1], geometry), type != at::kDouble);
      const BlockSummaries result = summarise_blocks(keys, values, inputs[0], inputs[1], geometry, nullptr);
      return outcome_of({result.k, result.v}, inputs);
    };
    const Outcome expected = pooled(at::kDouble);
    for (const at::ScalarType type : types()) expect_equal(pooled(type), expected, type, 1e-5);
  }
}

TEST_P(KernelWiring, merging_with_a_row_per_slot_and_per_block) {
  const Slots slots = random_slots({2, 3}, 32, 0.7, 4);
  const std::int64_t rows = slots.size(), heads = 3, width = 16;
  const at::Tensor real = slots.mask.view({-1, 1, 1});
  for (const std::int64_t shared : {1, 16}) {
    const auto merged = [&](at::ScalarType type) {
      const std::vector<at::Tensor> inputs{leaf({rows, 3 * heads}, 1, type),
                                           leaf({rows / shared, heads, width}, 2, type),
                                           leaf({rows, heads, width}, 3, type), leaf({rows, heads, width}, 4, type)};
      const at::Tensor mask = real.to(inputs[0].device());
      const auto masked = [&](const at::Tensor& branch) {
        return branch.size(0) == rows ? branch.masked_fill(mask.logical_not(), 0.0) : branch;
      };
      EXPECT_EQ(merge_kernel_applies(inputs[0], inputs[1], inputs[2], inputs[3]), type != at::kDouble);
      return outcome_of({merge_branches(inputs[0], masked(inputs[1]), masked(inputs[2]), masked(inputs[3]),
                                        slots.mask.to(inputs[0].device()))},
                        inputs);
    };
    const Outcome expected = merged(at::kDouble);
    EXPECT_EQ(expected.results[0]
                  .masked_select(real.logical_not().to(expected.results[0].device()))
                  .abs()
                  .sum()
                  .item<double>(),
              0);
    for (const at::ScalarType type : types()) expect_equal(merged(type), expected, type, 2e-6);
  }
}

TEST_P(KernelWiring, the_layer_with_a_query_per_slot_and_per_block) {
  for (const CompressedQuery query : {CompressedQuery::Token, CompressedQuery::Block}) {
    FlatConfig config;
    config.width = 24;
    config.heads = 4, config.kv_heads = 2, config.head_dim = 16;
    config.ball_size = 64, config.block_size = 16, config.selected_blocks = 3;
    config.compressed_query = query;
    const Slots slots = random_slots({3, 1, 4}, 64, 0.7, 4);
    at::Tensor selection;  // the float64 run's: a near tie may be another one elsewhere
    const auto pass = [&](at::ScalarType type) {
      const KernelSwitch kernels(type != at::kDouble);
      const auto layer = random_layer(config, options(type), 3);
      std::vector<at::Tensor> inputs{leaf({slots.size(), config.width}, 5, type)};
      for (const auto& entry : layer->parameters.entries()) inputs.push_back(entry.tensor);
      const SlotGeometry geometry = geometry_of(slots, config, options(type));
      if (!selection.defined()) {
        NsaTrace trace;
        layer->attention->forward(inputs[0], geometry, {}, nullptr, &trace);
        selection = trace.selection.ids;
      }
      return outcome_of({layer->attention->forward(inputs[0], geometry, selection, nullptr, nullptr)}, inputs);
    };
    const Outcome expected = pass(at::kDouble);
    expect_equal(pass(at::kFloat), expected, at::kFloat, 5e-5);
  }
}

// The same in inference, where a large cloud on the CPU goes through in chunks of rows.
TEST_P(KernelWiring, chunks_of_rows_give_what_one_piece_gives) {
  FlatConfig config;
  config.width = 16;
  config.heads = 2, config.kv_heads = 1, config.head_dim = 8;
  config.ball_size = 256, config.block_size = 32, config.selected_blocks = 2;
  config.compressed_query = CompressedQuery::Block;
  const std::int64_t balls = 4 * rows_between_looks / config.ball_size + 3;
  const Slots slots = random_slots({balls}, config.ball_size, 0.8, 4);
  const auto layer = random_layer(config, options(at::kFloat), 3);
  const SlotGeometry geometry = geometry_of(slots, config, options(at::kFloat));
  const at::Tensor u = random({slots.size(), config.width}, 5).to(options(at::kFloat));
  const at::Tensor whole = layer->attention->forward(u, geometry, {}, nullptr, nullptr).detach();
  const c10::NoGradGuard no_gradient;
  EXPECT_EQ(takes_chunks(u), u.is_cpu());
  EXPECT_TRUE(close(layer->attention->forward(u, geometry, {}, nullptr, nullptr), whole, 1e-6));
}

ON_ALL_DEVICES(KernelWiring);

TEST(OffsetTables, those_of_a_recording_outlive_other_batches) {
  const std::vector<std::int64_t> offsets{0, 7, 19};
  std::vector<at::Tensor> kept;
  {
    const OffsetsKeeper keeper(kept);
    device_offsets(offsets, at::kCPU);
  }
  ASSERT_EQ(kept.size(), 1U);
  for (std::int64_t i = 0; i < 200; ++i) device_offsets({0, 100 + i}, at::kCPU);
  EXPECT_EQ(kept.size(), 1U);
  EXPECT_TRUE(at::equal(kept[0], at::tensor(offsets)));
  EXPECT_NE(device_offsets(offsets, at::kCPU).const_data_ptr(), kept[0].const_data_ptr());  // it was pushed out
}

}  // namespace

}  // namespace erwin::model::test
