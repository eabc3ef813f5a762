// Records of real networks: every layer's rows against method 8.3 and 2.1 written out densely, from the same weights,
// the layer's input rows and trees built here.

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "core/attention/attention_query.h"
#include "core/attention/direction.h"
#include "core/attention/explain.h"
#include "core/attention/matrix.h"
#include "core/attention/summary.h"
#include "core/model/internal/network.h"
#include "core/model/model.h"
#include "tests/core/attention/model/dense_reference.h"

namespace erwin {

namespace {

using test::HeadTables;
using test::Matrix;
using test::Rows;

// The network runs in float64, the record keeps float32: logits of a few units are off by a few 1e-7 of that.
constexpr double tolerance = 3e-6;

std::vector<float> random_positions(int points, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> positions(static_cast<std::size_t>(3 * points));
  for (float& value : positions) value = normal(random);
  return positions;
}

ModelConfig nsa_config() {
  ModelConfig config;
  config.kind = ModelKind::ErwinNsa;
  config.input_features = 3;
  config.mp_steps = 1;
  config.flat = {.width = 16,
                 .depth = 3,
                 .heads = 4,
                 .kv_heads = 2,
                 .head_dim = 8,
                 .ball_size = 32,
                 .block_size = 8,
                 .selected_blocks = 3};
  return config;
}

ModelConfig unet_config(int stride) {
  ModelConfig config;
  config.kind = ModelKind::Erwin;
  config.input_features = 3;
  config.mp_steps = 1;
  config.embedding_channels = 16;
  config.unet = {.widths = {16, stride > 1 ? 24 : 16},
                 .ball_sizes = {32, 16},
                 .encoder_heads = {2, 4},
                 .encoder_depths = {3, 3},
                 .decoder_heads = {2},
                 .decoder_depths = {3},
                 .strides = {stride}};
  return config;
}

// Trees as 8.1 says, by the tree's own functions but put together here; a ring as graph.
ModelSample make_sample(const ModelConfig& config, int points, unsigned seed) {
  ModelSample sample;
  sample.name = "random";
  sample.points = points;
  sample.positions = sample.features = random_positions(points, seed);
  for (int p = 0; p < points; ++p) {
    sample.edge_source.push_back((p + 1) % points);
    sample.edge_receiver.push_back(p);
  }
  const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
  const auto tree = [&](const std::vector<double>& at, int unit) {
    return std::make_shared<const BallTree>(
        build_ball_tree(at, 3, {.unit = unit, .padding = Padding::Masked, .nodes = false}));
  };
  sample.trees.main = tree(positions, config.unit());
  sample.trees.rotated.push_back(tree(rotate_positions(positions, 3, config.rotate_degrees), config.unit()));
  if (config.kind != ModelKind::Erwin) return sample;
  const int stride = config.unet.strides[0];
  std::vector<double> nodes;
  for (std::int64_t slot = 0; slot < sample.trees.main->slot_count; slot += stride) {
    std::array<double, 3> sum{};
    int real = 0;
    for (std::int64_t s = slot; s < slot + stride; ++s) {
      if (!sample.trees.main->slot_mask[static_cast<std::size_t>(s)]) continue;
      ++real;
      for (std::size_t axis = 0; axis < 3; ++axis)
        sum[axis] +=
            positions[3 * static_cast<std::size_t>(sample.trees.main->slot_point[static_cast<std::size_t>(s)]) + axis];
    }
    for (std::size_t axis = 0; axis < 3 && real > 0; ++axis) nodes.push_back(sum[axis] / real);
  }
  sample.trees.rotated.push_back(tree(rotate_positions(nodes, 3, config.rotate_degrees), config.unit() / stride));
  return sample;
}

// Weights that make attention uneven; norms and statistics stay.
Weights lively(Weights weights, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 1);
  for (WeightArray& array : weights) {
    if (array.type != ElementType::Float64 || array.name.find("norm") != std::string::npos) continue;
    std::vector<double> values(array.data.size() / sizeof(double));
    const bool matrix = array.shape.size() == 2 && array.name.find("logit") == std::string::npos &&
                        array.name.find("memory") == std::string::npos;
    const double scale = matrix ? 1.2 / std::sqrt(static_cast<double>(array.shape.back())) : 0.7;
    for (double& value : values) value = scale * normal(random);
    std::memcpy(array.data.data(), values.data(), array.data.size());
  }
  return weights;
}

Matrix matrix_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.to(at::kCPU, at::kDouble).contiguous();
  Matrix rows;
  for (std::int64_t r = 0; r < host.size(0); ++r) {
    const double* begin = host.const_data_ptr<double>() + r * host.size(1);
    rows.emplace_back(begin, begin + host.size(1));
  }
  return rows;
}

