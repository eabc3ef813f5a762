// `erwin` with masked padding, the project's default, for which the authors' code has no answer: against a slow program
// written from the method, and against its own symmetries.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/model/internal/attention_ops.h"
#include "core/model/model.h"
#include "tests/core/model/unet/erwin_fixture.h"
#include "tests/core/model/unet/random_sample.h"
#include "tests/core/model/unet/slow_unet.h"

namespace {

using namespace erwin;
using erwin::test::pointers;
using erwin::test::randomise;

const at::TensorOptions float64 = at::TensorOptions().dtype(at::kDouble);
const at::TensorOptions float32 = at::TensorOptions().dtype(at::kFloat);

at::Tensor evaluate(model::Network& network, const model::Batch& batch, bool training = false) {
  const c10::AutoGradMode without_gradient(false);
  model::ForwardContext context;
  context.training = training;
  return network.forward(batch, context);
}

at::Tensor evaluate(model::Network& network, const std::vector<ModelSample>& samples, const ModelConfig& config,
                    const at::TensorOptions& options) {
  return evaluate(network, model::make_batch(pointers(samples), config, options));
}

std::map<std::string, test::Row> plain_weights(const model::Network& network) {
  std::map<std::string, test::Row> weights;
  for (const auto& entry : network.parameters().entries()) {
    const at::Tensor flat = entry.tensor.detach().to(at::kDouble).reshape({-1}).contiguous();
    weights[entry.name] = {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
  }
  return weights;
}

void expect_equal(const at::Tensor& value, const at::Tensor& reference, double tolerance) {
  const test::Difference found = test::difference(value, reference);
  EXPECT_LE(found.error, tolerance * found.scale) << "relative " << found.error / found.scale;
  EXPECT_GT(found.scale, 0);
}

at::Tensor permutation(const std::vector<std::int64_t>& order) {
  return at::tensor(order, at::kLong);
}

class SlowReference : public testing::TestWithParam<bool> {};

TEST_P(SlowReference, AgreesOnBatchesWithPadding) {
  const bool training = GetParam();
  for (const int stride : {1, 2, 4}) {
    ModelConfig config = test::small_unet();
    config.unet.strides = {stride};
    if (stride == 1) config.unet.widths = {8, 8}, config.unet.encoder_heads = {2, 4};
    const std::vector<ModelSample> samples{test::random_sample(53, config, 1), test::random_sample(9, config, 2),
                                           test::random_sample(70, config, 3)};
    auto network = model::make_network(config, 5, float64);
    randomise(*network, 0.3);
    const test::Rows expected = test::SlowUnet(config, plain_weights(*network)).forward(pointers(samples), training);
    const model::Batch batch = model::make_batch(pointers(samples), config, float64);
    EXPECT_FALSE(batch.levels[0].all_real);
    at::Tensor reference = at::zeros({static_cast<std::int64_t>(expected.size()), 2}, float64);
    for (std::size_t i = 0; i < expected.size(); ++i)
      for (std::size_t c = 0; c < 2; ++c) reference.mutable_data_ptr<double>()[2 * i + c] = expected[i][c];
    expect_equal(evaluate(*network, batch, training), reference, 1e-10);
  }
}

TEST_P(SlowReference, AgreesInThePlane) {
  ModelConfig config = test::small_unet();
  config.dimension = 2;
  const std::vector<ModelSample> samples{test::random_sample(45, config, 4)};
  auto network = model::make_network(config, 5, float64);
  randomise(*network, 0.3);
  const test::Rows expected = test::SlowUnet(config, plain_weights(*network)).forward(pointers(samples), GetParam());
  at::Tensor reference = at::zeros({45, 2}, float64);
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (std::size_t c = 0; c < 2; ++c) reference.mutable_data_ptr<double>()[2 * i + c] = expected[i][c];
  expect_equal(evaluate(*network, model::make_batch(pointers(samples), config, float64), GetParam()), reference, 1e-10);
}

INSTANTIATE_TEST_SUITE_P(Unet, SlowReference, testing::Bool(),
                         [](const auto& chosen) { return chosen.param ? "training" : "evaluation"; });

// Oracle 25.
TEST(Unet, ASampleDoesNotSeeTheOthersOfItsBatch) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(61, config, 1), test::random_sample(5, config, 2),
                                         test::random_sample(128, config, 3), test::random_sample(1, config, 4)};
  auto network = model::make_network(config, 5, float64);
  randomise(*network, 0.3);
  const at::Tensor together = evaluate(*network, samples, config, float64);
  std::int64_t first = 0;
  for (const ModelSample& sample : samples) {
    expect_equal(together.narrow(0, first, sample.points), evaluate(*network, {sample}, config, float64), 1e-12);
    first += sample.points;
  }
}

