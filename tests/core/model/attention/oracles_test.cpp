// Exact cases of attention (method, section 7, numbers in the names), float64, on the operations themselves.

#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/model/internal/attention_ops.h"
#include "core/model/internal/compression.h"
#include "core/model/internal/selection.h"
#include "tests/core/model/attention/reference.h"

namespace erwin::model::test {

namespace {

constexpr double kTolerance = 1e-10;

class Oracle : public OnDevice {
protected:
  at::Tensor rows(at::IntArrayRef shape, std::uint64_t seed) const { return random(shape, seed).to(doubles()); }
  at::Tensor all(std::int64_t n) const { return at::ones({n}, doubles().dtype(at::kBool)); }

  // Dense softmax attention of q [n, H, D] over k, v [m, G, D].
  static at::Tensor dense(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias = {},
                          const at::Tensor& allowed = {}) {
    const std::int64_t repeat = q.size(1) / k.size(1);
    at::Tensor logits =
        at::einsum("ihd,jhd->hij", {q, k.repeat_interleave(repeat, 1)}) / std::sqrt(static_cast<double>(q.size(2)));
    if (bias.defined()) logits = logits + bias;
    const at::Tensor keys =
        allowed.defined() ? allowed : at::ones({q.size(0), k.size(0)}, q.options().dtype(at::kBool));
    return dense_softmax(logits, keys, v.repeat_interleave(repeat, 1));
  }
};

TEST_P(Oracle, o09_one_ball_without_distances_is_dense_attention) {
  const at::Tensor q = rows({32, 4, 8}, 1), k = rows({32, 2, 8}, 2), v = rows({32, 2, 8}, 3), p = rows({32, 3}, 4);
  const at::Tensor zero = at::zeros({4}, doubles());
  for (const at::Tensor& sigma : {zero, at::Tensor()}) {
    const AttentionResult result = ball_attention(q, k, v, p, all(32), sigma, 32, nullptr);
    EXPECT_TRUE(close(result.out, dense(q, k, v), kTolerance));
    const at::Tensor logits = at::einsum("ihd,jhd->ihj", {q, k.repeat_interleave(2, 1)}) / std::sqrt(8.0);
    EXPECT_TRUE(close(result.lse, logits.logsumexp(2), kTolerance));
  }
  const AttentionResult full = full_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1),
                                              at::arange(32, q.options().dtype(at::kLong)), {0, 32}, true, nullptr);
  EXPECT_TRUE(close(full.out, dense(q, k, v), kTolerance));
  EXPECT_TRUE(close(full.lse, ball_attention(q, k, v, p, all(32), {}, 32, nullptr).lse, kTolerance));
}

TEST_P(Oracle, o10_duplicates_weigh_like_log_multiplicity) {
  const at::Tensor k = rows({8, 1, 4}, 2), v = rows({8, 1, 4}, 3), p = rows({8, 3}, 4), q = rows({16, 2, 4}, 1);
  // Keys 0 .. 7 appear 1, 2 or 3 times among 16 slots.
  const at::Tensor copies = at::tensor({0, 1, 1, 2, 2, 2, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7}, doubles().dtype(at::kLong));
  const at::Tensor count = at::tensor({1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 2.0, 2.0}, doubles()), sigma = rows({2}, 5);
  const at::Tensor slots = p.index_select(0, copies);
  const at::Tensor result =
      ball_attention(q, k.index_select(0, copies), v.index_select(0, copies), slots, all(16), sigma, 16, nullptr).out;
  const at::Tensor distance = (slots.unsqueeze(1) - p.unsqueeze(0)).norm(2, 2);
  EXPECT_TRUE(close(result, dense(q, k, v, sigma.view({2, 1, 1}) * distance + count.log()), kTolerance));
}

TEST_P(Oracle, o11_steep_distances_leave_the_own_value) {
  const at::Tensor q = rows({32, 2, 4}, 1), k = rows({32, 2, 4}, 2), v = rows({32, 2, 4}, 3), p = rows({32, 3}, 4);
  const at::Tensor steep = at::full({2}, -1e5, doubles()), flat = at::zeros({2}, doubles());
  EXPECT_TRUE(close(ball_attention(q, k, v, p, all(32), steep, 16, nullptr).out, v, kTolerance));
  EXPECT_TRUE(at::equal(ball_attention(q, k, v, p, all(32), flat, 16, nullptr).out,
                        ball_attention(q, k, v, rows({32, 3}, 5), all(32), flat, 16, nullptr).out));
}

