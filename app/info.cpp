// `erwinscope info FILE`: what a file, folder, manifest or checkpoint holds, and whether it can be used.

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/command.h"
#include "app/left_out.h"
#include "app/open_options.h"
#include "core/base/error.h"
#include "core/config/config.h"
#include "core/dataset/dataset.h"
#include "core/io/open.h"
#include "core/model/checkpoint.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int info_schema = 1;

struct InfoArguments {
  fs::path file;
  bool json = false;
  io::OpenOptions open;
};

Json range_json(const std::optional<FieldRange>& range) {
  if (!range) return nullptr;
  return {{"minimum", range->minimum}, {"maximum", range->maximum}};
}

Json field_json(const Field& field) {
  Json entry{{"name", field.name()},
             {"kind", name_of(field.kind())},
             {"components", field.components()},
             {"unit", field.unit()},
             {"frames", field.frames()},
             {"range", range_json(field.range(field.components() > 1 ? -1 : 0))}};
  if (field.components() > 1) {
    entry["component_ranges"] = Json::array();
    for (int c = 0; c < field.components(); ++c) entry["component_ranges"].push_back(range_json(field.range(c)));
  }
  entry["nonfinite"] = field.nonfinite_count();
  return entry;
}

Json cloud_json(const PointCloud& cloud) {
  const Bounds box = cloud.bounds();
  Json fields = Json::array();
  for (const Field& field : cloud.fields()) fields.push_back(field_json(field));
  return {{"format", cloud.source().format},
          {"points", cloud.size()},
          {"dimension", cloud.dimension()},
          {"frames", cloud.frames()},
          {"unit", cloud.unit()},
          {"bounds", {{"minimum", box.minimum}, {"maximum", box.maximum}}},
          {"fields", fields},
          {"cells",
           {{"triangles", cloud.cells().triangles.size() / 3},
            {"quads", cloud.cells().quads.size() / 4},
            {"lines", cloud.cells().lines.size() / 2}}},
          {"dropped_points", cloud.source().dropped_points},
          {"remarks", cloud.source().remarks},
          {"content_hash", cloud.content_hash()}};
}

Json head_json(const fs::path& path, const char* kind) {
  return {{"schema", info_schema}, {"path", path.string()}, {"kind", kind}};
}

Json file_info(const InfoArguments& arguments) {
  const PointCloudPtr cloud = io::open(arguments.file, arguments.open, command_job());
  Json info = head_json(arguments.file, "point cloud");
  info.update(cloud_json(*cloud));
  const std::vector<std::string> samples = io::sample_names(arguments.file);
  if (samples != std::vector<std::string>{""}) {
    info["samples"] = samples;
    info["sample"] = arguments.open.sample.empty() ? samples.front() : arguments.open.sample;
  }
  return info;
}

Json dataset_info(const InfoArguments& arguments) {
  const Dataset dataset = Dataset::open(arguments.file, arguments.open, command_job());
  Json samples = Json::array();
  for (const SampleEntry& entry : dataset.samples()) samples.push_back(entry.name);
  Json splits = Json::object();
  for (const char* split : {"train", "validation", "test"})
    if (dataset.has_split(split)) splits[split] = dataset.split(split).size();
  const PointCloudPtr first = dataset.load(0, command_job());
  // What the manifest asks for must be there; the first sample stands for all.
  for (const std::string& input : dataset.inputs())
    if (input != "position") first->require_field(input);
  if (!dataset.target().empty()) first->require_field(dataset.target());
  Json info = head_json(arguments.file, "data set");
  info.update({{"name", dataset.name()},
               {"inputs", dataset.inputs()},
               {"target", dataset.target()},
               {"samples", samples},
               {"splits", splits},
               {"left_out", json_of(dataset.left_out())},
               {"first_sample", cloud_json(*first)}});
  return info;
}

Json standard_json(const Standard& standard) {
  return {{"mean", standard.mean}, {"deviation", standard.deviation}};
}

Json model_json(const ModelConfig& model) {
  Config config;
  put(config, model);
  Json values = Json::object();
  for (const Option& option : schema())
    if (option.section() == "model")
      std::visit([&](const auto& value) { values[option.name()] = value; }, config.value(option.key));
  return values;
}

Json checkpoint_info(const fs::path& path) {
  const Checkpoint checkpoint = load_checkpoint(path);
  std::int64_t numbers = 0;
  for (const WeightArray& weight : checkpoint.weights) {
    std::int64_t count = 1;
    for (const std::int64_t size : weight.shape) count *= size;
    numbers += count;
  }
  Json normalisation = Json::object();
  if (!checkpoint.recipe.normalisation.position.empty())
    normalisation["position"] = standard_json(checkpoint.recipe.normalisation.position);
  for (const auto& [name, standard] : checkpoint.recipe.normalisation.field)
    normalisation[name] = standard_json(standard);
  Json info = head_json(path, "checkpoint");
  info.update({{"format", io::name_of(io::FileKind::Checkpoint)},
               {"step", checkpoint.step},
               {"model", model_json(checkpoint.config)},
               {"inputs", checkpoint.recipe.inputs},
               {"target", checkpoint.recipe.target},
               {"normalisation", normalisation},
               {"arrays", checkpoint.weights.size()},
               {"numbers", numbers},
               {"provenance", checkpoint.provenance}});
  return info;
}

