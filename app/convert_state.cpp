#include "app/convert_state.h"

#include "app/command.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/version.h"
#include "core/config/config.h"
#include "core/model/checkpoint.h"
#include "core/model/model.h"
#include "core/model/state_import.h"

namespace erwin::app {

namespace {

int backbone_width(const ModelConfig& model) {
  if (model.kind != ModelKind::Erwin) return model.flat.width;
  return model.unet.widths.empty() ? 0 : model.unet.widths.front();
}

// What a configuration for training leaves to the data; a state has none.
ModelConfig settled(const ModelConfig& given, const Config& config) {
  ModelConfig model = given;
  const bool target_scaled = !config.reals("data.target_mean").empty();
  if (model.dimension == 0) model.dimension = 3;
  if (!model.wrapper) {
    if (model.input_features == 0) model.input_features = model.embedding_channels;
    if (model.output_features == 0) model.output_features = backbone_width(model);
  }
  if (model.input_features == 0) model.input_features = model.dimension;
  if (model.output_features == 0)
    model.output_features = target_scaled ? static_cast<int>(config.reals("data.target_mean").size()) : 1;
  return model;
}

Standard standard_of(const Config& config, const std::string& quantity, int components) {
  const Standard standard{config.reals("data." + quantity + "_mean"), config.reals("data." + quantity + "_deviation")};
  if (standard.mean.empty() && standard.deviation.empty()) return {};
  bool fits =
      standard.mean.size() == static_cast<std::size_t>(components) && standard.deviation.size() == standard.mean.size();
  for (const double deviation : standard.deviation) fits = fits && deviation > 0;
  if (!fits)
    throw Error(ErrorKind::Config, "the configuration has a value that is not allowed",
                "data." + quantity + "_mean, data." + quantity + "_deviation",
                "Allowed: " + std::to_string(components) + " numbers each, deviations above 0");
  return standard;
}

std::string hash_of(const Weights& weights) {
  Sha256 hash;
  for (const WeightArray& weight : weights) hash.update(weight.data.data(), weight.data.size());
  return hash.hex();
}

}  // namespace

void convert_state(const std::filesystem::path& in, const std::filesystem::path& out,
                   const std::filesystem::path& config_file) {
  const Config config = Config::from_toml_file(find_config(config_file.string()));
  Checkpoint checkpoint;
  checkpoint.config = settled(model_config(config), config);
  checkpoint.config.check();
  checkpoint.recipe.inputs =
      config.texts("data.inputs").empty() ? std::vector<std::string>{"position"} : config.texts("data.inputs");
  checkpoint.recipe.target = config.text("data.target");
  checkpoint.recipe.normalisation.position = standard_of(config, "position", checkpoint.config.dimension);
  const Standard target = standard_of(config, "target", checkpoint.config.output_features);
  if (!target.empty() && checkpoint.recipe.target.empty())
    throw Error(ErrorKind::Config, "the target's normalisation is given, but not its name", "data.target is empty",
                "Set data.target");
  if (!target.empty()) checkpoint.recipe.normalisation.field[checkpoint.recipe.target] = target;
  checkpoint.run_config = config.to_toml();

  const Weights state = read_torch_state(in, command_job());
  // The network knows the names and shapes that it wants.
  checkpoint.weights = match_state(state, Model(checkpoint.config, 0).weights());
  checkpoint.provenance = {{"source", in.string()},
                           {"source_hash", hash_of(state)},
                           {"code_version", ERWINSCOPE_VERSION},
                           {"precision", "float32"},
                           {"device", "cpu"},
                           {"command", "erwinscope convert " + in.string()}};
  save_checkpoint(out, checkpoint);
}

}  // namespace erwin::app
