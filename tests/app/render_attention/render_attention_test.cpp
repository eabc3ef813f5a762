// `explain` says in numbers what `render` shows in colours: with the shipped program, an untrained network and the
// sample cloud, the points that explain names carry the colour of their block's rank where they lie in the picture.

#include <gtest/gtest.h>

#include <QImage>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/io/open.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/session/session_file.h"
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

TEST_F(RenderAttention, WhatTheWindowExportsIsWrittenWithoutOneAndAgreesWithExplain) {
  const auto write = [&](const std::string& what, const std::string& name, std::vector<std::string> more) {
    const std::string path = (scratch.path() / name).string();
    std::vector<std::string> arguments{"export", what, sample, network, "--layer", "1", "--out", path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = test::run_program(arguments, {}, true);
    EXPECT_EQ(result.exit_code, 0) << what << ": " << result.err;
    EXPECT_EQ(result.out, path + "\n");
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const json told = explain("1", "100");

  // The first rows of the tables are explain's heaviest points and best blocks.
  std::istringstream points(write("points", "points.csv", {"--point", "100"}));
  std::string line;
  std::getline(points, line);
  EXPECT_EQ(line, "id,weight,x,y,z");
  std::getline(points, line);
  EXPECT_EQ(std::stoll(line), told["top"][0]["id"]);
  EXPECT_NEAR(std::stod(line.substr(line.find(',') + 1)), told["top"][0]["weight"], 1e-7);
  std::istringstream blocks(write("blocks", "blocks.csv", {"--point", "100", "--head", "0"}));
  std::getline(blocks, line);
  EXPECT_EQ(line, "rank,block,score,weight,points");
  std::istringstream missed(write("missed", "missed.csv", {"--point", "100"}));
  std::getline(missed, line);
  std::getline(missed, line);
  EXPECT_EQ(std::stoi(line.substr(line.find(',') + 1)), told["misses"][0]["block"]);

  // Where the prediction comes from, as `explain --attribution` has it.
  const json split = json::parse(test::run_program({"explain", network, sample, "--point", "100", "--layer", "1",
                                                    "--attribution", "--knock-out", "everywhere", "--json"})
                                     .out);
  std::istringstream parts(write("attribution", "parts.csv", {"--point", "100", "--knock-out", "everywhere"}));
  std::map<std::string, std::string> rows;  // "branch,local" and what comes after it
  while (std::getline(parts, line)) {
    const std::size_t comma = line.find(',', line.find(',') + 1);
    rows.try_emplace(line.substr(0, comma), line.substr(comma + 1));
  }
  EXPECT_NEAR(std::stod(rows["branch,local"]), split["parts"]["local"], 1e-6);
  write("field", "contribution.csv", {"--point", "100", "--field", "contribution"});
  const PointCloudPtr shares = io::open((scratch.path() / "contribution.csv").string());
  double sum = 0;  // all but what goes to no point
  for (std::int64_t point = 0; point < shares->size(); ++point)
    sum += shares->require_field("contribution").value(point);
  const json& by_branch = split["parts"];
  EXPECT_NEAR(sum, by_branch["sum"].get<double>() - by_branch["memory"].get<double>() - by_branch["bias"].get<double>(),
              1e-5 * by_branch["magnitude"].get<double>());
  const json& first = split["blocks"][0];
  EXPECT_NEAR(std::stod(rows["block," + first["block"].dump()]), first["contribution"], 1e-6);
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.first.starts_with("block,"); }),
            std::ssize(split["blocks"]));

  // The part of the matrix that is named, and the whole where the tree has other slots.
  const std::string part = write("matrix", "part.csv", {"--matrix-window", "0,128,128,4096"});
  EXPECT_NE(part.find("\n0-0,"), std::string::npos);
  EXPECT_NE(part.find(",128-128,"), std::string::npos);
  EXPECT_EQ(part.find("\n128-128,"), std::string::npos);
  EXPECT_EQ(write("matrix", "whole.csv", {}), write("matrix", "other.csv", {"--matrix-window", "0,0,64,128"}));

  // Charts have words as words, on white.
  for (const auto& [what, word] :
       {std::pair("matrix", "logarithmic"), std::pair("histogram", "prediction"),
        std::pair("heads", "attention layer, in order of evaluation"),
        std::pair("icicle", "Outlined: the balls that hold point 100"), std::pair("attribution", "Deletion curves")}) {
    const std::string chart = write(what, std::string(what) + ".svg", {"--point", "100", "--color", "prediction"});
    EXPECT_TRUE(chart.starts_with("<svg ") && chart.ends_with("</svg>\n")) << what;
    EXPECT_NE(chart.find("fill=\"#ffffff\""), std::string::npos) << what;
    EXPECT_NE(chart.find(word), std::string::npos) << what;
  }

  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "export");
    return test::run_program(arguments, {}, true).exit_code;
  };
  EXPECT_EQ(code({"moon", sample, "--out", "x.csv"}), 2);
  EXPECT_EQ(code({"heads", sample, "--out", (scratch.path() / "x.csv").string()}), 2);  // no network
  EXPECT_EQ(code({"heads", sample, network, "--out", "x.doc"}), 2);
  EXPECT_EQ(code({"attribution", sample, network, "--out", (scratch.path() / "x.csv").string()}), 2);  // no point
  EXPECT_EQ(code({"loss", scratch.path().string(), "--out", "x.svg"}), 2);                             // no run
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "x.csv"));
}

