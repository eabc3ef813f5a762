// Properties of the whole three-branch layer (method, section 7, numbers in the names), float64 unless said.

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <map>

#include "core/base/error.h"
#include "tests/core/model/attention/attention_test.h"

namespace erwin::model::test {

namespace {

FlatConfig small_config(Compression compression = Compression::Pool) {
  FlatConfig config;
  config.width = 8;
  config.heads = 4, config.kv_heads = 2, config.head_dim = 4;
  config.ball_size = 16, config.block_size = 8, config.selected_blocks = 2;
  config.compression = compression;
  return config;
}

at::Tensor run(const Layer& layer, const at::Tensor& u, const Slots& slots, NsaTrace* trace = nullptr) {
  return layer.attention->forward(u, geometry_of(slots, layer.config, u.options()), {}, nullptr, trace);
}

class LayerProperty : public OnDevice {};

TEST_P(LayerProperty, o17_gates_choose_one_branch_and_act_linearly) {
  const auto layer = random_layer(small_config(), doubles(), 3);
  const Slots slots = random_slots({3, 2}, 16, 0.8, 4);
  const at::Tensor u = random({slots.size(), 8}, 5).to(doubles());
  const c10::NoGradGuard no_gradient;
  layer->tensor("gate.weight").zero_();
  for (std::int64_t branch = 0; branch < 3; ++branch) {
    layer->tensor("gate.bias").fill_(-40).narrow(0, branch * 4, 4).fill_(40);
    NsaTrace trace;
    const at::Tensor out = run(*layer, u, slots, &trace);
    const at::Tensor chosen = branch == 0 ? trace.compressed.out : branch == 1 ? trace.selected.out : trace.local.out;
    EXPECT_TRUE(close(out, at::matmul(chosen.flatten(1), layer->tensor("out").t()), 1e-10));
  }
  // sigmoid(0) = 1/2 of each branch.
  layer->tensor("gate.bias").zero_();
  NsaTrace trace;
  const at::Tensor out = run(*layer, u, slots, &trace);
  const at::Tensor sum = 0.5 * (trace.compressed.out + trace.selected.out + trace.local.out);
  EXPECT_TRUE(close(out, at::matmul(sum.flatten(1), layer->tensor("out").t()), 1e-10));
}

TEST_P(LayerProperty, o25_samples_do_not_see_each_other) {
  for (const Compression compression : {Compression::Pool, Compression::Mlp}) {
    const auto layer = random_layer(small_config(compression), doubles(), 3);
    const Slots slots = random_slots({3, 1, 3, 2}, 16, 0.7, 4);
    const at::Tensor u = random({slots.size(), 8}, 5).to(doubles()), together = run(*layer, u, slots);
    for (std::size_t s = 0; s < 4; ++s) {
      const std::int64_t first = slots.offsets[s], count = slots.offsets[s + 1] - first;
      const Slots alone{slots.positions.narrow(0, first, count), slots.mask.narrow(0, first, count), {0, count}};
      EXPECT_TRUE(close(run(*layer, u.narrow(0, first, count), alone), together.narrow(0, first, count), 1e-12));
    }
  }
}

TEST_P(LayerProperty, o26_padding_slots_say_nothing) {
  for (const Compression compression : {Compression::Pool, Compression::Mlp, Compression::Mean}) {
    const auto layer = random_layer(small_config(compression), doubles(), 3);
    Slots slots = random_slots({3, 2}, 16, 0.6, 4);
    const at::Tensor u = random({slots.size(), 8}, 5), real = slots.mask.unsqueeze(1);
    const at::Tensor before = run(*layer, u.to(doubles()), slots);
    slots.positions = at::where(real, slots.positions, random({slots.size(), 3}, 6) * 100);
    const at::Tensor other = at::where(real, u, random({slots.size(), 8}, 7) * 100);
    EXPECT_TRUE(close(run(*layer, other.to(doubles()), slots), before, 1e-12));
    EXPECT_EQ(before.masked_select(real.logical_not().to(before.device())).abs().max().item<double>(), 0.0);
  }
}

TEST_P(LayerProperty, o24_moving_the_sample_changes_nothing) {
  const auto layer = random_layer(small_config(), doubles(), 3);
  Slots slots = random_slots({3}, 16, 0.8, 4);
  const at::Tensor u = random({slots.size(), 8}, 5).to(doubles()), before = run(*layer, u, slots);
  slots.positions = slots.positions + at::tensor({3.0, -20.0, 7.0}, at::kDouble);
  EXPECT_TRUE(close(run(*layer, u, slots), before, 1e-10));
}

// With slots shuffled inside the blocks (as another tree order of the same blocks) pool and mean give the same rows.
TEST_P(LayerProperty, o23_order_inside_a_block_does_not_matter) {
  for (const Compression compression : {Compression::Pool, Compression::Mean}) {
    const auto layer = random_layer(small_config(compression), doubles(), 3);
    Slots slots = random_slots({3}, 16, 0.8, 4);
    const at::Tensor u = random({slots.size(), 8}, 5), before = run(*layer, u.to(doubles()), slots);
    const at::Tensor order = at::arange(slots.size()).view({-1, 8}).flip(1).reshape({-1});
    slots = {slots.positions.index_select(0, order), slots.mask.index_select(0, order), slots.offsets};
    const at::Tensor after = run(*layer, u.index_select(0, order).to(doubles()), slots);
    EXPECT_TRUE(close(after, before.index_select(0, order.to(before.device())), 1e-10));
  }
}

TEST_P(LayerProperty, o28_central_differences_of_every_parameter) {
  const double step = 1e-5;
  for (const Compression compression : {Compression::Pool, Compression::Mlp}) {
    const auto layer = random_layer(small_config(compression), doubles(), 3);
    const Slots slots = random_slots({3, 1}, 16, 0.8, 4);  // 64 slots
    const at::Tensor u = random({slots.size(), 8}, 5).to(doubles()), cost = random({slots.size(), 8}, 6).to(doubles());
    const SlotGeometry geometry = geometry_of(slots, layer->config, doubles());
    NsaTrace trace;
    layer->attention->forward(u, geometry, {}, nullptr, &trace);
    // The selection is held: its gradient is zero (31), but a step may flip it.
    const at::Tensor held = trace.selection.ids;
    const auto loss = [&] { return (layer->attention->forward(u, geometry, held, nullptr, nullptr) * cost).sum(); };
    std::vector<at::Tensor> inputs;
    for (const auto& entry : layer->parameters.entries()) inputs.push_back(entry.tensor);
    const auto gradients = torch::autograd::grad({loss()}, inputs);
    const c10::NoGradGuard no_gradient;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor flat = inputs[i].view({-1});
      const std::int64_t stride = std::max<std::int64_t>(1, flat.size(0) / 6);
      const double scale = gradients[i].abs().max().item<double>();
      EXPECT_GT(scale, 0) << layer->parameters.entries()[i].name;
      for (std::int64_t e = 0; e < flat.size(0); e += stride) {
        const double before = flat[e].item<double>();
        flat[e].fill_(before + step);
        const double above = loss().item<double>();
        flat[e].fill_(before - step);
        const double below = loss().item<double>();
        flat[e].fill_(before);
        EXPECT_NEAR(gradients[i].reshape({-1})[e].item<double>(), (above - below) / (2 * step),
                    1e-6 * std::max(1.0, scale))
            << layer->parameters.entries()[i].name << " " << e;
      }
    }
  }
}

// dg_c = do . o_c, through sigmoid's derivative and the bias.
TEST_P(LayerProperty, o29_gradient_of_the_gates) {
  const auto layer = random_layer(small_config(), doubles(), 3);
  const Slots slots = random_slots({3}, 16, 0.8, 4);
  const at::Tensor u = random({slots.size(), 8}, 5).to(doubles()), cost = random({slots.size(), 8}, 6).to(doubles());
  NsaTrace trace;
  const at::Tensor out = run(*layer, u, slots, &trace);
  const at::Tensor gradient = torch::autograd::grad({(out * cost).sum()}, {layer->tensor("gate.bias")})[0];
  const at::Tensor into = at::matmul(cost, layer->tensor("out")).view({slots.size(), 4, 4});
  const auto branch = [&](const at::Tensor& o) { return (into * o).sum(2); };
  const at::Tensor by_gate =
      at::stack({branch(trace.compressed.out), branch(trace.selected.out), branch(trace.local.out)}, 1);
  EXPECT_TRUE(close(gradient, (by_gate * trace.gate * (1 - trace.gate)).sum(0).flatten(), 1e-10));
}

TEST_P(LayerProperty, o31_the_number_of_selected_blocks_leaves_the_compressed_branch_alone) {
  const Slots slots = random_slots({4}, 16, 0.8, 4);
  const at::Tensor cost = random({slots.size(), 4, 4}, 6).to(doubles());
  std::map<int, at::Tensor> gradients;
  for (const int count : {1, 4}) {
    FlatConfig config = small_config();
    config.selected_blocks = count;
    const auto layer = random_layer(config, doubles(), 3);
    const at::Tensor u = random({slots.size(), 8}, 5).to(doubles());
    NsaTrace trace;
    run(*layer, u, slots, &trace);
    gradients[count] = torch::autograd::grad({(trace.compressed.out * cost).sum()}, {layer->tensor("qkv")})[0];
  }
  EXPECT_TRUE(at::equal(gradients[1], gradients[4]));
}

// Which slots' features reach a query: its ball through the local branch, the selected blocks through the selected one,
// every real slot through the compressed one.
TEST_P(LayerProperty, o34_receptive_field_of_each_branch) {
  const auto layer = random_layer(small_config(), doubles(), 3);
  const Slots slots = random_slots({4, 1}, 16, 0.8, 4);
  const std::int64_t query = slots.mask.nonzero()[9].item<std::int64_t>();
  const at::Tensor u = random({slots.size(), 8}, 5).to(doubles()).requires_grad_(true);
  NsaTrace trace;
  run(*layer, u, slots, &trace);
  const auto reached = [&](const at::Tensor& rows) {
    const at::Tensor gradient = torch::autograd::grad({rows[query].sum()}, {u}, {}, true)[0];
    return gradient.abs().sum(1).gt(0).cpu();
  };
  const at::Tensor own = at::arange(slots.size()) == query, slot = at::arange(slots.size());
  EXPECT_TRUE(at::equal(reached(trace.local.out), (slot.div(16, "floor") == query / 16).logical_and(slots.mask)));
  EXPECT_TRUE(at::equal(reached(trace.compressed.out), (slot < 64).logical_and(slots.mask)));
  at::Tensor selected = at::zeros({slots.size()}, at::kBool);
  const at::Tensor ids = trace.selection.ids[query / 8].cpu().reshape({-1});
  for (std::int64_t i = 0; i < ids.size(0); ++i) selected = selected.logical_or(slot.div(8, "floor") == ids[i]);
  EXPECT_TRUE(at::equal(reached(trace.selected.out), selected.logical_and(slots.mask).logical_or(own)));
}

TEST_P(LayerProperty, evaluation_repeats_to_the_bit_and_agrees_with_training) {
  FlatConfig config = small_config();
  config.ball_size = 64, config.block_size = 16;
  const auto layer = random_layer(config, options(at::kFloat), 3);
  const Slots slots = random_slots({6, 2}, 64, 0.9, 4);
  const at::Tensor u = random({slots.size(), 8}, 5).to(options(at::kFloat));
  const at::Tensor trained = run(*layer, u.clone().requires_grad_(true), slots);
  const c10::NoGradGuard no_gradient;
  const at::Tensor once = run(*layer, u, slots);
  EXPECT_TRUE(at::equal(run(*layer, u, slots), once));
  EXPECT_TRUE(close(trained, once, 1e-5));
}

// A trace makes q, k and v of the local branch; without one the positions' part is added on the way.
TEST_P(LayerProperty, a_trace_changes_nothing) {
  FlatConfig config = small_config();
  config.head_dim = 8;  // one that our kernels take
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const auto layer = random_layer(config, options(type), 3);
    const Slots slots = random_slots({2, 3}, 16, 0.9, 4);
    const at::Tensor u = random({slots.size(), 8}, 5).to(options(type));
    NsaTrace trace;
    EXPECT_TRUE(close(run(*layer, u, slots), run(*layer, u, slots, &trace), type == at::kDouble ? 1e-12 : 5e-6));
  }
}