TEST_P(Oracle, o12_selecting_everything_is_dense_attention) {
  const at::Tensor q = rows({48, 4, 8}, 1), k = rows({48, 2, 8}, 2), v = rows({48, 2, 8}, 3);
  const at::Tensor ids = at::arange(6, doubles().dtype(at::kLong)).flip(0).expand({6, 2, 6}).contiguous();
  EXPECT_TRUE(close(selected_attention(q, k, v, all(48), ids, 8, nullptr).out, dense(q, k, v), kTolerance));
}

// Random block lists, one block that nobody selects and one that everybody does, padding inside and -1 between.
TEST_P(Oracle, o13_o32_lists_of_blocks_are_dense_attention_with_a_mask) {
  const std::int64_t blocks = 7, size = 4, n = blocks * size, groups = 2, heads = 4;
  const at::Tensor mask = (random({n}, 9) > -1.0).to(doubles().device());
  const at::Tensor ids = at::full({blocks, groups, 3}, -1, at::kLong);
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t g = 0; g < groups; ++g) {
      ids[b][g][0] = 5;
      if (b != 2) ids[b][g][2] = (b + g) % 4;  // never 4 or 6
    }
  const at::Tensor allowed = at::zeros({heads, n, n}, at::kBool);
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t h = 0; h < heads; ++h)
      for (std::int64_t s = 0; s < 3; ++s)
        if (const auto id = ids[b][h / 2][s].item<std::int64_t>(); id >= 0)
          allowed[h]
              .narrow(0, b * size, size)
              .narrow(1, id * size, size)
              .copy_(mask.cpu().narrow(0, id * size, size).expand({size, size}));
  std::vector<at::Tensor> inputs, dense_inputs;
  for (const auto& [seed, count] : {std::pair{1, heads}, {2, groups}, {3, groups}}) {
    inputs.push_back(rows({n, count, 8}, static_cast<std::uint64_t>(seed)).requires_grad_(true));
    dense_inputs.push_back(inputs.back().detach().clone().requires_grad_(true));
  }
  const at::Tensor out =
      selected_attention(inputs[0], inputs[1], inputs[2], mask, ids.to(doubles().device()), size, nullptr).out;
  const at::Tensor expected =
      dense(dense_inputs[0], dense_inputs[1], dense_inputs[2], {}, allowed.to(doubles().device())) *
      mask.view({-1, 1, 1});
  EXPECT_TRUE(close(out, expected, kTolerance));
  const at::Tensor cost = rows({n, heads, 8}, 4);
  const auto gradients = torch::autograd::grad({(out * cost).sum()}, inputs);
  const auto wanted = torch::autograd::grad({(expected * cost).sum()}, dense_inputs);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(close(gradients[i], wanted[i], kTolerance));
  EXPECT_EQ(gradients[1].narrow(0, 4 * size, size).abs().max().item<double>(), 0.0) << "nobody selected this block";
}

BlockKeys blocks_of(const at::Tensor& k, const at::Tensor& v, const at::Tensor& memory_k = {},
                    const at::Tensor& memory_v = {}) {
  return {k, v, at::ones({k.size(0)}, k.options().dtype(at::kBool)), memory_k, memory_v, {0, k.size(0)}};
}

TEST_P(Oracle, o14_blocks_of_one_slot_are_dense_attention) {
  const at::Tensor q = rows({24, 4, 8}, 1), k = rows({24, 2, 8}, 2), v = rows({24, 2, 8}, 3);
  EXPECT_TRUE(
      close(compressed_attention(q, all(24), {0, 24}, blocks_of(k, v), nullptr).out, dense(q, k, v), kTolerance));
}

TEST_P(Oracle, o15_means_of_constant_keys) {
  FlatConfig config;
  config.ball_size = 16, config.block_size = 8, config.compression = Compression::Mean;
  const Slots slots = random_slots({3}, 16, 0.7, 5);
  const SlotGeometry geometry = geometry_of(slots, config, doubles());
  const at::Tensor block_values = rows({6, 2, 4}, 2), constant = block_values.repeat_interleave(8, 0);
  Parameters parameters;
  const BlockCompression phi(Builder{parameters, at::detail::createCPUGenerator(1), doubles(), ""}, Compression::Mean,
                             2, 4, 8, 3);
  const at::Tensor keys = phi(constant, constant, geometry);
  const at::Tensor real = geometry.block_real.view({-1, 1, 1});
  EXPECT_TRUE(close(keys * real, block_values * real, kTolerance));
}