TEST_F(RenderAttention, ChangesOfAWhatIfAreDrawnAndExportedAsExplainHasThem) {
  const auto run = [&](std::vector<std::string> arguments, std::vector<std::string> more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = test::run_program(arguments, {}, true);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  };
  const auto path = [&](const char* name) { return (scratch.path() / name).string(); };
  const std::vector<std::string> changes{"--what-if", "head-off=1 --layer all", "--what-if", "hide=7",
                                         "--what-if", "move=query:0.1,0,0"};
  run({"explain", network, sample, "--point", "100", "--layer", "1", "--out", path("told.csv"), "--json"}, changes);
  run({"export", "field", sample, network, "--point", "100", "--layer", "1", "--field", "difference_what_if", "--out",
       path("field.csv")},
      changes);
  const PointCloudPtr told = io::open(path("told.csv")), made = io::open(path("field.csv"));
  for (const auto& [name, theirs] :
       {std::pair("prediction_what_if", "prediction"), std::pair("difference_what_if", "difference")})
    for (std::int64_t point = 0; point < made->size(); ++point) {
      const double value = told->require_field(theirs).value(point);
      if (point == 7)
        EXPECT_TRUE(std::isnan(made->require_field(name).value(point)));
      else
        ASSERT_NEAR(made->require_field(name).value(point), value, 1e-5 * (1 + std::abs(value))) << name << point;
    }
  EXPECT_EQ(made->require_field("attention_what_if").value(7), 0);
  EXPECT_NEAR(made->position(100)[0], told->position(100)[0] + 0.1, 1e-5);

  // A picture's recipe makes it again, changes and all; without them it is another.
  const auto draw = [&](const char* name, std::vector<std::string> more) {
    run({"render", "--size", "200x150", "--out", path(name)}, std::move(more));
    return QImage(QString::fromStdString(path(name)));
  };
  std::vector<std::string> first{sample, network, "--point", "100", "--field", "difference_what_if"};
  first.insert(first.end(), changes.begin(), changes.end());
  const QImage once = draw("once.png", first), again = draw("again.png", {"--recipe", path("once.png")});
  EXPECT_EQ(once, again);
  EXPECT_EQ(json::parse(again.text("erwinscope-recipe").toStdString())["what_if"][1],
            "hide=7 --layer 0 --head mean --point 100");
  EXPECT_NE(once, draw("plain.png", {"--recipe", path("once.png"), "--what-if", "none", "--color", "prediction"}));

  const auto code = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--out", path("x.csv")});
    return test::run_program(arguments, {}, true).exit_code;
  };
  EXPECT_EQ(code({"export", "field", sample, "--what-if", "hide=7"}), 2);  // no network
  EXPECT_EQ(code({"export", "field", sample, network, "--what-if", "hide=7 --layer 9 x"}), 2);
  EXPECT_EQ(code({"export", "missed", sample, network, "--point", "100", "--what-if", "head-off=1"}), 2);
}

