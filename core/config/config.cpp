#include "core/config/config.h"

#include <toml++/toml.h>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/base/error.h"

namespace erwin {

namespace {

[[noreturn]] void refuse(const Option& option, const std::string& value, const std::string& where) {
  const std::string allowed = option.allowed();
  throw Error(ErrorKind::Config, "the configuration has a value that is not allowed",
              where + option.key + " = " + value,
              "Allowed: " + std::string(name_of(option.type())) + (allowed.empty() ? "" : ", " + allowed));
}

[[noreturn]] void refuse_key(const std::string& key, const std::string& where) {
  const std::string near = nearest_key(key);
  throw Error(ErrorKind::Config, "the configuration names an option that does not exist", where + key.substr(0, 100),
              near.empty() ? "'erwinscope help options' lists all" : "Did you mean " + near + "?");
}

bool in_range(const Option& option, double value) {
  return std::isfinite(value) && value >= option.minimum && value <= option.maximum;
}

bool allowed(const Option& option, const OptionValue& value) {
  switch (option.type()) {
    case OptionType::Boolean:
      return true;
    case OptionType::Integer:
      return in_range(option, static_cast<double>(std::get<std::int64_t>(value)));
    case OptionType::Real:
      return in_range(option, std::get<double>(value));
    case OptionType::Text: {
      if (option.choices.empty()) return true;
      for (const std::string& choice : option.choices)
        if (choice == std::get<std::string>(value)) return true;
      return false;
    }
    case OptionType::Integers: {
      for (const std::int64_t entry : std::get<std::vector<std::int64_t>>(value))
        if (!in_range(option, static_cast<double>(entry))) return false;
      return true;
    }
    case OptionType::Reals: {
      for (const double entry : std::get<std::vector<double>>(value))
        if (!in_range(option, entry)) return false;
      return true;
    }
    case OptionType::Texts:
      return true;
  }
  return false;
}

// A list whose entries are all of type T.
template <typename T>
std::optional<std::vector<T>> list_of(const toml::array& array) {
  std::vector<T> result;
  for (const toml::node& node : array) {
    const auto entry = node.value_exact<T>();
    if (entry) {
      result.push_back(*entry);
      continue;
    }
    if constexpr (std::is_same_v<T, double>) {
      if (const auto whole = node.value_exact<std::int64_t>()) {
        result.push_back(static_cast<double>(*whole));
        continue;
      }
    }
    return std::nullopt;
  }
  return result;
}

template <typename T>
std::optional<OptionValue> as_value(std::optional<T> held) {
  if (!held) return std::nullopt;
  return OptionValue(std::move(*held));
}

// Nothing where the node is of another type than the option.
std::optional<OptionValue> value_of(const toml::node& node, OptionType type) {
  const toml::array* array = node.as_array();
  switch (type) {
    case OptionType::Boolean:
      return as_value(node.value_exact<bool>());
    case OptionType::Integer:
      return as_value(node.value_exact<std::int64_t>());
    case OptionType::Real:
      if (const auto whole = node.value_exact<std::int64_t>()) return OptionValue(static_cast<double>(*whole));
      return as_value(node.value_exact<double>());
    case OptionType::Text:
      return as_value(node.value_exact<std::string>());
    case OptionType::Integers:
      return array ? as_value(list_of<std::int64_t>(*array)) : std::nullopt;
    case OptionType::Reals:
      return array ? as_value(list_of<double>(*array)) : std::nullopt;
    case OptionType::Texts:
      return array ? as_value(list_of<std::string>(*array)) : std::nullopt;
  }
  return std::nullopt;
}

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& held) { out << held; });
  const std::string text = out.str();
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

std::string place(const std::string& where, const toml::node& node) {
  return where + ":" + std::to_string(node.source().begin.line) + ": ";
}

toml::table parse(std::string_view text, const std::string& where) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw Error(ErrorKind::Config, "the configuration is not valid TOML",
                where + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
  }
}

// The right-hand side of --set as TOML: texts need no quotes, lists no brackets.
std::string toml_of_argument(const Option& option, const std::string& argument) {
  const bool list = option.fallback.index() >= static_cast<std::size_t>(OptionType::Integers);
  const bool quoted = !argument.empty() && (argument.front() == '"' || argument.front() == '\'');
  if (option.type() == OptionType::Text) return quoted ? argument : toml_text(argument);
  if (!list || (!argument.empty() && argument.front() == '[')) return argument;
  if (option.type() != OptionType::Texts || quoted) return "[" + argument + "]";
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < argument.size();) {
    const std::size_t comma = std::min(argument.find(',', begin), argument.size());
    parts.push_back(argument.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return toml_text(parts);
}

}  // namespace

