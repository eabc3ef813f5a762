// A cloud so large that its rows are taken in chunks: the same numbers as in one piece.

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "core/model/internal/network.h"
#include "tests/core/engine/networks.h"
#include "tests/core/model/unet/random_sample.h"

namespace erwin::model {
namespace {

at::Tensor forward(Network& network, const Batch& batch, bool in_one_piece) {
  // Chunks are taken only where no gradient is wanted; no weight asks for one here.
  const c10::AutoGradMode mode(in_one_piece);
  ForwardContext context;
  return network.forward(batch, context);
}

void expect_same_in_chunks(const ModelConfig& config) {
  const at::TensorOptions doubles = at::TensorOptions().dtype(at::kDouble);
  const ModelSample sample = erwin::test::random_sample(4 * rows_between_looks + 1500, config, 1);
  const Batch batch = make_batch({&sample}, config, doubles);
  const auto network = make_network(config, 3, doubles);
  erwin::test::randomise(*network, 0.3);
  for (const auto& entry : network->parameters().entries()) at::Tensor(entry.tensor).set_requires_grad(false);
  const at::Tensor whole = forward(*network, batch, true), chunks = forward(*network, batch, false);
  EXPECT_EQ(whole.size(0), sample.points);
  EXPECT_LT((whole - chunks).abs().max().item<double>(), 1e-10 * (1 + whole.abs().max().item<double>()));
}

TEST(Chunks, ChangeNothingInTheFlatNetworks) {
  ModelConfig config = test::small_nsa();
  config.flat.selected_blocks = 2;
  expect_same_in_chunks(config);
  config.kind = ModelKind::Ball;
  expect_same_in_chunks(config);
}

TEST(Chunks, ChangeNothingInTheUnet) {
  expect_same_in_chunks(test::small_unet());
}

}  // namespace
}  // namespace erwin::model
