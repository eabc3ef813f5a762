// Whole networks on the flat trunk: what the method promises of them (section 7, numbers in the names), and their
// records.

#include <c10/core/GradMode.h>
#include <sys/resource.h>
#include <torch/csrc/autograd/autograd.h>

#include <fstream>

#include "core/attention/attention_query.h"
#include "core/model/internal/attention_ops.h"
#include "core/model/internal/network.h"
#include "tests/core/model/attention/attention_test.h"
#include "tests/core/model/unet/random_sample.h"

namespace erwin::model::test {

namespace {

using erwin::test::random_sample;

ModelConfig small_network(ModelKind kind) {
  ModelConfig config;
  config.kind = kind;
  config.input_features = 4;
  config.output_features = 2;
  config.graph.k = 4;
  config.mp_steps = 1;
  config.flat.width = 16;
  config.flat.depth = 3;
  config.flat.heads = 4, config.flat.kv_heads = 2, config.flat.head_dim = 8;
  config.flat.ball_size = 32, config.flat.block_size = 8, config.flat.selected_blocks = 3;
  return config;
}

const ModelKind flat_kinds[] = {ModelKind::ErwinNsa, ModelKind::Full, ModelKind::Ball};

std::unique_ptr<Network> make(const ModelConfig& config, const at::TensorOptions& options) {
  auto network = make_network(config, 3, options);
  erwin::test::randomise(*network, 0.3);
  return network;
}

class FlatNetwork : public OnDevice {
protected:
  Batch batch_of(const std::vector<ModelSample>& samples, const ModelConfig& config) const {
    std::vector<const ModelSample*> pointers;
    for (const ModelSample& sample : samples) pointers.push_back(&sample);
    return make_batch(pointers, config, doubles());
  }
  static at::Tensor predict(Network& network, const Batch& batch) {
    const c10::NoGradGuard no_gradient;
    ForwardContext context;
    return network.forward(batch, context);
  }
};

TEST_P(FlatNetwork, o09_full_is_ball_with_one_ball_and_no_distances) {
  ModelConfig config = small_network(ModelKind::Ball);
  config.flat.ball_size = 128;
  config.rotate_degrees = 0;
  const Batch batch = batch_of({random_sample(100, config, 1), random_sample(120, config, 2)}, config);
  const auto ball = make(config, doubles());
  config.kind = ModelKind::Full;
  const auto full = make(config, doubles());
  const c10::NoGradGuard no_gradient;
  for (auto& entry : ball->parameters().entries()) {
    if (entry.name.ends_with("sigma_att")) {
      entry.tensor.zero_();
    } else {
      ASSERT_NE(full->parameters().find(entry.name), nullptr) << entry.name;
      entry.tensor.copy_(full->parameters().find(entry.name)->tensor);
    }
  }
  EXPECT_TRUE(close(predict(*ball, batch), predict(*full, batch), 1e-10));
}

TEST_P(FlatNetwork, o23_shuffled_points_give_shuffled_answers) {
  for (const ModelKind kind : flat_kinds) {
    const ModelConfig config = small_network(kind);
    const auto network = make(config, doubles());
    const auto order = erwin::test::shuffled(150, 5);
    const at::Tensor plain = predict(*network, batch_of({random_sample(150, config, 1)}, config));
    const at::Tensor shuffled = predict(*network, batch_of({random_sample(150, config, 1, order)}, config));
    EXPECT_TRUE(close(shuffled, plain.index_select(0, at::tensor(order).to(plain.device())), 1e-10)) << name_of(kind);
  }
}

TEST_P(FlatNetwork, o24_moved_positions_with_the_same_features_change_nothing) {
  for (const ModelKind kind : flat_kinds) {
    const ModelConfig config = small_network(kind);
    const auto network = make(config, doubles());
    Batch batch = batch_of({random_sample(150, config, 1)}, config);
    const at::Tensor before = predict(*network, batch), shift = at::tensor({5.0, -30.0, 11.0}, doubles());
    batch.positions = batch.positions + shift;
    for (LevelGeometry& level : batch.levels) level.positions = level.positions + shift;
    EXPECT_TRUE(close(predict(*network, batch), before, 1e-9)) << name_of(kind);
  }
}

TEST_P(FlatNetwork, o25_samples_of_a_batch_do_not_see_each_other) {
  for (const ModelKind kind : flat_kinds) {
    const ModelConfig config = small_network(kind);
    const auto network = make(config, doubles());
    const std::vector<ModelSample> samples{random_sample(150, config, 1), random_sample(3, config, 2),
                                           random_sample(151, config, 3)};
    const at::Tensor together = predict(*network, batch_of(samples, config));
    std::vector<at::Tensor> alone;
    for (const ModelSample& sample : samples) alone.push_back(predict(*network, batch_of({sample}, config)));
    EXPECT_TRUE(close(at::cat(alone), together, 1e-11)) << name_of(kind);
  }
}

TEST_P(FlatNetwork, o27_a_rotated_order_that_is_the_main_one_changes_nothing) {
  for (const ModelKind kind : flat_kinds) {
    const ModelConfig config = small_network(kind);
    const auto network = make(config, doubles());
    Batch batch = batch_of({random_sample(150, config, 1), random_sample(60, config, 2)}, config);
    LevelGeometry& level = batch.levels[0];
    const at::Tensor slots = at::arange(level.mask.size(0), batch.slot_point.options());
    level.rotated = {slots, level.mask, slots, level.offsets};
    const at::Tensor rotated = predict(*network, batch);
    level.has_rotated = false;
    EXPECT_TRUE(close(predict(*network, batch), rotated, 1e-12)) << name_of(kind);
  }
}

// Every recorded softmax can be recomputed from the record, in every branch, in main and rotated layers.
TEST_P(FlatNetwork, records_explain_themselves) {
  for (const ModelKind kind : flat_kinds)
    for (const Padding padding : {Padding::Masked, Padding::Duplicate})
      for (const CompressedQuery query : {CompressedQuery::Token, CompressedQuery::Block}) {
        if (kind != ModelKind::ErwinNsa && query == CompressedQuery::Block) continue;
        SCOPED_TRACE(std::string(name_of(kind)) + " " + name_of(padding) + " " + name_of(query));
        ModelConfig config = small_network(kind);
        config.padding = padding;
        config.flat.compressed_query = query;
        const auto network = make(config, doubles());
        const Batch batch = batch_of({random_sample(150, config, 1)}, config);
        const at::Tensor plain = predict(*network, batch);
        TapRecorder recorder;
        recorder.request.all_layers = true;
        ForwardContext context;
        context.recorder = &recorder;
        {
          const c10::NoGradGuard no_gradient;
          EXPECT_TRUE(close(network->forward(batch, context), plain, 1e-12)) << "a record changes nothing";
        }
        ASSERT_EQ(recorder.tap.layers.size(), 3U);
        EXPECT_EQ(recorder.tap.point_count, 150);
        for (const LayerTap& layer : recorder.tap.layers) {
          EXPECT_EQ(layer.rotated, layer.layer == 1);
          EXPECT_EQ(layer.name, "block." + std::to_string(layer.layer));
          for (const std::int64_t point : {0, 77, 149}) {
            AttentionQuery question;
            question.layer = layer.layer;
            question.point = point;
            const AttentionRow row = attention_row(recorder.tap, question);
            EXPECT_LT(row.lse_gap, 1e-4) << "layer " << layer.layer << " point " << point;
            EXPECT_NEAR(row.sum(), row.expected_sum, 1e-4);
          }
        }
      }
}

ON_ALL_DEVICES(FlatNetwork);

// What options of the first values ask for is there, and draws of other tensors are the same.
TEST(FlatNetworkStart, WeightsAndGatesAreAsAsked) {
  const at::TensorOptions doubles(at::kDouble);
  ModelConfig config = small_network(ModelKind::ErwinNsa);
  const auto plain = make_network(config, 3, doubles);
  config.flat.gate_start = GateStart::Local;
  config.weight_deviation = 0.1;
  const auto asked = make_network(config, 3, doubles);
  const auto of = [](const Network& network, const char* name) { return network.parameters().find(name)->tensor; };
  const std::int64_t heads = config.flat.heads;
  const at::Tensor gates = at::sigmoid(of(*asked, "block.1.attention.gate.bias"));
  EXPECT_TRUE(close(gates.narrow(0, 0, 2 * heads), at::full({2 * heads}, 0.1192029, doubles), 1e-6));
  EXPECT_TRUE(close(gates.narrow(0, 2 * heads, heads), at::full({heads}, 0.8807971, doubles), 1e-6));
  EXPECT_EQ(of(*asked, "block.1.attention.gate.weight").abs().max().item<double>(), 0);
  EXPECT_EQ(of(*plain, "block.1.attention.gate.bias").abs().max().item<double>(), 0);
  for (const char* name : {"block.1.attention.qkv", "block.2.swiglu.w1.weight", "head.0.weight"})
    EXPECT_TRUE(close(of(*asked, name), 5 * of(*plain, name), 1e-6)) << name;
}

TEST(FlatNetworkSizes, o33_parameter_counts) {
  const auto count = [](const Network& network, const std::string& prefix) {
    std::int64_t sum = 0;
    for (const auto& entry : network.parameters().entries())
      if (!entry.buffer && entry.name.starts_with(prefix)) sum += entry.tensor.numel();
    return sum;
  };
  ModelConfig config;  // width 64, 16 x 16 heads, blocks of 32
  config.input_features = 64;
  config.wrapper = false;
  config.flat.compression = Compression::Mlp;
  const auto six = make_network(config, 1, at::kFloat);
  EXPECT_EQ(count(*six, "block.0."), 629824);
  EXPECT_EQ(count(*six, ""), 3833984);
  config.flat.depth = 12;
  EXPECT_EQ(count(*make_network(config, 1, at::kFloat), ""), 7612928);
}

TEST(FlatNetworkSizes, frozen_sigma_gets_no_gradient) {
  for (const ModelKind kind : {ModelKind::ErwinNsa, ModelKind::Ball}) {
    ModelConfig config = small_network(kind);
    config.freeze_sigma = true;
    const auto network = make_network(config, 1, at::kFloat);
    for (const auto& entry : network->parameters().entries())
      EXPECT_EQ(entry.tensor.requires_grad(), entry.name.find("sigma") == std::string::npos) << entry.name;
  }
}

// The largest resident size since it was last forgotten, in bytes; 0 where the system does not tell.
std::int64_t peak_resident(bool forget) {
  if (forget && !(std::ofstream("/proc/self/clear_refs") << "5")) return 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
  return 0;
}

// Forward and backward of all branches over 16,384 slots: a tensor of N x N / b logits alone would be 268 MB.
TEST(FlatNetworkSizes, memory_is_linear) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "what the sanitizer keeps for itself would be counted";
#endif
  const std::int64_t n = 16384, block = 32, blocks = n / block, heads = 8;
  const at::Tensor q = at::randn({n, heads, 4}, at::kFloat).requires_grad_(true),
                   k = at::randn({n, 1, 4}).requires_grad_(true), v = at::randn({n, 1, 4}).requires_grad_(true),
                   p = at::rand({n, 3}), mask = at::ones({n}, at::kBool),
                   sigma = at::zeros({heads}).requires_grad_(true);
  FlatConfig config;
  config.ball_size = 128, config.block_size = block;
  const SlotGeometry geometry = make_slot_geometry(p, mask, {0, n}, 128, block);
  const auto pass = [&](std::int64_t limit_selected) {
    const at::Tensor keys = block_means(k, geometry), values = block_means(v, geometry);
    const Selection selection =
        select_blocks(mean_queries(q, 1, geometry), keys, geometry, limit_selected, Exclude::Ball, nullptr);
    const BlockKeys compressed{keys, values, geometry.block_real, {}, {}, {0, blocks}};
    const at::Tensor sum = ball_attention(q, k, v, p, mask, sigma, 128, nullptr).out +
                           compressed_attention(q, mask, {0, n}, compressed, nullptr).out +
                           selected_attention(q, k, v, mask, selection.ids, block, nullptr).out;
    return torch::autograd::grad({sum.sum()}, {q, k, v, sigma});
  };
  const std::int64_t before = peak_resident(true);
  if (before == 0) GTEST_SKIP() << "this system does not tell a process's largest size";
  pass(4);
  EXPECT_LT(peak_resident(false) - before, std::int64_t{160} << 20);
}

}  // namespace

}  // namespace erwin::model::test
