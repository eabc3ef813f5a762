// Configurations: what they hold, how they travel, and what is said about a wrong one.

#include "core/config/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <numbers>

#include "core/base/error.h"
#include "tests/support/shared_data.h"

namespace erwin {
namespace {

// The one-line text of the Config error that `action` raises.
template <typename Action>
std::string config_error(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Config) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was raised";
  return "";
}

TEST(Config, DefaultsAreThoseOfTheStructures) {
  Config from_structures;
  ModelConfig model;
  model.dimension = model.input_features = model.output_features = 0;  // left to the data
  put(from_structures, model);
  put(from_structures, TrainConfig{});
  EXPECT_TRUE(from_structures == Config{});
  EXPECT_EQ(Config{}.integer("model.ball_size"), 512);
  EXPECT_EQ(Config{}.text("model.compression"), "pool");
}

TEST(Config, ReadsWhatAFileSays) {
  const Config config = Config::from_toml_text(R"(
    [model]
    kind = "erwin"
    widths = [16, 32]
    rotate = 0            # a whole number where a number is wanted
    [data]
    inputs = ["position", "velocity"]
    [train]
    lr = 5e-4
    betas = [0.8, 0.95]
  )");
  EXPECT_EQ(config.text("model.kind"), "erwin");
  EXPECT_EQ(config.integers("model.widths"), (std::vector<std::int64_t>{16, 32}));
  EXPECT_EQ(config.real("model.rotate"), 0);
  EXPECT_EQ(config.texts("data.inputs"), (std::vector<std::string>{"position", "velocity"}));
  EXPECT_EQ(train_config(config).lr, 5e-4);
  EXPECT_EQ(train_config(config).beta2, 0.95);
  EXPECT_EQ(config.integer("model.depth"), 6) << "what the file does not say keeps its default";
}

TEST(Config, SurvivesItsOwnText) {
  Config config;
  config.set("model.kind=erwin");
  config.set("model.strides = [2, 4]");
  config.set("model.rotate=0.1");
  config.set("train.lr=1e-300");
  config.set("train.eps=0.30000000000000004");
  config.set("train.steps=1000000000000");
  config.set("data.target=\"a \\\"quoted\\\" name # with\\ttab\"");
  config.set("data.inputs=position,wind speed");
  config.set("model.freeze_sigma=true");
  const Config again = Config::from_toml_text(config.to_toml());
  EXPECT_TRUE(again == config) << config.to_toml();
  EXPECT_EQ(again.text("data.target"), "a \"quoted\" name # with\ttab");
  EXPECT_EQ(again.texts("data.inputs")[1], "wind speed");
  for (const Option& option : schema())
    EXPECT_NE(config.to_toml().find("\n" + option.name() + " = "), std::string::npos) << option.key;
}

TEST(Config, StructuresRoundTrip) {
  ModelConfig model;
  model.kind = ModelKind::Erwin;
  model.dimension = 2;
  model.input_features = 5;
  model.output_features = 2;
  model.embedding = Embedding::Fourier;
  model.graph = {GraphKind::Lines, 3, false};
  model.rotate_degrees = 30.5;
  model.padding = Padding::Duplicate;
  model.unet = {{8, 16, 32}, {64, 32, 16}, {1, 2, 4}, {1, 2, 3}, {2, 4}, {3, 1}, {2, 4}};
  model.flat.compression = Compression::Mlp;
  model.flat.exclude = Exclude::None;
  model.flat.compressed_query = CompressedQuery::Block;
  model.flat.gate_start = GateStart::Local;
  model.weight_deviation = 0.05;
  Config config;
  put(config, model);
  const ModelConfig back = model_config(Config::from_toml_text(config.to_toml()));
  Config again;
  put(again, back);
  EXPECT_TRUE(again == config);
  EXPECT_EQ(back.unet.strides, (std::vector<int>{2, 4}));
  EXPECT_EQ(back.graph.kind, GraphKind::Lines);
  EXPECT_EQ(back.flat.exclude, Exclude::None);
  // Levels of 64 slots, 32 nodes of 2 slots, 16 nodes of 8 slots.
  EXPECT_EQ(back.unit(), 128);
}

TEST(Config, ErrorsNameKeyValueAndWhatIsAllowed) {
  const struct {
    const char* text;
    std::vector<const char*> parts;
  } cases[] = {
      {"[model]\nball_size = \"big\"", {"f.toml:2", "model.ball_size", "big", "whole number", "1 to 1048576"}},
      {"[model]\n\nball_size = 1.5", {"f.toml:3", "model.ball_size", "1.5", "whole number"}},
      {"[model]\nball_size = -8", {"model.ball_size = -8", "1 to 1048576"}},
      {"[model]\nkind = \"erwin_nsa\"", {"model.kind", "erwin_nsa", "erwin, erwin-nsa, full, ball"}},
      {"[model]\nwidths = [64, \"a\"]", {"model.widths", "list of whole numbers"}},
      {"[model]\nwrapper = 1", {"model.wrapper", "true or false"}},
      {"[model]\nbal_size = 64", {"f.toml:2", "model.bal_size", "Did you mean model.ball_size?"}},
      {"[train]\nball_size = 64", {"train.ball_size", "Did you mean model.ball_size?"}},
      {"[train]\nlearning_rate_of_the_network = 1", {"train.learning_rate_of_the_network", "help options"}},
      {"[modle]\nball_size = 64", {"modle.ball_size", "Did you mean model.ball_size?"}},
      {"seed = 3", {"f.toml:1", "seed", "Did you mean train.seed?"}},
      {"[train]\nlr = nan", {"train.lr", "nan", "0 to 1000"}},
      {"[train]\nlr = -1e-3", {"train.lr", "0 to 1000"}},
      {"[train\nlr = 1", {"f.toml:1", "not valid TOML"}},
      {"[train]\nlr = 1\nlr = 2", {"f.toml:3", "not valid TOML"}},
      {"[data]\ninputs = [1]", {"data.inputs", "list of texts"}},
  };
  for (const auto& c : cases) {
    const std::string message = config_error([&] { Config::from_toml_text(c.text, "f.toml"); });
    for (const char* part : c.parts) EXPECT_NE(message.find(part), std::string::npos) << c.text << "\n" << message;
  }
}

TEST(Config, SetTakesValuesAsPeopleTypeThem) {
  Config config;
  config.set("model.widths=8,16");
  EXPECT_EQ(config.integers("model.widths"), (std::vector<std::int64_t>{8, 16}));
  config.set("train.device=cuda:1");
  EXPECT_EQ(config.text("train.device"), "cuda:1");
  config.set("model.decoder_heads=[]");
  EXPECT_TRUE(config.integers("model.decoder_heads").empty());
  config.set("train.lr=1");
  EXPECT_EQ(config.real("train.lr"), 1);
  const char* wrong[] = {"model.ball_size", "model.ball_size=", "model.ball_size=8\nkind=1", "model.depth=six",  "=3",
                         "nonsense=1",      "model.kind=Erwin", "train.betas=[0.9, 2]",      "model.wrapper=yes"};
  for (const char* assignment : wrong) {
    const Config before = config;
    config_error([&] { config.set(assignment); });
    EXPECT_TRUE(config == before) << assignment;
  }
  config.set("train.betas=0.9");
  EXPECT_NE(config_error([&] { train_config(config); }).find("train.betas = [0.9]"), std::string::npos);
}

TEST(Config, ModelsThatCannotBeBuiltAreRefused) {
  const auto flat = [](auto change) {
    ModelConfig model;
    change(model);
    return config_error([&] { model.check(); });
  };
  ModelConfig{}.check();
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(flat([](auto& m) { m.flat.ball_size = 100; }), "model.ball_size = 100"));
  EXPECT_TRUE(has(flat([](auto& m) { m.flat.block_size = 24; }), "power of two"));
  EXPECT_TRUE(has(flat([](auto& m) { m.flat.block_size = 1024; }), "multiple of block_size = 1024"));
  EXPECT_TRUE(has(flat([](auto& m) { m.flat.kv_heads = 3; }), "multiple of kv_heads = 3"));
  EXPECT_TRUE(has(flat([](auto& m) { m.dimension = 4; }), "2 to 3"));
  EXPECT_TRUE(has(flat([](auto& m) { m.input_features = 0; }), "model.input_features = 0"));
  EXPECT_TRUE(has(flat([](auto& m) { m.rotate_degrees = std::nan(""); }), "model.rotate"));
  EXPECT_TRUE(has(flat([](auto& m) { m.embedding = Embedding::Fourier, m.embedding_channels = 7; }), "even"));
  EXPECT_TRUE(has(flat([](auto& m) { m.wrapper = false; }), "wrapper = false"));
  EXPECT_TRUE(has(flat([](auto& m) { m.kind = ModelKind::Ball, m.flat.heads = 5; }), "multiple of heads = 5"));
  const auto unet = [&](auto change) {
    return flat([&](ModelConfig& m) {
      m.kind = ModelKind::Erwin;
      change(m.unet);
    });
  };
  EXPECT_TRUE(has(unet([](auto& u) { u.strides = {3}; }), "model.strides[0] = 3"));
  EXPECT_TRUE(has(unet([](auto& u) { u.ball_sizes = {256}; }), "2 entries"));
  EXPECT_TRUE(has(unet([](auto& u) { u.decoder_heads = {8, 8}; }), "1 entries"));
  EXPECT_TRUE(has(unet([](auto& u) { u.widths = {64, 128}; }), "stride of 1"));
  EXPECT_TRUE(has(unet([](auto& u) { u.encoder_heads = {8, 7}; }), "multiple of encoder_heads[1] = 7"));
  EXPECT_TRUE(has(unet([](auto& u) { u.widths.clear(); }), "one per level"));
}

