// `explain` says in numbers what `render` shows in colours: with the shipped program, an untrained network and the
// sample cloud, the points that explain names carry the colour of their block's rank where they lie in the picture.

#include <gtest/gtest.h>

#include <QImage>
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "tests/support/program.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

using nlohmann::json;

class RenderAttention : public testing::Test {
protected:
  static void write_checkpoint(const std::string& path, ModelConfig config) {
    config.embedding_channels = 16;
    config.mp_steps = 1;
    Checkpoint checkpoint;
    checkpoint.config = config;
    checkpoint.recipe.target = "pressure";
    checkpoint.recipe.normalisation.position = {{0, 0, 0.6}, {1, 1, 1}};
    checkpoint.recipe.normalisation.field["pressure"] = {{0}, {60}};
    checkpoint.weights = Model(config, 5).weights();
    save_checkpoint(path, checkpoint);
  }
  void SetUp() override {
    ModelConfig flat;
    flat.flat.width = 16;
    flat.flat.depth = 2;
    flat.flat.heads = 4;
    flat.flat.head_dim = 8;
    flat.flat.ball_size = 128;
    flat.flat.selected_blocks = 4;
    write_checkpoint(network, flat);
  }

  json explain(const std::string& layer, const std::string& point) {
    const auto result = test::run_program(
        {"explain", network, sample, "--point", point, "--layer", layer, "--top", "4096", "--json"}, {}, true);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out).at("layers").at(0);
  }
  json render(const std::string& layer, const std::string& point, std::vector<std::string> more) {
    std::vector<std::string> arguments{"render", sample,    network,       "--out",  picture,   "--point",
                                       point,    "--layer", layer,         "--size", "800x600", "--no-legend",
                                       "--axes", "off",     "--scale-bar", "off",    "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = test::run_program(arguments, {}, true);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }

  test::ScratchFolder scratch;
  std::string network = (scratch.path() / "untrained.h5").string();
  std::string picture = (scratch.path() / "picture.png").string();
  std::string sample = (test::source_folder() / "datasets" / "sample.h5").string();
};

double distance(const json& a, const json& b) {
  return std::hypot(a[0].get<double>() - b[0].get<double>(), a[1].get<double>() - b[1].get<double>(),
                    a[2].get<double>() - b[2].get<double>());
}

TEST_F(RenderAttention, PointsThatExplainNamesCarryTheColourOfTheirRank) {
  for (const std::string layer : {"0", "1"}) {  // plain and rotated
    const json told = explain(layer, "700");
    // explain names points in selected blocks, and every block's middle, radius and number of points: a point belongs
    // to a block for certain where only one block reaches that far.
    std::map<int, int> rank_of_point;
    std::string ids;
    for (const json& point : told["top"]) {
      if (!point["in_selected"].get<bool>()) continue;
      std::set<int> ranks;
      for (const json& block : told["selected"])
        if (distance(point["position"], block["centre"]) <= block["radius"].get<double>() * (1 + 1e-6))
          ranks.insert(block["rank"].get<int>());
      ASSERT_FALSE(ranks.empty());
      if (ranks.size() > 1) continue;
      rank_of_point[point["id"].get<int>()] = *ranks.begin();
      ids += (ids.empty() ? "" : ",") + std::to_string(point["id"].get<int>());
    }
    ASSERT_GT(rank_of_point.size(), 20u) << layer;

    // Seen from both sides, so that no block is always hidden.
    std::map<int, std::set<std::string>> colours_of_rank;
    int seen = 0, right = 0;
    for (const std::string camera : {"iso", "210,25"}) {
      const json drawn =
          render(layer, "700", {"--marks", "fill", "--outlines", "off", "--locate", ids, "--camera", camera});
      EXPECT_EQ(drawn["query"]["selected"].size(), told["selected"].size());
      std::map<int, json> promised;
      for (const json& block : drawn["query"]["selected"]) promised[block["rank"].get<int>()] = block["color"];
      const QImage image(QString::fromStdString(picture));
      ASSERT_EQ(image.width(), 800);
      for (const json& point : drawn["points"]) {
        if (!point["visible"].get<bool>()) continue;
        const json& colour = promised.at(rank_of_point.at(point["id"].get<int>()));
        const QColor pixel =
            image.pixelColor(static_cast<int>(point["x"].get<double>()), static_cast<int>(point["y"].get<double>()));
        ++seen;
        right += std::max({std::abs(pixel.red() - colour[0].get<int>()), std::abs(pixel.green() - colour[1].get<int>()),
                           std::abs(pixel.blue() - colour[2].get<int>())}) <= 6;
        colours_of_rank[rank_of_point.at(point["id"].get<int>())].insert(colour.dump());
      }
    }
    EXPECT_GT(seen, 10) << layer;
    EXPECT_GE(right, 0.95 * seen) << layer << ": " << right << " of " << seen;
    EXPECT_GE(colours_of_rank.size(), 2u) << "only one block was ever seen";
  }
}

TEST_F(RenderAttention, WrongWordsAreRefused) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--only", "nothing"},
                                                {"--outline", "cube"},
                                                {"--outlines", "all"},
                                                {"--rest", "burn"}}) {
    std::vector<std::string> arguments{"render", sample, "--out", picture};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(test::run_program(arguments, {}, true).exit_code, 2) << wrong[1];
  }
}

// What the window's engine works out when colours ask for it, render works out for itself: every field makes a picture
// of its own, which names it.
TEST_F(RenderAttention, FieldsOnRequestAreDrawnWithoutAWindow) {
  const std::vector<std::vector<std::string>> asked{
      {"rollout"},
      {"receptive_field"},
      {"recall"},
      {"looks_at_point"},
      {"entropy"},
      {"entropy", "--summary", "all"},
      {"attention_difference", "--against", "layer=0"},
      {"selection_looks_at", "--selection", "5-9"},
  };
  std::set<std::string> pictures;
  for (std::vector<std::string> more : asked) {
    const std::string field = more.front();
    more.insert(more.begin(), "--field");
    render("1", field == "selection_looks_at" ? "-1" : "700", more);  // the chosen points are asked instead of one
    const QImage image(QString::fromStdString(picture));
    ASSERT_FALSE(image.isNull());
    EXPECT_TRUE(pictures.insert({reinterpret_cast<const char*>(image.constBits()), size_t(image.sizeInBytes())}).second)
        << field << " looks like another one";
  }
  const auto result = test::run_program(
      {"render", sample, network, "--out", picture, "--point", "700", "--field", "attention_difference"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("--against"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace erwin