TEST_F(RenderAttention, ARunIsAPictureForEveryCheckpointWithOneRangeOfColours) {
  namespace fs = std::filesystem;
  const fs::path run = scratch.path() / "run";
  fs::create_directories(run / "checkpoints");
  std::ofstream(run / "config.toml") << "\n";
  for (const int step : {0, 50, 100}) {
    Checkpoint checkpoint = load_checkpoint(network);
    checkpoint.step = step;
    checkpoint.weights = Model(checkpoint.config, static_cast<std::uint64_t>(step + 1)).weights();
    save_checkpoint(run / "checkpoints" / (step < 100 ? "step-" + std::to_string(step) + ".h5" : "last.h5"),
                    checkpoint);
  }
  const auto film = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"render", sample,    "--sweep", "training",
                                       "--size", "200x150", "--out",   (scratch.path() / "step_%d.png").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return test::run_program(arguments, {}, true);
  };
  EXPECT_EQ(film({}).exit_code, 2);                                  // which run?
  EXPECT_EQ(film({"--run", scratch.path().string()}).exit_code, 2);  // that is none
  const auto made = film({"--run", run.string()});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::set<std::string> ranges, cameras;
  std::vector<QImage> frames;
  for (int i = 0; i < 3; ++i) {
    const std::string path = (scratch.path() / ("step_" + std::to_string(i) + ".png")).string();
    frames.emplace_back(QString::fromStdString(path));
    const json recipe = json::parse(frames.back().text("erwinscope-recipe").toStdString());
    EXPECT_EQ(recipe["checkpoint"]["step"], 50 * i);
    ranges.insert(recipe["options"]["range"]);
    cameras.insert(recipe["options"]["camera"]);
  }
  EXPECT_EQ(ranges.size(), 1U);
  EXPECT_NE(ranges.begin()->find(','), std::string::npos);
  EXPECT_EQ(cameras.size(), 1U);
  EXPECT_NE(frames[0], frames[1]);
  EXPECT_NE(frames[1], frames[2]);
  // Without room for what was predicted it is predicted again, which makes no other picture.
  EXPECT_EQ(made.err.find("predicts twice"), std::string::npos) << made.err;
  const auto twice = film({"--run", run.string(), "--keep-mib", "0"});
  ASSERT_EQ(twice.exit_code, 0) << twice.err;
  EXPECT_NE(twice.err.find("3 checkpoints"), std::string::npos) << twice.err;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(QImage(QString::fromStdString((scratch.path() / ("step_" + std::to_string(i) + ".png")).string())),
              frames[static_cast<std::size_t>(i)]);
  // Its recipe makes a frame again.
  ASSERT_EQ(
      test::run_program({"render", "--recipe", (scratch.path() / "step_1.png").string(), "--out", picture}, {}, true)
          .exit_code,
      0);
  EXPECT_EQ(QImage(QString::fromStdString(picture)), frames[1]);
  EXPECT_FALSE(fs::exists(scratch.path() / "step_3.png"));
}