TEST_P(Oracle, o16_a_zero_memory_slot_adds_one_to_the_sum) {
  const at::Tensor q = rows({8, 2, 4}, 1), k = rows({6, 1, 4}, 2), v = rows({6, 1, 4}, 3),
                   zero = at::zeros({1, 4}, doubles());
  const at::Tensor weights = (at::einsum("ihd,jd->ihj", {q, k.squeeze(1)}) / 2.0).exp();
  const at::Tensor expected = at::einsum("ihj,jd->ihd", {weights, v.squeeze(1)}) / (1 + weights.sum(2, true));
  const AttentionResult result = compressed_attention(q, all(8), {0, 8}, blocks_of(k, v, zero, zero), nullptr);
  EXPECT_TRUE(close(result.out, expected, kTolerance));
  EXPECT_TRUE(close(result.lse, (1 + weights.sum(2)).log(), kTolerance));
}

TEST_P(Oracle, o18_parts_merge_by_their_log_sums) {
  const at::Tensor q = rows({32, 4, 8}, 1), k = rows({32, 1, 8}, 2), v = rows({32, 1, 8}, 3);
  const auto list = [&](std::vector<std::int64_t> ids) {
    return at::tensor(ids).expand({4, 1, static_cast<std::int64_t>(ids.size())}).contiguous().to(doubles().device());
  };
  const AttentionResult left = selected_attention(q, k, v, all(32), list({0, 3}), 8, nullptr),
                        right = selected_attention(q, k, v, all(32), list({2}), 8, nullptr),
                        both = selected_attention(q, k, v, all(32), list({2, 0, 3}), 8, nullptr);
  const at::Tensor share = at::sigmoid(left.lse - right.lse).unsqueeze(2);
  EXPECT_TRUE(close(both.out, share * left.out + (1 - share) * right.out, kTolerance));
  EXPECT_TRUE(close(both.lse, at::logaddexp(left.lse, right.lse), kTolerance));
}

TEST_P(Oracle, o19_one_kv_head_is_many_equal_ones) {
  const at::Tensor q = rows({32, 6, 8}, 1), k = rows({32, 1, 8}, 2), v = rows({32, 1, 8}, 3), p = rows({32, 3}, 4),
                   sigma = rows({6}, 5), mask = (random({32}, 6) > -0.5).to(doubles().device());
  const at::Tensor many_k = k.expand({32, 6, 8}).contiguous(), many_v = v.expand({32, 6, 8}).contiguous();
  EXPECT_TRUE(close(ball_attention(q, k, v, p, mask, sigma, 16, nullptr).out,
                    ball_attention(q, many_k, many_v, p, mask, sigma, 16, nullptr).out, kTolerance));
  const at::Tensor ids = at::tensor({1, 3, 0, 2, 3, 1, 0, 2}, doubles().dtype(at::kLong)).view({4, 1, 2});
  EXPECT_TRUE(close(selected_attention(q, k, v, mask, ids, 8, nullptr).out,
                    selected_attention(q, many_k, many_v, mask, ids.expand({4, 6, 2}).contiguous(), 8, nullptr).out,
                    kTolerance));
}

