#include "core/model/checkpoint.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/io/internal/hdf5.h"

namespace erwin {

namespace {

constexpr std::int64_t kFormatNumber = 1;
constexpr const char* kFormat = "erwinscope-checkpoint";
constexpr std::size_t kMostComponents = 16384;

[[noreturn]] void damaged(const std::string& detail) {
  throw Error(ErrorKind::Format, "the checkpoint is damaged", detail, "Take another checkpoint of the run");
}

// --- writing ---

template <typename T>
std::span<const T> elements(const WeightArray& weight) {
  return {reinterpret_cast<const T*>(weight.data.data()), weight.data.size() / sizeof(T)};
}

void check_name(const std::string& name) {
  if (name.empty() || name == "." || name.size() > 1000 || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    throw Error(ErrorKind::Model, "a weight's name cannot be stored", "'" + name.substr(0, 100) + "'");
}

void write_weight(h5::File& file, const std::string& group, const WeightArray& weight) {
  check_name(weight.name);
  const std::string path = group + "/" + weight.name;
  switch (weight.type) {
    case ElementType::Float32:
      return file.write(path, weight.shape, elements<float>(weight));
    case ElementType::Float64:
      return file.write(path, weight.shape, elements<double>(weight));
    case ElementType::Int64:
      return file.write(path, weight.shape, elements<std::int64_t>(weight));
  }
}

void write_weights(h5::File& file, const std::string& group, const Weights& weights) {
  file.make_group(group);
  for (const WeightArray& weight : weights) write_weight(file, group, weight);
}

void write_training(h5::File& file, const TrainingState& training) {
  file.make_group("/training");
  file.set_int("/training", "samples_drawn", training.samples_drawn);
  file.set_int("/training", "best_step", training.best_step);
  file.set_double("/training", "best", training.best);
  file.set_double("/training", "seconds", training.seconds);
  write_weights(file, "/training/mean", training.mean);
  write_weights(file, "/training/square", training.square);
  write_weights(file, "/training/updates", training.updates);
}

void write_option(h5::File& file, const std::string& key, const OptionValue& value) {
  const std::string group = "/config";
  if (const auto* flag = std::get_if<bool>(&value))
    file.set_int(group, key, *flag ? 1 : 0);
  else if (const auto* whole = std::get_if<std::int64_t>(&value))
    file.set_int(group, key, *whole);
  else if (const auto* real = std::get_if<double>(&value))
    file.set_double(group, key, *real);
  else if (const auto* text = std::get_if<std::string>(&value))
    file.set_text(group, key, *text);
  else if (const auto* wholes = std::get_if<std::vector<std::int64_t>>(&value); wholes && !wholes->empty())
    file.set_ints(group, key, *wholes);
  else if (const auto* reals = std::get_if<std::vector<double>>(&value); reals && !reals->empty())
    file.set_doubles(group, key, *reals);
  else
    file.set_text(group, key, toml_text(value));  // lists of texts, empty lists
}

void write_standard(h5::File& file, int index, const std::string& quantity, const Standard& standard) {
  if (standard.empty()) return;
  const std::string group = "/normalisation/" + std::to_string(index);
  file.make_group(group);
  file.set_text(group, "quantity", quantity);
  file.set_doubles(group, "mean", standard.mean);
  file.set_doubles(group, "deviation", standard.deviation);
}

Config complete_config(const Checkpoint& checkpoint) {
  Config config = checkpoint.run_config.empty() ? Config() : Config::from_toml_text(checkpoint.run_config, "run");
  put(config, checkpoint.config);
  config.assign("data.inputs", checkpoint.recipe.inputs);
  config.assign("data.target", checkpoint.recipe.target);
  return config;
}

void write_all(h5::File& file, const Checkpoint& checkpoint) {
  const Config config = complete_config(checkpoint);
  file.set_text("/", "format", kFormat);
  file.set_int("/", "format_number", kFormatNumber);
  file.set_int("/", "step", checkpoint.step);
  file.set_text("/", "config", config.to_toml());
  file.make_group("/config");
  for (const Option& option : schema()) write_option(file, option.key, config.value(option.key));
  file.make_group("/recipe");
  file.set_text("/recipe", "inputs", nlohmann::json(checkpoint.recipe.inputs).dump());
  if (!checkpoint.recipe.target.empty()) file.set_text("/recipe", "target", checkpoint.recipe.target);
  file.make_group("/normalisation");
  write_standard(file, 0, "position", checkpoint.recipe.normalisation.position);
  int index = 1;
  for (const auto& [name, standard] : checkpoint.recipe.normalisation.field)
    write_standard(file, index++, name, standard);
  file.make_group("/provenance");
  for (const auto& [name, value] : checkpoint.provenance) file.set_text("/provenance", name, value);
  write_weights(file, "/weight", checkpoint.weights);
  if (checkpoint.training) write_training(file, *checkpoint.training);
}

// --- reading ---

void check_format(const h5::File& file) {
  const auto format = file.text_attribute("/", "format");
  if (!format || *format != kFormat)
    throw Error(ErrorKind::Format, "the file is not a checkpoint",
                "its root has no attribute format = " + std::string(kFormat),
                "Give a file that 'erwinscope train' or 'erwinscope convert' wrote");
  const auto number = file.int_attribute("/", "format_number");
  if (!number || *number < 1) damaged("no format_number");
  if (*number > kFormatNumber)
    throw Error(ErrorKind::Format, "the checkpoint was written by a newer version of the program",
                "format " + std::to_string(*number) + ", this program reads up to " + std::to_string(kFormatNumber),
                "Use that version");
}

std::string require_text(const h5::File& file, const std::string& object, const std::string& name) {
  const auto text = file.is_group(object) ? file.text_attribute(object, name) : std::nullopt;
  if (!text) damaged("attribute " + name + " of " + object);
  return *text;
}

std::vector<std::string> read_inputs(const h5::File& file) {
  const auto json = nlohmann::json::parse(require_text(file, "/recipe", "inputs"), nullptr, false);
  std::vector<std::string> inputs;
  if (!json.is_array() || json.empty() || json.size() > kMostComponents) damaged("attribute inputs of /recipe");
  for (const auto& entry : json) {
    if (!entry.is_string()) damaged("attribute inputs of /recipe");
    inputs.push_back(entry.get<std::string>());
  }
  return inputs;
}

Standard read_standard(const h5::File& file, const std::string& group) {
  const auto mean = file.doubles_attribute(group, "mean"), deviation = file.doubles_attribute(group, "deviation");
  if (!mean || !deviation || mean->size() != deviation->size() || mean->empty() || mean->size() > kMostComponents)
    damaged("mean and deviation of " + group);
  for (std::size_t i = 0; i < mean->size(); ++i)
    if (!std::isfinite((*mean)[i]) || !std::isfinite((*deviation)[i]) || (*deviation)[i] <= 0)
      damaged("mean and deviation of " + group + " are not finite, or a deviation is not above 0");
  return {*mean, *deviation};
}

Normalisation read_normalisation(const h5::File& file) {
  Normalisation result;
  if (!file.is_group("/normalisation")) damaged("the group /normalisation is missing");
  for (const h5::Entry& entry : file.children("/normalisation")) {
    if (entry.kind != h5::Kind::Group) damaged(entry.path + " is not a group");
    const std::string quantity = require_text(file, entry.path, "quantity");
    Standard standard = read_standard(file, entry.path);
    if (quantity == "position")
      result.position = std::move(standard);
    else
      result.field[quantity] = std::move(standard);
  }
  return result;
}

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <typename T>
std::vector<std::byte> finite_bytes(const std::vector<T>& values, const std::string& path) {
  for (const T value : values)
    if (!std::isfinite(value)) damaged(path + " holds a number that is not finite");
  return bytes_of(values);
}

WeightArray read_weight(const h5::File& file, const h5::Entry& entry, const h5::DatasetInfo& info) {
  WeightArray weight{entry.name, ElementType::Float32, info.shape, {}};
  switch (info.type) {
    case h5::Type::Float32:
      weight.data = finite_bytes(file.read_floats(entry.path), entry.path);
      return weight;
    case h5::Type::Float64:
      weight.type = ElementType::Float64;
      weight.data = finite_bytes(file.read_doubles(entry.path), entry.path);
      return weight;
    case h5::Type::Int64:
      weight.type = ElementType::Int64;
      weight.data = bytes_of(file.read_ints(entry.path));
      return weight;
    default:
      damaged(entry.path + " is neither float32, float64 nor int64");
  }
}

Weights read_weights(const h5::File& file, const std::string& group) {
  if (!file.is_group(group)) damaged("the group " + group + " is missing");
  const std::vector<h5::Entry> entries = file.children(group);
  std::vector<h5::DatasetInfo> infos;
  double bytes = 0;  // floating: a sum of hostile sizes must not wrap
  for (const h5::Entry& entry : entries) {
    if (entry.kind != h5::Kind::Dataset) damaged(entry.path + " is not a dataset");
    infos.push_back(file.info(entry.path));
    bytes += 8.0 * static_cast<double>(infos.back().count());
  }
  require_memory(bytes < 1e18 ? static_cast<std::uint64_t>(bytes) : std::uint64_t{1} << 60,
                 "the weights of the checkpoint");
  Weights weights;
  for (std::size_t i = 0; i < entries.size(); ++i) weights.push_back(read_weight(file, entries[i], infos[i]));
  return weights;
}

TrainingState read_training(const h5::File& file) {
  const auto whole = [&](const char* name) {
    const auto value = file.int_attribute("/training", name);
    if (!value) damaged(std::string("attribute ") + name + " of /training");
    return *value;
  };
  const auto real = [&](const char* name) {
    const auto value = file.double_attribute("/training", name);
    if (!value || !std::isfinite(*value)) damaged(std::string("attribute ") + name + " of /training");
    return *value;
  };
  TrainingState training{whole("samples_drawn"), whole("best_step"), real("best"), real("seconds"), {}, {}, {}};
  if (training.samples_drawn < 0) damaged("attribute samples_drawn of /training");
  training.mean = read_weights(file, "/training/mean");
  training.square = read_weights(file, "/training/square");
  training.updates = read_weights(file, "/training/updates");
  return training;
}

Checkpoint read_all(const h5::File& file, bool with_training) {
  check_format(file);
  Checkpoint checkpoint;
  checkpoint.run_config = require_text(file, "/", "config");
  checkpoint.config = model_config(Config::from_toml_text(checkpoint.run_config, "config"));
  checkpoint.config.check();
  checkpoint.step = file.int_attribute("/", "step").value_or(0);
  if (checkpoint.step < 0) damaged("attribute step of /");
  checkpoint.recipe.inputs = read_inputs(file);
  checkpoint.recipe.target = file.text_attribute("/recipe", "target").value_or("");
  checkpoint.recipe.normalisation = read_normalisation(file);
  if (file.is_group("/provenance"))
    for (const std::string& name : file.attribute_names("/provenance"))
      if (const auto text = file.text_attribute("/provenance", name)) checkpoint.provenance[name] = *text;
  checkpoint.weights = read_weights(file, "/weight");
  if (with_training && file.is_group("/training")) checkpoint.training = read_training(file);
  return checkpoint;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  checkpoint.config.check();
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    h5::File file = h5::File::create(temporary);
    write_all(file, checkpoint);
    file.close();
  });
}

namespace {

Checkpoint load(const std::filesystem::path& path, bool with_training) {
  try {
    return read_all(h5::File::open(path), with_training);
  } catch (const Error& error) {
    throw error.at(path.string());
  }
}

}  // namespace

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  return load(path, false);
}

Checkpoint load_training_checkpoint(const std::filesystem::path& path) {
  return load(path, true);
}

}  // namespace erwin