// Four heads in one picture: as many ends of the colours as one, the largest of the four, and every head where it says.
TEST_F(RenderAttention, FourHeadsShareOnePictureAndOneRange) {
  double most = 0;
  for (const char* head : {"0", "1", "2", "3"})
    most =
        std::max(most, render("1", "700", {"--head", head, "--color", "attention"})["scale"]["range"][1].get<double>());
  const json four = render("1", "700", {"--heads", "four", "--locate", "700"});
  EXPECT_NEAR(four["scale"]["range"][1].get<double>(), most, 1e-6 * most);
  EXPECT_NEAR(four["scale"]["range"][0].get<double>(), most / 1000, 1e-6 * most);
  EXPECT_EQ(four["size"], json::array({800, 600}));
  EXPECT_LT(four["points"][0]["x"], 400);  // of the first picture
  EXPECT_LT(four["points"][0]["y"], 300);
  const QImage image(QString::fromStdString(picture));
  ASSERT_EQ(image.size(), QSize(800, 600));
  const QImage first = image.copy(0, 0, 399, 260), second = image.copy(401, 0, 399, 260);  // without their captions
  EXPECT_NE(first, second);
  // The same head has the same picture wherever it stands.
  render("1", "700", {"--heads", "1,0", "--range", "1e-6,1e-2"});
  const QImage there = QImage(QString::fromStdString(picture)).copy(401, 0, 399, 500);
  render("1", "700", {"--heads", "2,0", "--range", "1e-6,1e-2"});
  EXPECT_EQ(there, QImage(QString::fromStdString(picture)).copy(401, 0, 399, 500));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--heads", "0,9", "--point", "1"},
                                                {"--heads", "0,1"},
                                                {"--heads", "0,0", "--point", "1"},
                                                {"--heads", "0,1", "--point", "1", "--turntable", "3"}}) {
    std::vector<std::string> arguments{"render", sample, network, "--out", picture};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    EXPECT_EQ(test::run_program(arguments, {}, true).exit_code, 2) << wrong[1];
  }
}

// The colours of the located points that two pictures both show.
void expect_colours(const json& picture, const json& other, bool same) {
  int seen = 0, equal = 0;
  for (std::size_t i = 0; i < picture["points"].size(); ++i) {
    const json &here = picture["points"][i], &there = other["points"][i];
    if (!here["visible"].get<bool>() || !there["visible"].get<bool>()) continue;
    ++seen;
    equal += here["color"] == there["color"];
  }
  ASSERT_GT(seen, 20);
  if (same)
    EXPECT_EQ(equal, seen);
  else
    EXPECT_LT(equal, seen);
}

TEST_F(RenderAttention, PicturesFollowAWhatIfAndSoDoFourHeads) {
  std::string ids = "0";
  for (int id = 4; id < 4000; id += 4) ids += "," + std::to_string(id);
  const auto draw = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--range", "1e-6,1e-2", "--marks", "off", "--dim", "0", "--locate", ids});
    return render("1", "700", more);
  };
  const std::vector<std::string> change{"--what-if", "branch-off=local --layer all --head mean", "--what-if",
                                        "hide=100-120"};
  const auto changed = [&](std::vector<std::string> more) {
    more.insert(more.end(), change.begin(), change.end());
    return draw(std::move(more));
  };
  const json plain = draw({"--head", "2"}), one = changed({"--head", "2"}), four = changed({"--heads", "2,0"});
  EXPECT_FALSE(plain.contains("what_if"));
  expect_colours(plain, one, false);
  expect_colours(four, one, true);  // its first picture
  // As explain says it.
  std::vector<std::string> asked{"explain", network, sample, "--layer", "all", "--json"};
  asked.insert(asked.end(), {"--what-if", "branch-off=local", "--what-if", "hide=100-120"});
  const auto told = test::run_program(asked, {}, true);
  ASSERT_EQ(told.exit_code, 0) << told.err;
  EXPECT_EQ(one["what_if"]["largest"], json::parse(told.out)["largest_difference"]) << told.out;
  // The recipe holds the changes.
  const QImage with(QString::fromStdString(picture));
  const std::string again = (scratch.path() / "again.png").string();
  ASSERT_EQ(test::run_program({"render", "--recipe", picture, "--out", again}).exit_code, 0);
  EXPECT_EQ(QImage(QString::fromStdString(again)), with);
  // So does a session; what is off in it stays off.
  SessionFile session;
  session.data.path = sample;
  session.sample = "sample";
  session.model.path = network;
  session.what_if = {{"branch-off=local"}, {"hide=100-120", 1}, {"head-off=1", 1, -1, -1, false}};
  const std::string file = (scratch.path() / "one.ewsession").string();
  save_session(file, session);
  const auto of_session = test::run_program({"render", "--session", file, "--out", again, "--json"}, {}, true);
  ASSERT_EQ(of_session.exit_code, 0) << of_session.err;
  EXPECT_EQ(json::parse(of_session.out)["what_if"]["changes"], 2);
  EXPECT_EQ(json::parse(of_session.out)["what_if"]["largest"], one["what_if"]["largest"]);
  EXPECT_EQ(test::run_program({"render", sample, network, "--what-if", "head-off=77", "--out", again}).exit_code, 2);
  EXPECT_EQ(test::run_program({"render", sample, "--what-if", "S=2", "--out", again}, {}, true).exit_code, 2);
}

