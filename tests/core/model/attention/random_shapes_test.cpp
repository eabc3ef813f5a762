// The layer against the slow reference on awkward sizes: values, selections and every gradient.

#include <torch/csrc/autograd/autograd.h>

#include "core/model/internal/attention_ops_dense.h"
#include "tests/core/model/attention/reference.h"

namespace erwin::model::test {

namespace {

struct Case {
  const char* name;
  int heads, kv_heads, head_dim, ball, block, selected;
  Compression compression;
  Exclude exclude;
  CompressedQuery query;
  std::vector<std::int64_t> balls;
  double share;
  std::int64_t chunk;  // logits per chunk, 0: the usual
};

const Case cases[] = {
    {"one ball, nothing to select",
     4,
     2,
     4,
     32,
     8,
     3,
     Compression::Pool,
     Exclude::Ball,
     CompressedQuery::Token,
     {1},
     0.8,
     0},
    {"one ball, own block excluded",
     4,
     4,
     4,
     32,
     8,
     2,
     Compression::Mean,
     Exclude::Block,
     CompressedQuery::Token,
     {1},
     0.7,
     0},
    {"more wanted than there is",
     2,
     1,
     8,
     16,
     8,
     9,
     Compression::Mlp,
     Exclude::Ball,
     CompressedQuery::Token,
     {2, 3},
     0.9,
     0},
    {"empty blocks", 6, 2, 4, 16, 4, 3, Compression::Pool, Exclude::Ball, CompressedQuery::Token, {3, 1, 4}, 0.15, 0},
    {"hardly a real slot", 2, 2, 4, 16, 4, 2, Compression::Mlp, Exclude::None, CompressedQuery::Token, {2, 1}, 0.0, 0},
    {"everything real",
     4,
     1,
     4,
     16,
     16,
     2,
     Compression::Pool,
     Exclude::Ball,
     CompressedQuery::Token,
     {4, 4, 4},
     1.1,
     0},
    {"block queries", 4, 2, 4, 16, 8, 2, Compression::Pool, Exclude::Ball, CompressedQuery::Block, {3, 2}, 0.6, 0},
    {"tiny chunks", 6, 3, 4, 16, 4, 3, Compression::Pool, Exclude::Ball, CompressedQuery::Token, {3, 3, 2}, 0.7, 100},
    {"chunks of some heads",
     8,
     2,
     4,
     16,
     4,
     3,
     Compression::Mean,
     Exclude::Block,
     CompressedQuery::Token,
     {3, 3},
     0.7,
     700},
    {"chunks of some balls",
     4,
     2,
     4,
     16,
     8,
     2,
     Compression::Pool,
     Exclude::Ball,
     CompressedQuery::Block,
     {5, 2},
     0.7,
     2100},
};

class RandomShapes : public OnDevice {
protected:
  void compare(const Case& test, std::uint64_t seed) {
    FlatConfig config;
    config.width = 12;
    config.heads = test.heads, config.kv_heads = test.kv_heads, config.head_dim = test.head_dim;
    config.ball_size = test.ball, config.block_size = test.block, config.selected_blocks = test.selected;
    config.compression = test.compression, config.exclude = test.exclude, config.compressed_query = test.query;
    const Slots slots = random_slots(test.balls, test.ball, test.share, seed);
    const auto layer = random_layer(config, doubles(), seed), slow = random_layer(config, at::kDouble, seed);
    const at::Tensor values = random({slots.size(), config.width}, seed + 1),
                     cost = random({slots.size(), config.width}, seed + 2);
    const at::Tensor u = values.to(doubles()).requires_grad_(true), slow_u = values.clone().requires_grad_(true);

    std::optional<ChunkLimit> limit;
    if (test.chunk > 0) limit.emplace(test.chunk);
    NsaTrace trace;
    const at::Tensor out = layer->attention->forward(u, geometry_of(slots, config, doubles()), {}, nullptr, &trace);
    const Reference reference = reference_attention(*slow, slow_u, slots);
    EXPECT_TRUE(close(trace.compressed.out, reference.compressed, 1e-10));
    EXPECT_TRUE(close(trace.local.out, reference.local, 1e-10));
    expect_selection(trace.selection, reference);
    EXPECT_TRUE(close(trace.selected.out, reference.selected, 1e-10));
    EXPECT_TRUE(close(out, reference.out, 1e-10));
    expect_gradients(*layer, u, (out * cost.to(doubles())).sum(), *slow, slow_u, (reference.out * cost).sum());
  }

private:
  static void expect_selection(const Selection& selection, const Reference& reference) {
    const at::Tensor ids = selection.ids.cpu();
    for (std::int64_t b = 0; b < ids.size(0); ++b)
      for (std::int64_t g = 0; g < ids.size(1); ++g) {
        std::vector<std::int64_t> expected =
            reference.selection[static_cast<std::size_t>(b)][static_cast<std::size_t>(g)];
        ASSERT_LE(static_cast<std::int64_t>(expected.size()), std::max<std::int64_t>(selection.columns, 0));
        expected.resize(static_cast<std::size_t>(ids.size(2)), -1);
        EXPECT_TRUE(at::equal(ids[b][g], at::tensor(expected))) << "block " << b << " head " << g;
      }
  }

  static void expect_gradients(const Layer& layer, const at::Tensor& u, const at::Tensor& loss, const Layer& slow,
                               const at::Tensor& slow_u, const at::Tensor& slow_loss) {
    std::vector<at::Tensor> inputs{u}, slow_inputs{slow_u};
    for (const auto& entry : layer.parameters.entries()) inputs.push_back(entry.tensor);
    for (const auto& entry : slow.parameters.entries()) slow_inputs.push_back(entry.tensor);
    const auto gradients = torch::autograd::grad({loss}, inputs);
    const auto expected = torch::autograd::grad({slow_loss}, slow_inputs, {}, std::nullopt, false, true);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor want = expected[i].defined() ? expected[i] : at::zeros_like(slow_inputs[i]);
      EXPECT_TRUE(close(gradients[i], want, 1e-9)) << (i == 0 ? "u" : layer.parameters.entries()[i - 1].name);
    }
  }
};

TEST_P(RandomShapes, equal_the_slow_reference) {
  std::uint64_t seed = 11;
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    compare(test, seed);
    seed += 7;
  }
}

ON_ALL_DEVICES(RandomShapes);

}  // namespace

}  // namespace erwin::model::test