TEST(Config, CountsParametersAboutRight) {
  // 3,833,984 at depth 6 and 7,612,928 at depth 12: ShapeNet-Car's Erwin-NSA with MLP compression (method, 8.2),
  // without head and input embedding.
  ModelConfig model;
  model.flat.compression = Compression::Mlp;
  EXPECT_NEAR(static_cast<double>(estimate_parameters(model)), 3'833'984, 0.02 * 3'833'984);
  model.flat.depth = 12;
  EXPECT_NEAR(static_cast<double>(estimate_parameters(model)), 7'612'928, 0.02 * 7'612'928);
  // 1,265,680: the authors' ShapeNet-Car Erwin.
  ModelConfig erwin;
  erwin.kind = ModelKind::Erwin;
  EXPECT_NEAR(static_cast<double>(estimate_parameters(erwin)), 1'265'680, 0.05 * 1'265'680);
}

TEST(Config, LearningRates) {
  TrainConfig train;
  train.steps = 110;
  train.warmup = 10;
  train.lr = 2;
  train.eta_min = 1;
  EXPECT_DOUBLE_EQ(train.learning_rate(0), 0.2);
  EXPECT_DOUBLE_EQ(train.learning_rate(9), 2);
  EXPECT_DOUBLE_EQ(train.learning_rate(10), 2);
  EXPECT_DOUBLE_EQ(train.learning_rate(60), 1.5);                                    // half way
  EXPECT_NEAR(train.learning_rate(35), 1.5 + 0.5 * std::numbers::sqrt2 / 2, 1e-12);  // a quarter
  EXPECT_DOUBLE_EQ(train.learning_rate(110), 1);
  train.schedule_steps = 210;  // a schedule longer than the run
  EXPECT_DOUBLE_EQ(train.learning_rate(110), 1.5);
  train.steps = 500;  // and a run longer than its schedule
  EXPECT_DOUBLE_EQ(train.learning_rate(300), 1);
  train.schedule = Schedule::Const;
  EXPECT_DOUBLE_EQ(train.learning_rate(100), 2);
}