TEST_P(LayerProperty, a_stopped_job_ends_the_pass) {
  const auto layer = random_layer(small_config(), doubles(), 3);
  const Slots slots = random_slots({2}, 16, 0.9, 4);
  std::stop_source source;
  source.request_stop();
  const Job job(source.get_token());
  const at::Tensor u = random({slots.size(), 8}, 5).to(doubles());
  try {
    layer->attention->forward(u, geometry_of(slots, layer->config, doubles()), {}, &job, nullptr);
    FAIL() << "went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  }
}

ON_ALL_DEVICES(LayerProperty);

TEST(LayerThreads, any_number_of_threads_gives_the_same_answer) {
  FlatConfig config = small_config();
  config.ball_size = 64, config.block_size = 16, config.heads = 8;
  const auto layer = random_layer(config, at::kFloat, 3);
  const Slots slots = random_slots({6, 2}, 64, 0.9, 4);
  const at::Tensor u = random({slots.size(), 8}, 5).to(at::kFloat);
  const c10::NoGradGuard no_gradient;
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = run(*layer, u, slots);
  at::set_num_threads(3);
  const at::Tensor three = run(*layer, u, slots);
  at::set_num_threads(before);
  EXPECT_TRUE(close(three, one, 1e-6));
}

}  // namespace

}  // namespace erwin::model::test