// A network that ran once, with its record and the rows that left every block.
struct Evaluation {
  ModelConfig config;
  ModelSample sample;
  Tap tap;
  std::map<std::string, Matrix> activation;
  std::vector<std::string> order;
  test::WeightTable weights{{}};

  Evaluation(const ModelConfig& given, int points) : config(given), sample(make_sample(given, points, 17)) {
    Model model(config, 1, "cpu", Precision::Float64);
    const Weights random = lively(model.weights(), 23);
    model.load_weights(random);
    weights = test::WeightTable(random);
    const c10::AutoGradMode without_gradient(false);
    model::TapRecorder recorder;
    recorder.request.all_layers = true;
    model::ForwardContext context;
    context.recorder = &recorder;
    context.observe = [this](const std::string& module, const at::Tensor& rows) {
      activation[module] = matrix_of(rows);
      order.push_back(module);
    };
    const model::Batch batch = model::make_batch({&sample}, config, at::TensorOptions().dtype(at::kDouble));
    model.impl().network->forward(batch, context);
    tap = std::move(recorder.tap);
    tap.query_per_block = model.predict(sample, TapRequest{}).tap->query_per_block;
  }

  // What went into a block: what left the module before it.
  const Matrix& input_of(const std::string& block) const {
    const auto found = std::find(order.begin(), order.end(), block);
    EXPECT_TRUE(found != order.begin() && found != order.end()) << block;
    return activation.at(*(found - 1));
  }
};

// Rows of the layer: points, in the main or the rotated tree.
Rows point_rows(const Evaluation& run, const Matrix& by_point, bool rotated) {
  const BallTree& tree = rotated ? *run.sample.trees.rotated[0] : *run.sample.trees.main;
  Rows rows{by_point, {}, {tree.point_slot.begin(), tree.point_slot.end()}, {}, static_cast<int>(tree.slot_count)};
  for (int p = 0; p < run.sample.points; ++p) {
    const float* position = &run.sample.positions[static_cast<std::size_t>(3 * p)];
    rows.position.push_back(
        {static_cast<double>(position[0]), static_cast<double>(position[1]), static_cast<double>(position[2])});
    rows.points.push_back({p});
  }
  return rows;
}

// Rows of the layer: nodes of `stride` slots of the main tree with a real child. by_slot: rows of the level's slots.
Rows node_rows(const Evaluation& run, const Matrix& by_slot, int stride, bool rotated, std::size_t level) {
  const BallTree& main = *run.sample.trees.main;
  const BallTree* tree = rotated ? run.sample.trees.rotated[level].get() : nullptr;
  Rows rows;
  rows.slots = static_cast<int>(tree ? tree->slot_count : main.slot_count / stride);
  for (std::int64_t node = 0; node < main.slot_count / stride; ++node) {
    std::array<double, 3> centre{};
    std::vector<int> points;
    for (std::int64_t s = node * stride; s < (node + 1) * stride; ++s)
      if (main.slot_mask[static_cast<std::size_t>(s)]) points.push_back(main.slot_point[static_cast<std::size_t>(s)]);
    if (points.empty()) continue;
    for (const int p : points)
      for (std::size_t axis = 0; axis < 3; ++axis)
        centre[axis] += static_cast<double>(run.sample.positions[3 * static_cast<std::size_t>(p) + axis]) /
                        static_cast<double>(points.size());
    const std::size_t row = rows.points.size();
    // Ids of the tree's points: points at level 0, real nodes in slot order above.
    const std::size_t id = level == 0 ? static_cast<std::size_t>(points.front()) : row;
    rows.slot.push_back(static_cast<int>(tree ? tree->point_slot[id] : node));
    rows.points.push_back(points);
    rows.position.push_back(centre);
    rows.input.push_back(by_slot[static_cast<std::size_t>(node)]);
  }
  return rows;
}

int row_of_point(const Rows& rows, int point) {
  for (std::size_t r = 0; r < rows.points.size(); ++r)
    if (std::find(rows.points[r].begin(), rows.points[r].end(), point) != rows.points[r].end())
      return static_cast<int>(r);
  return -1;
}