TEST(Config, TheDocumentationIsTheSchema) {
  std::ifstream in(test::source_folder() / "resources/help/configuration.md", std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_TRUE(page == options_markdown())
      << "resources/help/configuration.md differs: write it with 'erwinscope help options --markdown'";
  for (const Option& option : schema()) {
    EXPECT_NE(options_text().find(option.key), std::string::npos);
    EXPECT_FALSE(option.help.empty()) << option.key;
    EXPECT_EQ(find_option(option.key), &option) << "two options named " << option.key;
  }
}

TEST(Config, PresetsReadAndCanBeBuilt) {
  const std::vector<std::string> names = preset_names();
  for (const char* wanted : {"car-small-erwin", "car-small-erwin-nsa", "shapenet-car-erwin", "shapenet-car-erwin-nsa",
                             "shapenet-car-erwin-nsa-paper"})
    EXPECT_NE(std::find(names.begin(), names.end(), wanted), names.end()) << wanted;
  for (const std::string& name : names) {
    const Config config = Config::from_toml_file(find_config(name));
    ModelConfig model = model_config(config);
    model.dimension = model.input_features = 3;
    model.output_features = 1;
    EXPECT_NO_THROW(model.check()) << name;
    EXPECT_NO_THROW(train_config(config)) << name;
  }
  EXPECT_NE(config_error([] { find_config("car-smal"); }).find("car-small-erwin-nsa"), std::string::npos);
  config_error([] { find_config("../presets/car-small-erwin"); });
}

}  // namespace
}  // namespace erwin
