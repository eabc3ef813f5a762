// The axes that the matrix panel asks for are the nodes of the layer's own tree.

#include "ui/panels/matrix_axes.h"

#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "core/engine/sample_cloud.h"
#include "tests/core/engine/networks.h"

namespace erwin::ui {
namespace {

struct Predicted {
  SceneData data;
  SceneState state;
  Predictor predictor;
  Predictor::Result result;

  Predicted(const ModelConfig& config, std::int64_t points) : predictor(test::untrained(config)) {
    data.cloud = make_sample_cloud(points);
    TapRequest request;
    request.all_layers = true;
    result = predictor.run(*data.cloud, 0, request);
    data.prediction = make_prediction(data.cloud, result);
    data.tree = data.prediction->tree;
  }
  // Every level, whole and in a window, as core has it for that layer.
  void expect_the_layers_nodes(int layer) {
    state.query.layer = layer;
    const LayerTap& record = result.tap->require_layer(layer);
    const MatrixLevels levels(data, state);
    ASSERT_EQ(levels.slots(), record.slots());
    ASSERT_EQ(levels.count(), level_count(record, *data.tree));
    const std::int64_t first = record.slots() / 3, last = record.slots() / 2 + 5;
    for (int level = 0; level < levels.count(); ++level) {
      const MatrixAxis whole = axis_of_level(record, *data.tree, level);
      EXPECT_EQ(levels.axis(level, 0, record.slots()).slot_begin, whole.slot_begin) << level;
      EXPECT_EQ(levels.nodes(level), whole.cells()) << level;
      // The core cuts the nodes at a window's ends, the panel takes them whole.
      std::vector<std::int64_t> touched;
      for (std::size_t i = 0; i + 1 < whole.slot_begin.size(); ++i)
        if (whole.slot_begin[i + 1] > first && whole.slot_begin[i] < last) {
          if (touched.empty()) touched.push_back(whole.slot_begin[i]);
          touched.push_back(whole.slot_begin[i + 1]);
        }
      EXPECT_EQ(levels.axis(level, first, last).slot_begin, touched) << level;
    }
  }
};

TEST(MatrixLevels, AreThoseOfATreeWhoseUnitsAreNoPowerOfTwo) {
  Predicted predicted(test::small_nsa(), 2900);  // 23 balls
  for (const int layer : {0, 1}) predicted.expect_the_layers_nodes(layer);
}

TEST(MatrixLevels, AreThoseOfPooledLayers) {
  Predicted predicted(test::three_level_unet(), 1500);
  for (const LayerInfo& layer : predicted.data.prediction->layers) predicted.expect_the_layers_nodes(layer.layer);
}

TEST(MatrixLevels, NameBlocksBallsAndPoints) {
  Predicted predicted(test::small_nsa(), 4096);
  const MatrixLevels levels(predicted.data, predicted.state);
  EXPECT_EQ(levels.name(levels.level_for(0, 4096, 128)), "blocks");
  EXPECT_EQ(levels.name(levels.level_for(0, 4096, 32)), "balls");
  EXPECT_EQ(levels.name(levels.level_for(0, 4096, 5)), "nodes of level 2");
  EXPECT_EQ(levels.name(levels.level_for(64, 128, 128)), "points' slots");
  EXPECT_EQ(levels.level_for(0, 4096, 1), 0);
}

TEST(MatrixLevels, AreNoneWithoutANetwork) {
  SceneData data;
  data.cloud = make_sample_cloud(100);
  EXPECT_TRUE(MatrixLevels(data, {}).empty());
}

}  // namespace
}  // namespace erwin::ui