// One row over points from the dense tables; adds `factor` times the branch. Compressed weights go evenly to the points
// of the block, a row's weight evenly to its points.
void add_branch(const Rows& rows, const HeadTables& tables, std::size_t i, Branch branch, int block, double factor,
                std::vector<double>& points, double& memory) {
  for (std::size_t j = 0; j < rows.points.size(); ++j) {
    double weight = branch == Branch::Local      ? tables.local[i][j]
                    : branch == Branch::Selected ? tables.selected[i][j]
                                                 : 0;
    double share = static_cast<double>(rows.points[j].size());
    if (branch == Branch::Compressed) {
      weight = tables.compressed[i][static_cast<std::size_t>(rows.slot[j] / block)];
      share = 0;
      for (std::size_t other = 0; other < rows.points.size(); ++other)
        if (rows.slot[other] / block == rows.slot[j] / block) share += static_cast<double>(rows.points[other].size());
    }
    for (const int p : rows.points[j]) points[static_cast<std::size_t>(p)] += factor * weight / share;
  }
  if (branch == Branch::Compressed) memory += factor * tables.memory[i];
}

void expect_close(const AttentionRow& row, const std::vector<double>& points, double memory, const std::string& what) {
  double worst = 0;
  for (std::size_t p = 0; p < points.size(); ++p)
    worst = std::max(worst, std::abs(static_cast<double>(row.points[p]) - points[p]));
  EXPECT_LT(worst, tolerance) << what;
  EXPECT_NEAR(row.memory, memory, tolerance) << what;
  EXPECT_NEAR(row.sum(), row.expected_sum, 1e-6) << what;
  EXPECT_LT(row.lse_gap, 1e-5) << what;
}

void expect_nsa_layer(const Evaluation& run, const LayerTap& layer, const test::NsaShape& shape) {
  const Rows rows = point_rows(run, run.input_of(layer.name), layer.rotated);
  const test::NsaTables tables = test::nsa_tables(run.weights, layer.name, rows, shape);
  for (int point = 0; point < run.sample.points; point += 13)
    for (int head = -1; head < shape.heads; ++head) {
      const auto i = static_cast<std::size_t>(point);
      std::map<Branch, std::pair<std::vector<double>, double>> expected;
      double recall = 0;
      for (int h = 0; h < shape.heads; ++h) {
        if (head >= 0 && h != head) continue;
        const HeadTables& one = tables.heads[static_cast<std::size_t>(h)];
        const double share = head >= 0 ? 1 : 1.0 / shape.heads;
        int gate = 2;
        for (const Branch branch : {Branch::Local, Branch::Selected, Branch::Compressed}) {
          for (const Branch target : {branch, Branch::All}) {
            auto& [points, memory] = expected[target];
            points.resize(static_cast<std::size_t>(run.sample.points));
            const double factor = share * (target == Branch::All ? one.gate[static_cast<std::size_t>(gate)][i] : 1);
            add_branch(rows, one, i, branch, shape.block, factor, points, memory);
          }
          --gate;  // local, selected, compressed lie as 2, 1, 0
        }
        const auto& chosen = tables.selected[static_cast<std::size_t>(rows.slot[i] / shape.block)]
                                            [static_cast<std::size_t>(h * shape.kv_heads / shape.heads)];
        for (std::size_t j = 0; j < rows.slot.size(); ++j)
          if (rows.slot[j] / shape.ball == rows.slot[i] / shape.ball ||
              std::find(chosen.begin(), chosen.end(), rows.slot[j] / shape.block) != chosen.end())
            recall += share * one.exact[i][j];
      }
      const std::string what = layer.name + " point " + std::to_string(point) + " head " + std::to_string(head) + " ";
      for (const auto& [branch, value] : expected)
        expect_close(attention_row(run.tap, {.layer = layer.layer, .head = head, .branch = branch, .point = point}),
                     value.first, value.second, what + name_of(branch));
      EXPECT_NEAR(missed_mass(run.tap, layer.layer, head, point).recall, recall, tolerance) << what;
    }
  for (std::int64_t block = 0; block < layer.blocks(); ++block)
    for (int group = 0; group < shape.kv_heads; ++group) {
      std::vector<int> recorded;
      for (const std::int32_t id : layer.selected.row({block, group}))
        if (id >= 0) recorded.push_back(id);
      EXPECT_EQ(recorded, tables.selected[static_cast<std::size_t>(block)][static_cast<std::size_t>(group)])
          << layer.name << " block " << block;
    }
}

