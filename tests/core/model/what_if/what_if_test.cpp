#include "core/model/what_if.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/model/internal/network.h"
#include "tests/core/model/what_if/support.h"

namespace erwin {

namespace {

ModelSample sample_of(const ModelConfig& config) {
  return prepare_sample(*test::make_cloud(150, 5), 0, {}, config, {}, true, false);
}

double furthest(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double far = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    far = std::max(far, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return far;
}

constexpr double tolerance = 2e-5;

// A network, its sample, and what it says as it is.
struct Subject {
  explicit Subject(const ModelConfig& given)
      : config(given),
        weights(test::lively(Model(config, 3).weights(), 29)),
        model(test::make_model(config, weights)),
        sample(sample_of(config)),
        plain(model.predict(sample).values) {}

  Model::Output changed(const AttentionChanges& changes, bool tap = false) const {
    return model.predict(sample, tap ? std::optional(TapRequest{.all_layers = true, .layers = {}}) : std::nullopt, {},
                         &changes);
  }
  std::vector<float> with(const Weights& other) const { return test::make_model(config, other).predict(sample).values; }

  ModelConfig config;
  Weights weights;
  Model model;
  ModelSample sample;
  std::vector<float> plain;
};

ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error was raised";
  return ErrorKind::Internal;
}

}  // namespace

TEST(WhatIf, NoChangeChangesNothing) {
  for (const ModelConfig& config : {test::nsa_config(), test::unet_config(), test::flat_config(ModelKind::Full)}) {
    const Subject subject(config);
    EXPECT_EQ(subject.changed({}).values, subject.plain);
  }
}

// Gates that are a constant: a network whose gate has no weights and the bias of that constant.
TEST(WhatIf, GatesOfOneBranchAreWhatTheyAreSetTo) {
  const Subject subject(test::nsa_config());
  const auto heads = static_cast<std::size_t>(subject.config.flat.heads);
  for (const auto& [branch, first] :
       {std::pair{Branch::Compressed, std::size_t{0}}, {Branch::Selected, heads}, {Branch::Local, 2 * heads}}) {
    Weights other = subject.weights;
    const float logit = std::log(0.3F / 0.7F);
    for (int layer = 0; layer < 3; ++layer) {
      const std::string name = "block." + std::to_string(layer) + ".attention.gate.";
      const auto mine = [&, from = first](std::size_t row) { return row >= from && row < from + heads; };
      test::edit(other, name + "weight", [&](std::size_t i, float v) { return mine(i / 16) ? 0 : v; });
      test::edit(other, name + "bias", [&](std::size_t i, float v) { return mine(i) ? logit : v; });
    }
    const Model::Output output = subject.changed({.gates = {{.branch = branch, .value = 0.3}}}, true);
    EXPECT_LT(furthest(output.values, subject.with(other)), tolerance) << name_of(branch);
    EXPECT_GT(furthest(output.values, subject.plain), 1e-3) << name_of(branch);
    // The record shows the gates that ran.
    const AttentionRow row = attention_row(*output.tap, {.layer = 1, .point = 3});
    EXPECT_NEAR(branch == Branch::Local        ? row.gate_local
                : branch == Branch::Compressed ? row.gate_compressed
                                               : row.gate_selected,
                0.3, 1e-6);
    EXPECT_NEAR(row.sum(), row.expected_sum, 1e-6);
  }
}

// A head that is off: the columns of the layer's output matrix that read it are zero.
TEST(WhatIf, AHeadThatIsOffIsNotReadByTheOutput) {
  struct Case {
    ModelConfig config;
    int layer;
    std::string output;
    std::size_t columns, first, last;
  };
  const std::vector<Case> cases{{test::nsa_config(), 1, "block.1.attention.out", 32, 16, 24},
                                {test::flat_config(ModelKind::Ball), 1, "block.1.attention.proj.weight", 16, 8, 12},
                                {test::flat_config(ModelKind::Full), 2, "block.2.attention.proj.weight", 16, 8, 12},
                                {test::unet_config(), 3, "bottleneck.blocks.1.BMSA.proj.weight", 24, 12, 18}};
  for (const Case& one : cases) {
    const Subject subject(one.config);
    Weights other = subject.weights;
    test::edit(other, one.output, [&](std::size_t i, float v) {
      return i % one.columns >= one.first && i % one.columns < one.last ? 0 : v;
    });
    const auto values = subject.changed({.gates = {{.layer = one.layer, .head = 2, .value = 0}}}).values;
    EXPECT_LT(furthest(values, subject.with(other)), tolerance) << one.output;
    EXPECT_GT(furthest(values, subject.plain), 1e-4) << one.output;
  }
}

TEST(WhatIf, AnotherSelectionRuleIsThatOfANetworkMadeWithIt) {
  const Subject subject(test::nsa_config());
  ModelConfig config = subject.config;
  config.flat.selected_blocks = 5;
  config.flat.exclude = Exclude::None;
  const auto expected = test::make_model(config, subject.weights).predict(subject.sample).values;
  const auto values =
      subject.changed({.selections = {{.layer = -1, .selected_blocks = 5, .exclude = Exclude::None}}}).values;
  EXPECT_LT(furthest(values, expected), tolerance);
  EXPECT_GT(furthest(values, subject.plain), 1e-4);
}

// Forced selections against a network that is given the edited list.
TEST(WhatIf, ForcedBlocksAreThoseOfAPrescribedSelection) {
  const Subject subject(test::nsa_config());
  const TapPtr before = subject.model.predict(subject.sample, TapRequest{}).tap;
  const auto row = before->layers[1].selected.row({4, 0});
  std::vector<std::int32_t> held(row.begin(), row.end());
  std::int32_t free = 0;
  while (std::find(held.begin(), held.end(), free) != held.end() || free / 4 == 1) ++free;
  const AttentionChanges changes{
      .forced = {{.layer = 1, .query_block = 4, .block = held[0], .in = false, .kv_head = 0},
                 {.layer = 1, .query_block = 4, .block = free, .in = true, .kv_head = 0},
                 {.layer = 1, .query_block = 4, .block = held[1], .in = true, .kv_head = 0}}};
  const Model::Output output = subject.changed(changes, true);
  const LayerTap& layer = output.tap->layers[1];
  const auto after = layer.selected.row({4, 0});
  EXPECT_EQ(after[0], held[1]);  // no other block was promoted
  EXPECT_EQ(after[1], held[2]);
  EXPECT_EQ(after[2], free);
  for (std::int64_t block = 0; block < layer.blocks(); ++block)
    for (int group = 0; group < 2; ++group) {
      if (block == 4 && group == 0) continue;
      const auto a = layer.selected.row({block, group}), b = before->layers[1].selected.row({block, group});
      EXPECT_TRUE(std::equal(b.begin(), b.end(), a.begin()));
    }
  const c10::AutoGradMode without_gradient(false);
  model::SelectionList list;
  model::ForwardContext context;
  context.selections = &list;
  auto& impl = const_cast<Model&>(subject.model).impl();
  const model::Batch batch = model::make_batch({&subject.sample}, subject.config, impl.options);
  impl.network->forward(batch, context);
  auto edited = list.layers[1].accessor<std::int64_t, 3>();
  ASSERT_EQ(edited[4][0][0], held[0]);
  edited[4][0][0] = held[1];
  edited[4][0][1] = held[2];
  edited[4][0][2] = free;
  // What follows the changed layer selects for itself.
  const LayerTap& last = output.tap->layers[2];
  auto following = list.layers[2].accessor<std::int64_t, 3>();
  for (std::int64_t block = 0; block < last.blocks(); ++block)
    for (int group = 0; group < 2; ++group)
      for (int rank = 0; rank < 3; ++rank) following[block][group][rank] = last.selected.row({block, group, rank})[0];
  list.prescribed = true;
  model::ForwardContext prescribed;
  prescribed.selections = &list;
  const at::Tensor expected = impl.network->forward(batch, prescribed).contiguous();
  EXPECT_LT(
      furthest(output.values, {expected.const_data_ptr<float>(), expected.const_data_ptr<float>() + expected.numel()}),
      tolerance);
  EXPECT_GT(furthest(output.values, subject.plain), 1e-4);
}

// The record of a pass with a hidden block fits itself: its log-sum-exps are those of rows without the block.
TEST(WhatIf, ABlockThatIsHiddenEverywhereIsAKeyForNobody) {
  const Subject subject(test::nsa_config());
  const Model::Output output =
      subject.changed({.forced = {{.layer = 1, .block = 5, .in = false, .everywhere = true}}}, true);
  const LayerTap& layer = output.tap->layers[1];
  double largest = 0;
  for (std::int64_t point = 0; point < 150; ++point) {
    const AttentionRow row = attention_row(*output.tap, {.layer = 1, .point = point});
    EXPECT_LT(row.lse_gap, 2e-5);
    EXPECT_NEAR(row.sum(), row.expected_sum, 1e-6);
    EXPECT_EQ(row.block_compressed[5], 0);
    EXPECT_EQ(row.block_selected[5], 0);
    if (layer.slot_of_point(point) / 8 == 5) continue;
    for (const std::int32_t other : points_of_slots(layer, 40, 48))
      largest = std::max(largest, static_cast<double>(row.points[static_cast<std::size_t>(other)]));
  }
  EXPECT_EQ(largest, 0);
  EXPECT_LT(attention_row(*output.tap, {.layer = 0, .point = 3}).lse_gap, 2e-5);
  EXPECT_GT(furthest(output.values, subject.plain), 1e-4);
}

TEST(WhatIf, WhatTheNetworkDoesNotHaveIsNamed) {
  const Subject subject(test::nsa_config());
  const Subject unet(test::unet_config());
  const auto refused = [](const Subject& who, const AttentionChanges& changes) {
    return kind_of([&] { who.changed(changes); });
  };
  EXPECT_EQ(refused(subject, {.gates = {{.layer = 3}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.gates = {{.head = 4}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.gates = {{.value = 1.5}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.gates = {{.value = std::nan("")}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.forced = {{.block = 999}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.forced = {{.query_block = 999}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.forced = {{.kv_head = 2}}}), ErrorKind::Config);
  EXPECT_EQ(refused(subject, {.selections = {{.selected_blocks = 0}}}), ErrorKind::Config);
  EXPECT_EQ(refused(unet, {.forced = {{.block = 1}}}), ErrorKind::Config);
  EXPECT_EQ(refused(unet, {.gates = {{.branch = Branch::Selected}}}), ErrorKind::Config);
}

TEST(ChangedCloud, HidesMovesScalesAndEdits) {
  const PointCloudPtr cloud = test::make_cloud(12, 5);
  const CloudChanges changes{.hidden = {0, 7},
                             .movements = {{.points = {2, 3}, .offset = {1, 0, 0}, .scale = 2}},
                             .edits = {{.field = "heat", .points = {4}, .factor = 0, .offset = 9}}};
  const PointCloudPtr changed = changed_cloud(*cloud, 0, changes);
  ASSERT_EQ(changed->size(), 10);
  EXPECT_EQ(changed->row_id(0), 1);
  EXPECT_EQ(changed->row_id(6), 8);
  const auto a = cloud->position(2), b = cloud->position(3), moved = changed->position(1);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double centre = (a[axis] + b[axis]) / 2;
    EXPECT_NEAR(moved[axis], centre + 2 * (a[axis] - centre) + (axis == 0 ? 1 : 0), 1e-6);
  }
  EXPECT_EQ(changed->position(0), cloud->position(1));
  EXPECT_EQ(changed->require_field("heat").value(3), 9);
  EXPECT_EQ(changed->require_field("heat").value(9), cloud->require_field("heat").value(11));
  // Triangles 0-1-2 and 6-7-8 lost a point.
  EXPECT_EQ(changed->cells().triangles, (std::vector<std::uint32_t>{2, 3, 4, 7, 8, 9}));
  EXPECT_EQ(kind_of([&] { changed_cloud(*cloud, 0, {.hidden = {12}}); }), ErrorKind::Config);
  EXPECT_EQ(kind_of([&] { changed_cloud(*cloud, 0, {.edits = {{.field = "cold", .points = {1}}}}); }),
            ErrorKind::Config);
  EXPECT_EQ(kind_of([&] {
              changed_cloud(*cloud, 0, {.hidden = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}});
            }),
            ErrorKind::Config);
}

TEST(WhatIfRunner, DifferencesAreThoseOfAPredictionOfTheChangedCloud) {
  const Checkpoint checkpoint = test::make_checkpoint(test::nsa_config(), /*with_heat=*/true);
  const Predictor predictor(checkpoint);
  const PointCloudPtr cloud = test::make_cloud(150, 5);
  const WhatIfRunner runner(predictor, cloud, 0);
  const Predictor::Result plain = predictor.run(*cloud, 0);
  EXPECT_TRUE(std::ranges::equal(runner.baseline().values(), plain.fields[0].values()));

  const WhatIf what_if{.attention = {},
                       .cloud = {.hidden = {3, 149},
                                 .movements = {{.points = {10, 11}, .offset = {0, 0.5, 0}}},
                                 .edits = {{.field = "heat", .points = {20}, .offset = 2}}}};
  const WhatIfRunner::Result result = runner.run(what_if);
  const PointCloudPtr changed = changed_cloud(*cloud, 0, what_if.cloud);
  const Predictor::Result expected = predictor.run(*changed, 0);
  double largest = 0;
  for (std::int64_t p = 0; p < changed->size(); ++p) {
    const std::int64_t whole = changed->row_id(p);
    EXPECT_EQ(result.kept[static_cast<std::size_t>(p)], whole);
    EXPECT_NEAR(result.prediction.value(whole), expected.fields[0].value(p), 1e-6);
    EXPECT_NEAR(result.difference.value(whole), expected.fields[0].value(p) - plain.fields[0].value(whole), 1e-6);
    largest = std::max(largest, std::abs(expected.fields[0].value(p) - plain.fields[0].value(whole)));
  }
  EXPECT_NEAR(result.largest_difference, largest, 1e-6);
  EXPECT_GT(largest, 1e-3);
  EXPECT_TRUE(std::isnan(result.prediction.value(3)) && std::isnan(result.difference.value(149)));
  const TapPtr tap = runner.record(result, 1);
  EXPECT_EQ(tap->point_count, 148);
  EXPECT_TRUE(tap->require_layer(1).has_qkv());

  const WhatIfRunner::Result nothing = runner.run({});
  EXPECT_EQ(nothing.largest_difference, 0);
  EXPECT_EQ(nothing.cloud, cloud);
}

// A pass that begins at the first changed layer against one from the beginning: not a bit differs.
TEST(WhatIfRunner, BeginningInTheMiddleChangesNoBit) {
  for (const ModelConfig& config :
       {test::nsa_config(), test::flat_config(ModelKind::Full), test::flat_config(ModelKind::Ball)}) {
    const Subject subject(config);
    const auto unchanged = subject.model.predict(subject.sample, std::nullopt, {}, nullptr, true);
    ASSERT_TRUE(unchanged.rows);
    EXPECT_EQ(unchanged.values, subject.plain);
    for (int layer = -1; layer < config.flat.depth; ++layer) {
      const AttentionChanges changes{.gates = {{.layer = layer, .head = 1, .value = 0}}};
      EXPECT_EQ(first_changed_layer(changes, config.flat.depth), std::max(layer, 0));
      const Model::Output whole = subject.changed(changes), part = subject.model.predict_from(*unchanged.rows, changes);
      EXPECT_EQ(part.values, whole.values) << layer;
      EXPECT_NE(part.values, subject.plain) << layer;
    }
    EXPECT_EQ(subject.model.predict_from(*unchanged.rows, {}).values, subject.plain);
  }
  EXPECT_FALSE(Subject(test::unet_config()).model.keeps_rows(150));
}

// The record of one layer from kept rows against that of a whole pass. Layer 0 sees the same rows in both; later ones
// see those of passes that round differently.
TEST(WhatIfRunner, ALayerIsRecordedAlone) {
  for (const ModelConfig& config : {test::nsa_config(), test::unet_config()}) {
    const Predictor predictor(test::make_checkpoint(config, /*with_heat=*/true));
    const WhatIfRunner runner(predictor, test::make_cloud(150, 5), 0);
    const WhatIf what_if{.attention = {.gates = {{.layer = 1, .head = 1, .value = 0.25}}},
                         .cloud = {.hidden = {3}, .edits = {{.field = "heat", .points = {20}, .offset = 2}}}};
    const WhatIfRunner::Result result = runner.run(what_if);
    const Model::Output whole =
        predictor.model().predict(*result.sample, TapRequest{.all_layers = true, .layers = {}}, {}, &what_if.attention);
    for (int layer = 0; layer < 3; ++layer) {
      const TapPtr tap = runner.record(result, layer);
      const AttentionRow row = attention_row(*tap, {.layer = layer, .point = 17}),
                         expected = attention_row(*whole.tap, {.layer = layer, .point = 17});
      ASSERT_EQ(row.points.size(), expected.points.size());
      for (std::size_t point = 0; point < row.points.size(); ++point)
        EXPECT_NEAR(row.points[point], expected.points[point], layer == 0 ? 0 : 1e-6) << layer;
      EXPECT_NEAR(row.gate_local, expected.gate_local, 1e-6);
    }
    EXPECT_EQ(kind_of([&] { runner.record(result, 9); }), ErrorKind::Config);
  }
}

// A field alone is edited: graph and trees stay, and so does every number of a sample that is made anew.
TEST(WhatIfRunner, AnEditedFieldKeepsTheGeometry) {
  const Predictor predictor(test::make_checkpoint(test::nsa_config(), /*with_heat=*/true));
  const PointCloudPtr cloud = test::make_cloud(150, 5);
  const WhatIfRunner runner(predictor, cloud, 0);
  const WhatIf what_if{.attention = {}, .cloud = {.edits = {{.field = "heat", .points = {20, 21}, .factor = 3}}}};
  const WhatIfRunner::Result result = runner.run(what_if);
  EXPECT_EQ(result.sample->trees.main, runner.sample().trees.main);
  const Predictor::Result expected = predictor.run(*changed_cloud(*cloud, 0, what_if.cloud), 0);
  EXPECT_TRUE(std::ranges::equal(result.prediction.values(), expected.fields[0].values()));
  EXPECT_GT(result.largest_difference, 0);
}

}  // namespace erwin