Config::Config() {
  for (const Option& option : schema()) values_.emplace(option.key, option.fallback);
}

Config Config::from_toml_file(const std::filesystem::path& path) {
  constexpr std::uintmax_t most = 1 << 20;
  std::error_code problem;
  const std::uintmax_t size = std::filesystem::file_size(path, problem);
  if (problem) throw Error(ErrorKind::Io, "cannot read the configuration", path.string() + ": " + problem.message());
  if (size > most)
    throw Error(ErrorKind::Config, "the file is too large for a configuration", path.string(), "Give a TOML file");
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Error(ErrorKind::Io, "cannot read the configuration", path.string());
  return from_toml_text(text, path.string());
}

Config Config::from_toml_text(std::string_view text, const std::string& where) {
  const toml::table root = parse(text, where);
  Config config;
  for (const auto& [section, content] : root) {
    const std::string name(section.str());
    const toml::table* table = content.as_table();
    if (!table) refuse_key(name, place(where, content));
    for (const auto& [key, node] : *table) {
      const std::string full = name + "." + std::string(key.str());
      const Option* option = find_option(full);
      if (!option) refuse_key(full, place(where, node));
      const std::optional<OptionValue> value = value_of(node, option->type());
      if (!value || !allowed(*option, *value)) refuse(*option, shown(node), place(where, node));
      config.values_[full] = *value;
    }
  }
  return config;
}

void Config::set(std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos)
    throw Error(ErrorKind::Config, "an option needs a value", "--set " + std::string(assignment.substr(0, 100)),
                "Write --set section.key=value");
  const auto trimmed = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
    return std::string(first == std::string_view::npos ? std::string_view{} : text.substr(first, last - first + 1));
  };
  const std::string key = trimmed(assignment.substr(0, equals)), argument = trimmed(assignment.substr(equals + 1));
  const Option* option = find_option(key);
  if (!option) refuse_key(key, "--set ");
  // One line only: a second one could smuggle in other keys.
  if (argument.find_first_of("\r\n") != std::string::npos) refuse(*option, argument, "--set ");
  try {
    const toml::table table = toml::parse("value = " + toml_of_argument(*option, argument));
    const toml::node* node = table.get("value");
    const std::optional<OptionValue> value = node ? value_of(*node, option->type()) : std::nullopt;
    if (!value || !allowed(*option, *value)) refuse(*option, argument, "--set ");
    values_[key] = *value;
  } catch (const toml::parse_error&) {
    refuse(*option, argument, "--set ");
  }
}

void Config::assign(const std::string& key, OptionValue value) {
  const Option* option = find_option(key);
  if (!option) refuse_key(key, "");
  if (option->type() == OptionType::Real && std::holds_alternative<std::int64_t>(value))
    value = static_cast<double>(std::get<std::int64_t>(value));
  if (value.index() != option->fallback.index() || !allowed(*option, value)) refuse(*option, toml_text(value), "");
  values_[key] = std::move(value);
}

const OptionValue& Config::value(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) throw Error(ErrorKind::Internal, "no such option", key);
  return found->second;
}

namespace {

template <typename T>
const T& typed(const OptionValue& value, const std::string& key) {
  const T* held = std::get_if<T>(&value);
  if (!held) throw Error(ErrorKind::Internal, "an option of another type", key);
  return *held;
}

}  // namespace

bool Config::flag(const std::string& key) const {
  return typed<bool>(value(key), key);
}
std::int64_t Config::integer(const std::string& key) const {
  return typed<std::int64_t>(value(key), key);
}
double Config::real(const std::string& key) const {
  return typed<double>(value(key), key);
}
const std::string& Config::text(const std::string& key) const {
  return typed<std::string>(value(key), key);
}
const std::vector<std::int64_t>& Config::integers(const std::string& key) const {
  return typed<std::vector<std::int64_t>>(value(key), key);
}
const std::vector<double>& Config::reals(const std::string& key) const {
  return typed<std::vector<double>>(value(key), key);
}
const std::vector<std::string>& Config::texts(const std::string& key) const {
  return typed<std::vector<std::string>>(value(key), key);
}

std::string Config::to_toml() const {
  std::string result, section;
  for (const Option& option : schema()) {
    if (option.section() != section) {
      result += (section.empty() ? "[" : "\n[") + option.section() + "]\n";
      section = option.section();
    }
    std::string line = option.name() + " = " + toml_text(value(option.key));
    line.resize(std::max<std::size_t>(line.size() + 2, 34), ' ');
    result += line + "# " + option.help + (option.unit.empty() ? "" : " [" + option.unit + "]") + "\n";
  }
  return result;
}

}  // namespace erwin