TEST(Unet, ShuffledPointsGetTheSameAnswers) {
  const ModelConfig config = test::small_unet();
  const auto order = test::shuffled(150, 9);
  auto network = model::make_network(config, 5, float64);
  randomise(*network, 0.3);
  const at::Tensor plain = evaluate(*network, {test::random_sample(150, config, 1)}, config, float64);
  const at::Tensor mixed = evaluate(*network, {test::random_sample(150, config, 1, order)}, config, float64);
  expect_equal(mixed, plain.index_select(0, permutation(order)), 1e-12);
}

TEST(Unet, RepeatsAreBitEqualAndThreadsChangeRoundingOnly) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(700, config, 1)};
  auto network = model::make_network(config, 5, float32);
  randomise(*network, 0.3);
  const at::Tensor once = evaluate(*network, samples, config, float32);
  EXPECT_TRUE(at::equal(once, evaluate(*network, samples, config, float32)));
  const int threads = at::get_num_threads();
  for (const int count : {1, 3}) {
    set_thread_count(count);
    expect_equal(evaluate(*network, samples, config, float32), once, 2e-5);
  }
  set_thread_count(threads);
}

// Without gradients the CPU makes messages in chunks of 512 receivers; with them, all at once.
TEST(Unet, MessagesInChunksAreMessagesAtOnce) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(1300, config, 1), test::random_sample(30, config, 2)};
  auto network = model::make_network(config, 5, float64);
  randomise(*network, 0.3);
  const model::Batch batch = model::make_batch(pointers(samples), config, float64);
  model::ForwardContext context;
  expect_equal(evaluate(*network, batch), network->forward(batch, context), 1e-12);
}

// Oracle 26: what padding slots carry, whatever it is, reaches neither outputs nor gradients.
TEST(Unet, PaddingSlotsChangeNothing) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(53, config, 1)};
  auto network = model::make_network(config, 5, float64);
  randomise(*network, 0.3);
  std::vector<at::Tensor> outputs, gradients;
  for (const std::int64_t shift : {0, 1, 17}) {
    model::Batch batch = model::make_batch(pointers(samples), config, float64);
    model::LevelGeometry& level = batch.levels[0];
    const at::Tensor others = (batch.slot_point + shift).remainder(53);
    batch.slot_point = at::where(level.mask, batch.slot_point, others);
    level.positions =
        at::where(level.mask.unsqueeze(1), level.positions, level.positions + 0.5 * static_cast<double>(shift));
    batch.features.set_requires_grad(true);
    model::ForwardContext context;
    context.training = true;
    const at::Tensor output = network->forward(batch, context);
    output.square().sum().backward();
    outputs.push_back(output.detach());
    gradients.push_back(batch.features.grad());
  }
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    EXPECT_TRUE(at::equal(outputs[i], outputs[0]));
    EXPECT_TRUE(at::equal(gradients[i], gradients[0]));
  }
}

// Oracle 27.
TEST(Unet, ARotatedLayerInTheMainOrderIsAPlainLayer) {
  ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(53, config, 1)};
  auto rotated = model::make_network(config, 5, float64);
  randomise(*rotated, 0.3);
  model::Batch batch = model::make_batch(pointers(samples), config, float64);
  const at::Tensor as_is = evaluate(*rotated, batch);
  for (model::LevelGeometry& level : batch.levels) {
    const at::Tensor identity = at::arange(level.mask.size(0), at::kLong);
    level.rotated = {identity, level.mask, identity, level.offsets};
  }
  const at::Tensor in_main_order = evaluate(*rotated, batch);
  config.rotate_degrees = 0;
  auto plain = model::make_network(config, 5, float64);
  randomise(*plain, 0.3);
  EXPECT_TRUE(at::equal(in_main_order, evaluate(*plain, samples, config, float64)));
  EXPECT_GT(test::difference(as_is, in_main_order).error, 1e-6);  // the rotation itself does matter
}

TEST(Unet, RotatedOrdersReadEveryRealRowOnceAndBringItBack) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(53, config, 1), test::random_sample(130, config, 2)};
  const model::Batch batch = model::make_batch(pointers(samples), config, float64);
  for (const model::LevelGeometry& level : batch.levels) {
    ASSERT_TRUE(level.has_rotated);
    const at::Tensor read = level.rotated.source.masked_select(level.rotated.mask);
    const at::Tensor real = level.mask.nonzero().squeeze(1);
    EXPECT_TRUE(at::equal(std::get<0>(read.sort()), real));
    EXPECT_TRUE(at::equal(level.rotated.source.index_select(0, level.rotated.inverse.index_select(0, real)), real));
    EXPECT_EQ(level.rotated.offsets.back(), level.rotated.source.size(0));
  }
}

