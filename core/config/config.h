#pragma once
// A configuration: a value for every option of the schema, from a file, a text, the command line, or code.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/model_config.h"
#include "core/config/schema.h"
#include "core/config/train_config.h"

namespace erwin {

class Config {
public:
  // Every option at its default.
  Config();
  // What the file does not say keeps its default. Raises Error{Io}; Error{Config} with file, line, key, value, what is
  // allowed and, for an unknown key, the nearest one that exists.
  static Config from_toml_file(const std::filesystem::path& path);
  static Config from_toml_text(std::string_view text, const std::string& where = "text");

  // "model.ball_size=256", as --set gives it; lists as [1, 2] or 1,2.
  void set(std::string_view assignment);
  // The type must fit the option; a whole number fits a number.
  void assign(const std::string& key, OptionValue value);

  // Raises Error{Internal} for a key that does not exist or has another type.
  bool flag(const std::string& key) const;
  std::int64_t integer(const std::string& key) const;
  double real(const std::string& key) const;
  const std::string& text(const std::string& key) const;
  const std::vector<std::int64_t>& integers(const std::string& key) const;
  const std::vector<double>& reals(const std::string& key) const;
  const std::vector<std::string>& texts(const std::string& key) const;
  const OptionValue& value(const std::string& key) const;

  // Complete: every option with its help, readable by from_toml_text to the same values.
  std::string to_toml() const;

  bool operator==(const Config& other) const { return values_ == other.values_; }

private:
  std::map<std::string, OptionValue> values_;
};

// Not checked: call check() once what the data decides (features, dimension) is filled in.
ModelConfig model_config(const Config& config);
void put(Config& config, const ModelConfig& model);

// Raises Error{Config} where betas are not two numbers below 1.
TrainConfig train_config(const Config& config);
void put(Config& config, const TrainConfig& train);

// The file itself, or the preset of that name: resources/presets/<name>.toml beside the program, in its share folder or
// in the source tree. Raises Error{Config} naming the presets that exist.
std::filesystem::path find_config(const std::string& file_or_preset);
std::vector<std::string> preset_names();

}  // namespace erwin