void print_line(const char* label, const std::string& text) {
  std::printf("%-12s %s\n", label, text.c_str());
}

std::string number(const Json& value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value.get<double>());
  return text;
}

std::string range_text(const Json& range) {
  return range.is_null() ? "no finite value" : number(range["minimum"]) + " to " + number(range["maximum"]);
}

std::string listed(const Json& names) {
  std::string text = std::to_string(names.size());
  for (std::size_t i = 0; i < names.size() && i < 6; ++i) text += (i ? ", " : ": ") + names[i].get<std::string>();
  return names.size() > 6 ? text + ", ..." : text;
}

void print_cloud(const Json& info) {
  print_line("format", info["format"]);
  print_line("points", std::to_string(info["points"].get<std::int64_t>()) + (info["dimension"] == 2 ? " in 2-D" : ""));
  if (info["frames"] > 1) print_line("frames", std::to_string(info["frames"].get<std::int64_t>()));
  const std::string unit = info["unit"];
  for (int axis = 0; axis < info["dimension"]; ++axis)
    print_line(axis == 0 ? "bounds" : "",
               std::string(1, "xyz"[axis]) + " " + number(info["bounds"]["minimum"][static_cast<std::size_t>(axis)]) +
                   " to " + number(info["bounds"]["maximum"][static_cast<std::size_t>(axis)]) +
                   (unit.empty() ? "" : " " + unit));
  const Json& cells = info["cells"];
  if (cells["triangles"] != 0 || cells["quads"] != 0 || cells["lines"] != 0)
    print_line("cells", cells["triangles"].dump() + " triangles, " + cells["quads"].dump() + " quads, " +
                            cells["lines"].dump() + " lines");
  for (const Json& field : info["fields"]) {
    const std::string field_unit = field["unit"];
    std::string text = field["name"].get<std::string>() + ": " + field["kind"].get<std::string>();
    if (field["components"] > 1) text += " of " + field["components"].dump() + ", length";
    text += " " + range_text(field["range"]) + (field_unit.empty() ? "" : " [" + field_unit + "]");
    if (field["nonfinite"] > 0) text += ", " + field["nonfinite"].dump() + " not finite";
    print_line("field", text);
  }
  if (info["fields"].empty()) print_line("fields", "none");
  if (info["dropped_points"] > 0)
    print_line("left out", info["dropped_points"].dump() + " points without a finite position");
  for (const Json& remark : info["remarks"]) print_line("note", remark);
  print_line("hash", info["content_hash"]);
}

void print_dataset(const Json& info) {
  print_line("data set", info["name"]);
  print_line("samples", listed(info["samples"]));
  print_line("inputs", listed(info["inputs"]));
  if (info["target"] != "") print_line("target", info["target"]);
  for (const auto& [split, count] : info["splits"].items())
    print_line("split", split + ": " + count.dump() + " samples");
  if (!info["left_out"].empty()) print_line("left out", std::to_string(info["left_out"].size()) + " samples");
  std::printf("\nfirst sample, %s\n", info["samples"][0].get<std::string>().c_str());
  print_cloud(info["first_sample"]);
}

void print_checkpoint(const Json& info) {
  print_line("format", info["format"]);
  print_line("step", info["step"].dump());
  print_line("inputs", listed(info["inputs"]));
  print_line("target", info["target"] == "" ? Json("none") : info["target"]);
  print_line("weights", info["numbers"].dump() + " numbers in " + info["arrays"].dump() + " arrays");
  for (const auto& [name, value] : info["model"].items()) print_line("model", name + " = " + value.dump());
  for (const auto& [name, value] : info["provenance"].items())
    print_line("provenance", name + " = " + value.get<std::string>());
}

void print_info(const InfoArguments& arguments) {
  std::error_code problem;
  if (!fs::exists(arguments.file, problem))
    throw Error(ErrorKind::Io, "there is no such file or folder", arguments.file.string());
  const bool folder = fs::is_directory(arguments.file, problem);
  const io::FileKind kind = folder ? io::FileKind::Unknown : io::detect(arguments.file);
  Json info;
  if (folder || kind == io::FileKind::Manifest || kind == io::FileKind::TfRecord ||
      arguments.file.extension() == ".toml")
    info = dataset_info(arguments);
  else if (kind == io::FileKind::Checkpoint)
    info = checkpoint_info(arguments.file);
  else
    info = file_info(arguments);
  if (arguments.json)
    std::printf("%s\n", info.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  else if (info["kind"] == "data set")
    print_dataset(info);
  else if (info["kind"] == "checkpoint")
    print_checkpoint(info);
  else {
    if (info.contains("samples")) print_line("samples", listed(info["samples"]));
    print_cloud(info);
  }
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand("info", "what a file, folder, manifest or checkpoint holds");
  const auto arguments = std::make_shared<InfoArguments>();
  command->add_option("FILE", arguments->file, "a point cloud, a folder, a manifest or a checkpoint")->required();
  command->add_flag("--json", arguments->json, "print JSON (schema 1)");
  add_open_options(*command, arguments->open);
  add_sample_option(*command, arguments->open);
  add_skip_option(*command, arguments->open);
  command->callback([arguments] { print_info(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