// Where the points fill the tree there is no padding, and both ways of padding are the same network.
TEST(Unet, MaskedAndDuplicateAgreeOnAFullTree) {
  ModelConfig config = test::small_unet();
  std::vector<at::Tensor> answers;
  for (const Padding padding : {Padding::Masked, Padding::Duplicate}) {
    config.padding = padding;
    auto network = model::make_network(config, 5, float64);
    randomise(*network, 0.3);
    answers.push_back(
        evaluate(*network, {test::random_sample(128, config, 1), test::random_sample(32, config, 2)}, config, float64));
  }
  expect_equal(answers[1], answers[0], 1e-12);
}

// Oracle 10: attention over keys of which some are there several times is attention over each once, its logit raised by
// the logarithm of how often.
TEST(Unet, ACopyOfAKeyRaisesItsLogitByLogTwo) {
  at::manual_seed(5);
  const at::Tensor q = at::randn({16, 2, 4}, at::kDouble), k = at::randn({16, 2, 4}, at::kDouble),
                   v = at::randn({16, 2, 4}, at::kDouble);
  const at::Tensor positions = at::randn({16, 3}, at::kDouble), sigma = at::tensor({-1.0, -0.4}, at::kDouble);
  // Slots 2 i and 2 i + 1 hold point i for i < 5, the last six slots one point each.
  const at::Tensor held = at::tensor({0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9, 10}, at::kLong);
  const auto at_slots = [&](const at::Tensor& rows) { return rows.index_select(0, held); };
  const at::Tensor out = model::ball_attention(at_slots(q), at_slots(k), at_slots(v), at_slots(positions),
                                               at::ones({16}, at::kBool), sigma, 16, nullptr)
                             .out;
  const at::Tensor log_copies = at::cat({at::full({5}, std::log(2.0), at::kDouble), at::zeros({6}, at::kDouble)});
  for (std::int64_t head = 0; head < 2; ++head) {
    const auto points = [&](const at::Tensor& rows) { return rows.select(1, head).narrow(0, 0, 11); };
    const at::Tensor p = positions.narrow(0, 0, 11),
                     distance = (p.unsqueeze(1) - p.unsqueeze(0)).square().sum(2).sqrt();
    const at::Tensor logits = points(q).matmul(points(k).t()) / 2.0 + sigma.select(0, head) * distance + log_copies;
    expect_equal(out.select(1, head), at_slots(logits.softmax(1).matmul(points(v))), 1e-10);
  }
}

TEST(Unet, CopiesAreRealKeysWithDuplicatePadding) {
  ModelConfig config = test::small_unet();
  std::vector<at::Tensor> answers;
  for (const Padding padding : {Padding::Masked, Padding::Duplicate}) {
    config.padding = padding;
    auto network = model::make_network(config, 5, float64);
    randomise(*network, 0.3);
    answers.push_back(evaluate(*network, {test::random_sample(100, config, 1)}, config, float64));
  }
  EXPECT_GT(test::difference(answers[1], answers[0]).error, 1e-6);
}

TEST(Unet, Bf16StaysNearFloat32) {
  const ModelConfig config = test::small_unet();
  const std::vector<ModelSample> samples{test::random_sample(200, config, 1)};
  auto exact = model::make_network(config, 5, float32);
  auto coarse = model::make_network(config, 5, at::TensorOptions().dtype(at::kBFloat16));
  const at::Tensor reference = evaluate(*exact, samples, config, float32);
  const at::Tensor value = evaluate(*coarse, samples, config, at::TensorOptions().dtype(at::kBFloat16)).to(at::kFloat);
  EXPECT_LT(((value - reference).norm() / reference.norm()).item<double>(), 2e-2);
}

TEST(Unet, OnePointAndEqualPointsAreLegal) {
  const ModelConfig config = test::small_unet();
  auto network = model::make_network(config, 5, float64);
  ModelSample equal = test::random_sample(40, config, 1);
  std::fill(equal.positions.begin(), equal.positions.end(), 0.25F);
  equal.trees = make_sample_trees(equal.positions, config);
  for (const ModelSample& sample : {test::random_sample(1, config, 2), equal})
    EXPECT_TRUE(evaluate(*network, {sample}, config, float64).isfinite().all().item<bool>());
}

}  // namespace
