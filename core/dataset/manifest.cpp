#include "core/dataset/internal/manifest.h"

#include <toml++/toml.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "core/base/error.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t max_bytes = 1 << 20;

std::string shown(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  const std::string text = out.str();
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

class ManifestReader {
public:
  explicit ManifestReader(const fs::path& path) : path_(path) {}

  Manifest read() {
    const toml::table root = parse();
    known(root, "", {"dataset", "split", "normalisation", "task"});
    const toml::table& dataset = table(root, "dataset", true);
    if (dataset.get("format")) {
      read_original(dataset);
    } else {
      known(dataset, "dataset.",
            {"name", "files", "positions", "inputs", "target", "frames", "drop_nonfinite", "format"});
      manifest_.files = texts(dataset, "dataset.", "files", {});
      if (manifest_.files.empty())
        missing("dataset.files", "a list of files, such as [\"*.h5\"], or dataset.format one of " + formats());
    }
    manifest_.name = text(dataset, "dataset.", "name", fs::absolute(path_).parent_path().filename().string());
    manifest_.positions = text(dataset, "dataset.", "positions", "auto");
    if (manifest_.positions == "auto") manifest_.positions.clear();
    manifest_.inputs = texts(dataset, "dataset.", "inputs", {});
    if (const toml::node* node = dataset.get("inputs"); node && manifest_.inputs.empty())
      refuse(*node, "dataset.inputs", "at least one of \"position\" and names of fields");
    manifest_.target = text(dataset, "dataset.", "target", "");
    read_frames(dataset);
    if (const toml::node* node = dataset.get("drop_nonfinite")) {
      if (!node->is_boolean()) refuse(*node, "dataset.drop_nonfinite", "true or false");
      manifest_.drop_nonfinite = node->value_or(false);
    }
    read_splits(table(root, "split", false));
    read_normalisation(table(root, "normalisation", false));
    read_task(table(root, "task", false));
    return std::move(manifest_);
  }

private:
  toml::table parse() {
    std::error_code problem;
    const std::uintmax_t bytes = fs::file_size(path_, problem);
    if (problem) throw Error(ErrorKind::Io, "cannot read the manifest", path_.string() + ": " + problem.message());
    if (bytes > max_bytes) throw Error(ErrorKind::Config, "the file is too large for a manifest", path_.string());
    std::ifstream in(path_, std::ios::binary);
    std::ostringstream content;
    content << in.rdbuf();
    if (!in) throw Error(ErrorKind::Io, "cannot read the manifest", path_.string());
    try {
      return toml::parse(content.str());
    } catch (const toml::parse_error& error) {
      throw Error(
          ErrorKind::Config, "the manifest is not valid TOML",
          path_.string() + ":" + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
    }
  }

  std::string place(const toml::node& node) const {
    return path_.string() + ":" + std::to_string(node.source().begin.line) + ": ";
  }

  [[noreturn]] void refuse(const toml::node& node, const std::string& key, const std::string& allowed) const {
    throw Error(ErrorKind::Config, "the manifest has a value that is not allowed",
                place(node) + key + " = " + shown(node), "Allowed is " + allowed);
  }
  [[noreturn]] void missing(const std::string& key, const std::string& allowed) const {
    throw Error(ErrorKind::Config, "the manifest lacks a key", path_.string() + ": " + key, "Give it " + allowed);
  }

  void known(const toml::table& table, const std::string& prefix, const std::set<std::string>& keys) const {
    for (const auto& [key, node] : table) {
      if (keys.contains(std::string(key.str()))) continue;
      std::string list;
      for (const std::string& name : keys) list += (list.empty() ? "" : ", ") + prefix + name;
      throw Error(ErrorKind::Config, "the manifest has a key that does not exist",
                  place(node) + prefix + std::string(key.str()), "Known are " + list);
    }
  }

  const toml::table& table(const toml::table& root, const char* name, bool required) const {
    static const toml::table empty;
    const toml::node* node = root.get(name);
    if (!node && required) missing(name, "as a table [" + std::string(name) + "]");
    if (!node) return empty;
    if (!node->is_table()) refuse(*node, name, "a table");
    return *node->as_table();
  }

  std::string text(const toml::table& table, const std::string& prefix, const char* key,
                   const std::string& fallback) const {
    const toml::node* node = table.get(key);
    if (!node) return fallback;
    if (!node->is_string()) refuse(*node, prefix + key, "a text in quotes");
    return node->value_or(std::string());
  }

  std::vector<std::string> texts(const toml::table& table, const std::string& prefix, const std::string& key,
                                 std::vector<std::string> fallback) const {
    const toml::node* node = table.get(key);
    if (!node) return fallback;
    if (node->is_string()) return {node->value_or(std::string())};
    std::vector<std::string> result;
    if (!node->is_array()) refuse(*node, prefix + key, "a list of texts");
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_string()) refuse(element, prefix + key, "a list of texts");
      result.push_back(element.value_or(std::string()));
    }
    return result;
  }

  static std::string formats() {
    std::string list;
    for (const std::string& name : original_formats()) list += (list.empty() ? "\"" : ", \"") + name + "\"";
    return list;
  }

  // A whole number from 1, or `fallback` where the key is absent.
  std::int64_t count(const toml::table& dataset, const std::string& key, std::int64_t fallback) const {
    const toml::node* node = dataset.get(key);
    if (!node) return fallback;
    if (!node->is_integer() || node->value_or(std::int64_t{0}) < 1)
      refuse(*node, "dataset." + key, "a whole number from 1");
    return node->value_or(fallback);
  }

  void read_original(const toml::table& dataset) {
    known(dataset, "dataset.",
          {"name", "format", "root", "constants", "inputs", "target", "train_samples", "validation_samples",
           "test_samples", "window_step", "drop_nonfinite"});
    OriginalOptions& original = manifest_.original;
    original.format = text(dataset, "dataset.", "format", "");
    const std::vector<std::string>& names = original_formats();
    if (std::find(names.begin(), names.end(), original.format) == names.end())
      refuse(*dataset.get("format"), "dataset.format", "one of " + formats());
    original.root = (fs::absolute(path_).parent_path() / text(dataset, "dataset.", "root", ".")).lexically_normal();
    std::error_code problem;
    if (!fs::exists(original.root, problem))
      throw Error(ErrorKind::Config, "the manifest names a folder that does not exist",
                  path_.string() + ": dataset.root = " + original.root.string(),
                  "Give the folder that holds the data set, relative to the manifest or absolute");
    const std::string constants = text(dataset, "dataset.", "constants", "published");
    if (constants != "published" && constants != "computed")
      refuse(*dataset.get("constants"), "dataset.constants", "\"published\" or \"computed\"");
    original.published_constants = constants == "published";
    for (const char* split : {"train", "validation", "test"})
      if (const std::int64_t most = count(dataset, std::string(split) + "_samples", 0)) original.samples[split] = most;
    original.window_step = count(dataset, "window_step", 1);
  }

  void read_frames(const toml::table& dataset) {
    const std::string allowed = "\"first\", \"all\" or a list of frame numbers from 0";
    const toml::node* node = dataset.get("frames");
    if (!node) return;
    if (node->is_string()) {
      const std::string word = node->value_or(std::string());
      if (word != "first" && word != "all") refuse(*node, "dataset.frames", allowed);
      manifest_.all_frames = word == "all";
      return;
    }
    if (!node->is_array() || node->as_array()->empty()) refuse(*node, "dataset.frames", allowed);
    manifest_.frames.clear();
    for (const toml::node& element : *node->as_array()) {
      if (!element.is_integer() || element.value_or(std::int64_t{-1}) < 0) refuse(element, "dataset.frames", allowed);
      manifest_.frames.push_back(element.value_or(std::int64_t{0}));
    }
  }

  void read_splits(const toml::table& table) {
    known(table, "split.", {"train", "validation", "test"});
    for (const auto& [key, node] : table)
      manifest_.splits[std::string(key.str())] = texts(table, "split.", std::string(key.str()), {});
  }

  std::vector<double> numbers(const toml::table& table, const std::string& prefix, const char* key) const {
    const toml::node* node = table.get(key);
    if (!node) missing(prefix + key, "a number, or one number per component");
    const std::string allowed =
        std::string(key) == "deviation" ? "a positive number, or one per component" : "a number, or one per component";
    std::vector<double> values;
    const auto take = [&](const toml::node& element) {
      const double value = element.value_or(std::nan(""));
      if (!element.is_number() || !std::isfinite(value) || (std::string(key) == "deviation" && value <= 0))
        refuse(element, prefix + key, allowed);
      values.push_back(value);
    };
    if (!node->is_array())
      take(*node);
    else
      for (const toml::node& element : *node->as_array()) take(element);
    if (values.empty()) refuse(*node, prefix + key, allowed);
    return values;
  }

  void read_normalisation(const toml::table& table) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (!node.is_table()) refuse(node, "normalisation." + name, "a table with mean and deviation");
      const std::string prefix = "normalisation." + name + ".";
      known(*node.as_table(), prefix, {"mean", "deviation"});
      const Standard standard{numbers(*node.as_table(), prefix, "mean"),
                              numbers(*node.as_table(), prefix, "deviation")};
      if (standard.mean.size() != standard.deviation.size())
        refuse(node, "normalisation." + name, "as many means as deviations");
      if (name == "position")
        manifest_.normalisation.position = standard;
      else
        manifest_.normalisation.field[name] = standard;
    }
  }

  void read_task(const toml::table& table) {
    known(table, "task.", {"kind"});
    const std::string kind = text(table, "task.", "kind", "regression");
    if (kind != "regression" && kind != "density")
      refuse(*table.get("kind"), "task.kind", "\"regression\" or \"density\"");
    manifest_.density = kind == "density";
  }

  fs::path path_;
  Manifest manifest_;
};

}  // namespace

Manifest read_manifest(const fs::path& path) {
  return ManifestReader(path).read();
}

}  // namespace erwin