void expect_ball_layer(const Evaluation& run, const LayerTap& layer, const Rows& rows, int heads, int ball) {
  const auto tables = test::ball_tables(run.weights, layer.name, rows, heads, ball);
  for (int point = 0; point < run.sample.points; point += 7) {
    const int i = row_of_point(rows, point);
    for (int head = -1; head < heads; ++head) {
      std::vector<double> points(static_cast<std::size_t>(run.sample.points));
      double memory = 0;
      for (int h = 0; h < heads; ++h)
        if (head < 0 || h == head)
          add_branch(rows, tables[static_cast<std::size_t>(h)], static_cast<std::size_t>(i), Branch::Local, 1,
                     head < 0 ? 1.0 / heads : 1, points, memory);
      expect_close(attention_row(run.tap, {.layer = layer.layer, .head = head, .point = point}), points, 0,
                   layer.name + " point " + std::to_string(point) + " head " + std::to_string(head));
    }
  }
}

std::size_t bytes_of(const Tap& tap) {
  std::size_t bytes = 0;
  for (const LayerTap& layer : tap.layers) {
    bytes += layer.slot_point_begin.size() * 8 + layer.slot_points.size() * 4 + layer.point_slot.size() * 4;
    for (const auto* array :
         {&layer.positions, &layer.sigma, &layer.gate, &layer.lse_local, &layer.lse_compressed, &layer.lse_selected,
          &layer.selected_score, &layer.q, &layer.k, &layer.v, &layer.local_q, &layer.local_k, &layer.local_v,
          &layer.block_k, &layer.block_v, &layer.memory_k, &layer.memory_v})
      bytes += array->element_count() * 4;
    bytes += layer.selected.element_count() * 4;
  }
  return bytes;
}

class NsaNetwork : public ::testing::TestWithParam<test::NsaShape> {};

}  // namespace

