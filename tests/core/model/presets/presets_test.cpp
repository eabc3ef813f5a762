// The shipped configurations: the authors' sizes, and every one of them answers a small cloud.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/config/config.h"
#include "core/model/model.h"
#include "core/model/sample.h"

namespace erwin {
namespace {

ModelConfig preset(const std::string& name) {
  return model_config(Config::from_toml_file(find_config(name)));
}

// The backbone alone, as the authors count it (method 2.2, 8.2).
std::int64_t backbone_parameters(const std::string& name) {
  ModelConfig model = preset(name);
  model.wrapper = false;
  model.head = Head::Value;
  model.embedding = Embedding::Linear;
  model.dimension = 3;
  model.input_features = model.embedding_channels;
  model.output_features = model.unet.widths.front();
  model.check();
  return Model(model, 1).parameter_count();
}

TEST(Presets, BackbonesHaveTheAuthorsParameters) {
  EXPECT_EQ(backbone_parameters("cosmology-small-erwin"), 4752440);
  EXPECT_EQ(backbone_parameters("md-medium-erwin"), 18955452);
  EXPECT_EQ(backbone_parameters("shapenet-car-erwin"), 1265680);
  EXPECT_EQ(backbone_parameters("shapenet-car-small-erwin"), 1265680);
}

// What sets the sizes of one science apart (method 2.2), and nothing else does.
TEST(Presets, SizesOfOneScienceDifferInWidthAlone) {
  for (const std::string science : {"cosmology", "md", "shapenet-car"}) {
    const ModelConfig small = preset(science + "-small-erwin");
    std::vector<int> widths = small.unet.widths;
    for (const char* size : {"-medium-erwin", "-large-erwin"}) {
      const ModelConfig model = preset(science + size);
      for (int& width : widths) width *= 2;
      EXPECT_EQ(model.unet.widths, widths) << science << size;
      EXPECT_EQ(model.unet.ball_sizes, small.unet.ball_sizes) << science << size;
      EXPECT_EQ(model.unet.encoder_depths, small.unet.encoder_depths) << science << size;
      EXPECT_EQ(model.unet.decoder_depths, small.unet.decoder_depths) << science << size;
      EXPECT_EQ(model.unet.encoder_heads, small.unet.encoder_heads) << science << size;
      EXPECT_EQ(model.graph.k, small.graph.k) << science << size;
    }
  }
  EXPECT_EQ(preset("md-small-erwin").embedding_channels, 16);
  EXPECT_EQ(preset("md-medium-erwin").embedding_channels, 16);
  EXPECT_EQ(preset("md-large-erwin").embedding_channels, 32);
  EXPECT_FALSE(preset("cosmology-small-erwin").graph.self_loop);
}

// Method 3.4, column by column.
TEST(Presets, ErwinNsaAsPublished) {
  const struct {
    const char* name;
    int width, depth, ball;
    double rotate;
  } columns[] = {{"cosmology-small-erwin-nsa", 32, 6, 128, 45},
                 {"cosmology-large-erwin-nsa", 64, 12, 128, 45},
                 {"md-erwin-nsa", 64, 6, 32, 45},
                 {"shapenet-car-erwin-nsa", 64, 6, 512, 0}};
  for (const auto& column : columns)
    for (const std::string suffix : {"", "-paper"}) {
      const ModelConfig model = preset(column.name + suffix);
      EXPECT_EQ(model.kind, ModelKind::ErwinNsa);
      EXPECT_EQ(model.flat.width, column.width) << column.name;
      EXPECT_EQ(model.flat.depth, column.depth) << column.name;
      EXPECT_EQ(model.flat.ball_size, column.ball) << column.name;
      EXPECT_EQ(model.flat.block_size, 32) << column.name;
      EXPECT_EQ(model.flat.selected_blocks, 16) << column.name;
      EXPECT_EQ(model.rotate_degrees, column.rotate) << column.name;
      EXPECT_EQ(model.flat.compression, suffix.empty() ? Compression::Pool : Compression::Mlp) << column.name;
    }
}

// A chain of points on a helix with a scalar to read and a vector to predict.
PointCloudPtr chain(int points) {
  PointCloud::Parts parts;
  std::vector<float> load, pull;
  for (int i = 0; i < points; ++i) {
    const double t = 0.3 * i;
    parts.positions.insert(parts.positions.end(), {static_cast<float>(std::cos(t)), static_cast<float>(std::sin(t)),
                                                   static_cast<float>(0.1 * t)});
    load.push_back(static_cast<float>(std::sin(2 * t)));
    pull.insert(pull.end(), {0.f, 1.f, static_cast<float>(t)});
    if (i > 0) parts.cells.lines.insert(parts.cells.lines.end(), {std::uint32_t(i - 1), std::uint32_t(i)});
  }
  parts.fields.emplace_back("load", FieldKind::Scalar, 1, std::move(load));
  parts.fields.emplace_back("pull", FieldKind::Vector, 3, std::move(pull));
  return std::make_shared<const PointCloud>(std::move(parts));
}

TEST(Presets, EveryOneAnswersASmallCloud) {
  const PointCloudPtr cloud = chain(90);
  const SampleRecipe recipe{{"position", "load"}, "pull", {}};
  std::set<std::string> too_large;
  for (const std::string& name : preset_names()) {
    ModelConfig model = preset(name);
    model.dimension = 3;
    model.input_features = 4;
    model.output_features = 3;
    ASSERT_NO_THROW(model.check()) << name;
    if (estimate_parameters(model) > 20'000'000) {
      too_large.insert(name);
      continue;
    }
    const ModelSample sample = prepare_sample(*cloud, 0, recipe, model);
    const Model network(model, 3);
    const Model::Output output = network.predict(sample);
    ASSERT_EQ(output.values.size(), 3u * 90u) << name;
    EXPECT_TRUE(std::all_of(output.values.begin(), output.values.end(), [](float v) { return std::isfinite(v); }))
        << name;
  }
  // What is checked and built by nothing here: more than 20 million parameters.
  EXPECT_EQ(too_large, (std::set<std::string>{"cosmology-large-erwin", "md-large-erwin", "shapenet-car-large-erwin"}));
}

}  // namespace
}  // namespace erwin