TEST_F(RenderAttention, AnotherSampleStandsBesideWithOneRange) {
  const std::string other = (scratch.path() / "other.h5").string();
  ASSERT_EQ(test::run_program({"generate", "sample", "--points", "1500", "--seed", "9", other}).exit_code, 0);
  const auto range_of = [&](const std::string& file, std::vector<std::string> more) {
    more.insert(more.begin(), {"render", file, network, "--out", picture, "--size", "802x600", "--json"});
    const auto result = test::run_program(more, {}, true);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out)["scale"]["range"].get<std::vector<double>>();
  };
  const auto own = range_of(sample, {}), theirs = range_of(other, {}),
             both = range_of(sample, {"--against", "sample=" + other});
  EXPECT_EQ(both[0], std::min(own[0], theirs[0]));
  EXPECT_EQ(both[1], std::max(own[1], theirs[1]));
  const QImage image(QString::fromStdString(picture));
  // The recipe in it makes it again.
  const std::string again = (scratch.path() / "again.png").string();
  ASSERT_EQ(test::run_program({"render", "--recipe", picture, "--out", again}).exit_code, 0);
  EXPECT_EQ(image, QImage(QString::fromStdString(again)));
  // Numbers that are given hold for both pictures, and a lock is those that both would have.
  const auto second = [&](const std::string& range) {
    (void)range_of(sample, {"--against", "sample=" + other, "--range", range});
    return QImage(QString::fromStdString(picture)).copy(316, 0, 313, 600);
  };
  EXPECT_EQ(second("locked"), image.copy(316, 0, 313, 600));
  EXPECT_NE(second("-1,1"), image.copy(316, 0, 313, 600));
  const auto none = test::run_program({"render", sample, network, "--out", picture, "--against", "sample=nowhere"});
  EXPECT_EQ(none.exit_code, 2) << none.err;
  // In numbers: explain says the same ends.
  const auto told = test::run_program({"explain", network, sample, "--against-sample", other, "--json"}, {}, true);
  ASSERT_EQ(told.exit_code, 0) << told.err;
  const json fields = json::parse(told.out)["fields"];
  EXPECT_EQ(fields[0]["name"], "prediction");
  EXPECT_NEAR(fields[0]["other"]["maximum"].get<double>(), theirs[1], 1e-5 * std::abs(theirs[1]));
  EXPECT_EQ(fields[0]["other"]["count"], 1500);
  EXPECT_GT(fields[0]["wasserstein"], 0);
  EXPECT_LE(fields[0]["kolmogorov"], 1);
  EXPECT_TRUE(std::ranges::any_of(fields, [](const json& field) { return field["name"] == "entropy"; }));
}

}  // namespace
}  // namespace erwin