TEST_P(Oracle, o21_o22_o30_selection_is_a_full_sort_with_ties_to_the_lowest) {
  FlatConfig config;
  config.ball_size = 16, config.block_size = 4;
  Slots slots = random_slots({5, 3}, 16, 0.5, 7);
  const SlotGeometry geometry = geometry_of(slots, config, doubles());
  const std::int64_t blocks = geometry.blocks();
  // Small whole numbers: many exact ties.
  const at::Tensor mean_query = random({blocks, 2, 4}, 1).mul(1.2).round().to(doubles()),
                   keys = random({blocks, 2, 4}, 2).round().to(doubles());
  const at::Tensor real = geometry.block_real.cpu();
  for (const Exclude exclude : {Exclude::Ball, Exclude::Block, Exclude::None}) {
    const Selection selection = select_blocks(mean_query, keys, geometry, 6, exclude, nullptr);
    const at::Tensor ids = selection.ids.cpu(), scores = at::einsum("bgd,jgd->bgj", {mean_query, keys}).cpu() / 2.0;
    for (std::int64_t b = 0; b < blocks; ++b)
      for (std::int64_t g = 0; g < 2; ++g) {
        const std::int64_t first = b < 20 ? 0 : 20, last = b < 20 ? 20 : 32;
        std::vector<std::pair<double, std::int64_t>> order;
        for (std::int64_t j = first; j < last; ++j) {
          const bool near = exclude == Exclude::Ball ? j / 4 == b / 4 : exclude == Exclude::Block && j == b;
          if (real[b].item<bool>() && real[j].item<bool>() && !near)
            order.emplace_back(-scores[b][g][j].item<double>(), j);
        }
        std::sort(order.begin(), order.end());
        std::set<std::int64_t> seen;
        for (std::int64_t s = 0; s < 6; ++s) {
          const auto id = ids[b][g][s].item<std::int64_t>();
          const bool exists = s < static_cast<std::int64_t>(order.size());
          EXPECT_EQ(id, exists ? order[static_cast<std::size_t>(s)].second : -1) << b << " " << g << " " << s;
          if (exists) {
            EXPECT_NEAR(selection.scores[b][g][s].item<double>(), -order[static_cast<std::size_t>(s)].first, 1e-12);
            EXPECT_TRUE(seen.insert(id).second) << "repeated";
          }
        }
      }
  }
}

// Rows of the closed forms: D_i = do_i . o_i, dS = P (do v^T - D), dQ = dS K / sqrt(E), dK = dS^T Q / sqrt(E), dV = P^T
// do, d sigma = sum of dS times the distance.
TEST_P(Oracle, o29_closed_forms_of_the_gradients) {
  const at::Tensor q = rows({24, 2, 4}, 1).requires_grad_(true), k = rows({24, 2, 4}, 2).requires_grad_(true),
                   v = rows({24, 2, 4}, 3).requires_grad_(true), sigma = rows({2}, 5).requires_grad_(true),
                   p = rows({24, 3}, 4), go = rows({24, 2, 4}, 6);
  const at::Tensor out = ball_attention(q, k, v, p, all(24), sigma, 24, nullptr).out;
  const auto gradients = torch::autograd::grad({out}, {q, k, v, sigma}, {go});
  const at::Tensor distance = (p.unsqueeze(1) - p.unsqueeze(0)).norm(2, 2);
  const at::Tensor logits = at::einsum("ihd,jhd->hij", {q, k}) / 2.0 + sigma.view({2, 1, 1}) * distance;
  const at::Tensor weights = at::softmax(logits, 2).detach();
  const at::Tensor delta = (go * out).sum(2).t().unsqueeze(2);
  const at::Tensor ds = (weights * (at::einsum("ihd,jhd->hij", {go, v}) - delta)).detach();
  EXPECT_TRUE(close(gradients[0], at::einsum("hij,jhd->ihd", {ds, k}) / 2.0, kTolerance));
  EXPECT_TRUE(close(gradients[1], at::einsum("hij,ihd->jhd", {ds, q}) / 2.0, kTolerance));
  EXPECT_TRUE(close(gradients[2], at::einsum("hij,ihd->jhd", {weights, go}), kTolerance));
  EXPECT_TRUE(close(gradients[3], (ds * distance).sum(at::IntArrayRef{1, 2}), kTolerance));
}

TEST_P(Oracle, fully_masked_rows_give_zero_and_no_gradient) {
  const at::Tensor none = at::zeros({16}, doubles().dtype(at::kBool)), p = rows({16, 3}, 4),
                   sigma = rows({2}, 5).requires_grad_(true);
  const at::Tensor q = rows({16, 2, 4}, 1).requires_grad_(true), k = rows({16, 2, 4}, 2).requires_grad_(true),
                   v = rows({16, 2, 4}, 3).requires_grad_(true);
  const AttentionResult result = ball_attention(q, k, v, p, none, sigma, 8, nullptr);
  EXPECT_EQ(result.out.abs().max().item<double>(), 0.0);
  EXPECT_TRUE(result.lse.isneginf().all().item<bool>());
  for (const at::Tensor& gradient : torch::autograd::grad({result.out.sum()}, {q, k, v, sigma}))
    EXPECT_EQ(gradient.abs().max().item<double>(), 0.0);
}

ON_ALL_DEVICES(Oracle);

}  // namespace

}  // namespace erwin::model::test