TEST_P(NsaNetwork, PlainAndRotatedLayersEqualDenseAttention) {
  ModelConfig config = nsa_config();
  config.flat.compression = GetParam().pool ? Compression::Pool : Compression::Mean;
  config.flat.compressed_query = GetParam().query_per_block ? CompressedQuery::Block : CompressedQuery::Token;
  const Evaluation run(config, 150);
  ASSERT_EQ(run.tap.layers.size(), 3u);
  EXPECT_EQ(run.tap.query_per_block, GetParam().query_per_block);
  for (const LayerTap& layer : run.tap.layers) {
    EXPECT_EQ(layer.kind, LayerKind::Nsa);
    EXPECT_EQ(layer.rotated, layer.layer == 1);
    expect_nsa_layer(run, layer, GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(Model, NsaNetwork,
                         ::testing::Values(test::NsaShape{}, test::NsaShape{.pool = false},
                                           test::NsaShape{.query_per_block = true}),
                         [](const auto& given) {
                           return std::string(given.param.pool ? "pool" : "mean") +
                                  (given.param.query_per_block ? "_per_block" : "");
                         });

TEST(UnetNetwork, PlainRotatedAndPooledLayersEqualDenseAttention) {
  for (const int stride : {2, 4}) {
    const Evaluation run(unet_config(stride), 150);
    ASSERT_EQ(run.tap.layers.size(), 9u);
    int pooled = 0, pooled_rotated = 0;
    for (const LayerTap& layer : run.tap.layers) {
      EXPECT_EQ(layer.kind, LayerKind::Ball);
      const bool coarse = layer.name.starts_with("bottleneck");
      EXPECT_EQ(layer.pool_level, coarse ? 1 : 0) << layer.name;
      EXPECT_EQ(layer.rotated, layer.name.ends_with(".1")) << layer.name;
      // The first block behind (un)pooling takes rows that no module shows by name.
      if (layer.name.ends_with(".0") && layer.name != "encoder.0.blocks.0") continue;
      Matrix input = run.input_of(layer.name);
      if (layer.name == "encoder.0.blocks.0") {
        expect_ball_layer(run, layer, point_rows(run, input, false), 2, 32);
        continue;
      }
      pooled += coarse;
      pooled_rotated += coarse && layer.rotated;
      expect_ball_layer(run, layer, node_rows(run, input, coarse ? stride : 1, layer.rotated, coarse ? 1 : 0),
                        coarse ? 4 : 2, coarse ? 16 : 32);
    }
    EXPECT_EQ(pooled, 2);
    EXPECT_EQ(pooled_rotated, 1);
  }
}

TEST(FlatNetworks, BallAndFullLayersFitTheirRecords) {
  for (const ModelKind kind : {ModelKind::Ball, ModelKind::Full}) {
    ModelConfig config = nsa_config();
    config.kind = kind;
    const ModelSample sample = make_sample(config, 150, 3);
    const Model model(config, 5);
    const Tap tap = *model.predict(sample, TapRequest{.all_layers = true, .layers = {}}).tap;
    ASSERT_EQ(tap.layers.size(), 3u);
    for (const LayerTap& layer : tap.layers) {
      const AttentionRow row = attention_row(tap, {.layer = layer.layer, .point = 7});
      EXPECT_NEAR(row.sum(), 1, 1e-6);
      EXPECT_LT(row.lse_gap, 1e-4) << name_of(kind);
      EXPECT_FALSE(layer.lse_local.empty()) << name_of(kind);
      const auto seen = std::count_if(row.points.begin(), row.points.end(), [](float w) { return w > 0; });
      if (kind == ModelKind::Full) {
        EXPECT_EQ(seen, 150);
      } else {
        EXPECT_LE(seen, 32);
      }
    }
  }
}

namespace {

// Were copies left out of the record, its log-sum-exp would tell.
void expect_copies_are_keys(ModelConfig config) {
  config.padding = Padding::Duplicate;
  config.rotate_degrees = 0;
  ModelSample sample = make_sample(config, 150, 3);
  const std::vector<double> positions(sample.positions.begin(), sample.positions.end());
  sample.trees = {std::make_shared<const BallTree>(build_ball_tree(
                      positions, 3, {.unit = config.unit(), .padding = Padding::Duplicate, .nodes = false})),
                  {}};
  const Model model(config, 5);
  const Tap tap = *model.predict(sample, TapRequest{.all_layers = true, .layers = {}}).tap;
  for (const LayerTap& layer : tap.layers) {
    double worst = 0;
    for (std::int64_t point = 0; point < 150; point += 10)
      worst = std::max(worst, attention_row(tap, {.layer = layer.layer, .point = point}).lse_gap);
    EXPECT_LT(worst, 1e-4) << layer.name;
  }
}

}  // namespace

TEST(DuplicatePadding, CopiesAreKeysOfAFlatTrunk) {
  expect_copies_are_keys(nsa_config());
}

TEST(DuplicatePadding, CopiesAreKeysOfAPooledTrunk) {
  expect_copies_are_keys(unet_config(2));
}

// With stride 1 a coarser level has the points' own slots, copies among them.
TEST(DuplicatePadding, CopiesAreKeysBehindAStrideOfOne) {
  ModelConfig config = unet_config(1);
  config.unet.ball_sizes = {32, 32};
  expect_copies_are_keys(config);
}

TEST(TapMemory, GrowsLinearlyWithTheCloud) {
  for (const ModelConfig& config : {nsa_config(), unet_config(2)}) {
    const Model model(config, 5);
    std::vector<std::size_t> all, ids;
    for (const int points : {256, 512, 1024}) {
      const ModelSample sample = make_sample(config, points, 3);
      all.push_back(bytes_of(*model.predict(sample, TapRequest{.all_layers = true, .layers = {}}).tap));
      ids.push_back(bytes_of(*model.predict(sample, TapRequest{}).tap));
    }
    for (const auto& bytes : {all, ids}) {
      const double first = static_cast<double>(bytes[1]) / static_cast<double>(bytes[0]);
      const double second = static_cast<double>(bytes[2]) / static_cast<double>(bytes[1]);
      EXPECT_NEAR(first, 2, 0.02);
      EXPECT_NEAR(second, 2, 0.02);
    }
    EXPECT_LT(ids.back(), all.back() / 2);
  }
}

TEST(TreeOfLayer, LevelsAreCompletedInMainRotatedAndPooledTrees) {
  const Evaluation run(unet_config(2), 150);
  PointCloud::Parts parts;
  parts.positions = run.sample.positions;
  const PointCloud cloud(std::move(parts));
  for (const LayerTap& layer : run.tap.layers) {
    const BallTreePtr tree =
        tree_of_layer(layer, run.sample.trees.main, run.sample.trees.rotated, run.sample.positions, 45);
    ASSERT_FALSE(tree->levels.empty());
    const Explanation explanation =
        explain(run.tap, cloud, *tree, {.point = 42, .frame = 0, .layer = layer.layer, .head = -1, .top = 3});
    ASSERT_FALSE(explanation.path.empty());
    EXPECT_EQ(explanation.path.front().place.points, 150);
    EXPECT_EQ(explanation.path.back().place.slot_begin, explanation.slot);
    EXPECT_EQ(explanation.path.back().place.slot_end, explanation.slot + 1);
    for (std::size_t i = 0; i < explanation.path.size(); ++i) {
      const PathNode& node = explanation.path[i];
      const TreeLevel& level = tree->levels[static_cast<std::size_t>(node.level)];
      // Where slots are points, the tree counted them too.
      if (layer.pool_level == 0) {
        EXPECT_EQ(node.place.points, level.point_count[static_cast<std::size_t>(node.node)]);
      }
    }
    EXPECT_TRUE(std::any_of(explanation.path.begin(), explanation.path.end(),
                            [](const PathNode& node) { return node.is_ball; }));
  }
}

// Whole-layer numbers from the rows, which the tests above hold to dense attention: in plain, rotated and pooled
// layers.
TEST(WholeLayers, SummariesColumnsAndMatricesAreMadeOfTheRows) {
  for (const ModelConfig& config : {nsa_config(), unet_config(2)}) {
    const Evaluation run(config, 150);
    const auto n = static_cast<std::size_t>(run.sample.points);
    for (const LayerTap& layer : run.tap.layers) {
      std::vector<AttentionRow> rows;
      for (std::int64_t point = 0; point < run.sample.points; ++point)
        rows.push_back(attention_row(run.tap, {.layer = layer.layer, .point = point}));
      const LayerSummary summary =
          summarise(run.tap, run.sample.positions, "m", {.layers = {layer.layer}, .head = -1}).front();
      const AttendedBy looked_at = attended_by(run.tap, {.layer = layer.layer, .points = {42, 43}});
      for (std::size_t p = 0; p < n; ++p) {
        double received = 0, sum = 0, entropy = 0;
        for (std::size_t i = 0; i < n; ++i) {
          received += static_cast<double>(rows[i].points[p]);
          const auto weight = static_cast<double>(rows[p].points[i]);
          sum += weight;
          if (weight > 0) entropy -= weight * std::log(weight);
        }
        const auto point = static_cast<std::int64_t>(p);
        EXPECT_NEAR(summary.field("received")->value(point), received, 1e-5 * std::max(1.0, received)) << layer.name;
        EXPECT_NEAR(summary.field("entropy")->value(point), entropy / sum + std::log(sum), 1e-5) << layer.name;
        EXPECT_NEAR(looked_at.points[p],
                    static_cast<double>(rows[p].points[42]) + static_cast<double>(rows[p].points[43]), 2e-6)
            << layer.name;
      }
      const BallTreePtr tree =
          tree_of_layer(layer, run.sample.trees.main, run.sample.trees.rotated, run.sample.positions, 45);
      for (int level = 0; level < level_count(layer, *tree); level += 2) {
        const MatrixAxis axis = axis_of_level(layer, *tree, level);
        const AttentionMatrix matrix = attention_matrix(run.tap, {.layer = layer.layer, .rows = axis, .columns = axis});
        for (std::int64_t r = 0; r < axis.cells(); ++r) {
          const std::int64_t first = axis.slot_begin[static_cast<std::size_t>(r)],
                             last = axis.slot_begin[static_cast<std::size_t>(r + 1)];
          if (matrix.queries[static_cast<std::size_t>(r)] == 0) continue;
          const AttentionRow row =
              attention_row(run.tap, {.layer = layer.layer, .slot_begin = first, .slot_end = last});
          for (std::int64_t c = 0; c < axis.cells(); ++c) {
            double sum = 0;
            for (const std::int32_t p : points_of_slots(layer, axis.slot_begin[static_cast<std::size_t>(c)],
                                                        axis.slot_begin[static_cast<std::size_t>(c + 1)]))
              sum += static_cast<double>(row.points[static_cast<std::size_t>(p)]);
            EXPECT_NEAR(matrix.cells[static_cast<std::size_t>(r * axis.cells() + c)], sum, 3e-6)
                << layer.name << " level " << level;
          }
        }
      }
    }
  }
}

}  // namespace erwin
