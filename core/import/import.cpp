#include "core/import/import.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <set>
#include <string_view>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/config/schema.h"
#include "core/import/internal/survey.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

using import::Survey;
using Splits = std::map<std::string, std::vector<std::string>>;

// A name as a pattern that fits it alone.
std::string as_pattern(const std::string& name) {
  std::string pattern;
  for (const char c : name) {
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

// Every file, as the manifest names it: relative where it lies in the manifest's folder or below.
std::vector<std::string> named_files(const ImportRequest& request, const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  io::OpenOptions options;
  options.positions = request.positions;
  options.drop_nonfinite = request.drop_nonfinite;
  for (const fs::path& given : request.files) {
    if (!fs::exists(given, problem))
      throw Error(ErrorKind::Io, "there is no such file or folder", given.string(), "Check the name");
    const bool is_folder = fs::is_directory(given, problem);
    if (!is_folder && given.extension() == ".toml")
      throw Error(ErrorKind::Config, "this is a manifest already", given.string(),
                  "Train on it: erwinscope train --data " + given.string());
    std::set<fs::path> files{given};
    if (is_folder) {
      files.clear();
      const Dataset found = Dataset::open(given, options);
      for (const SampleEntry& entry : found.samples()) files.insert(entry.file);
    }
    for (const fs::path& file : files) {
      const fs::path whole = fs::absolute(file).lexically_normal();
      const fs::path relative = whole.lexically_relative(folder);
      const bool below = !relative.empty() && *relative.begin() != "..";
      const std::string name = as_pattern((below ? relative : whole).generic_string());
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  if (names.empty()) throw Error(ErrorKind::Config, "no files were given", {}, "Name some: erwinscope import FILES...");
  return names;
}

std::string list_text(const std::vector<std::string>& values) {
  return toml_text(OptionValue(values));
}

std::string dataset_text(const ImportRequest& request, const std::vector<std::string>& files,
                         const std::vector<std::string>& inputs, const std::string& target) {
  std::string text = "[dataset]\nname = " + toml_text(OptionValue(request.out.stem().string())) +
                     "\nfiles = " + list_text(files) + "\n";
  if (!request.positions.empty()) text += "positions = " + toml_text(OptionValue(request.positions)) + "\n";
  text += "inputs = " + list_text(inputs) + "\n";
  if (!target.empty()) text += "target = " + toml_text(OptionValue(target)) + "\n";
  if (request.all_frames) text += "frames = \"all\"\n";
  if (request.drop_nonfinite) text += "drop_nonfinite = true\n";
  return text;
}

// The split that a name says, as in train_03 or runs/test/4; empty where it says none.
std::string split_in_name(const std::string& name) {
  const auto has_word = [&](std::string_view word) {
    for (std::size_t at = name.find(word); at != std::string::npos; at = name.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
      if ((at == 0 || !is_letter(name[at - 1])) && (end == name.size() || !is_letter(name[end]))) return true;
    }
    return false;
  };
  if (has_word("train") || has_word("training")) return "train";
  if (has_word("validation") || has_word("valid") || has_word("val")) return "validation";
  return has_word("test") || has_word("testing") ? "test" : "";
}

// By their names where all names say so and some are to be trained on.
Splits splits_by_name(const std::vector<std::string>& names) {
  Splits splits;
  for (const std::string& name : names) {
    const std::string split = split_in_name(name);
    if (split.empty()) return {};
    splits[split].push_back(name);
  }
  return splits.contains("train") ? splits : Splits();
}

// A tenth each for test and validation, but from two samples on one for the test and from five on one for validation.
// in_order: the last ones, for frames of trajectories, whose neighbours in time are much alike.
Splits splits_by_share(std::vector<std::string> names, bool in_order) {
  if (!in_order) {
    std::mt19937 random(0);
    for (std::size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random() % i]);
  }
  const std::size_t count = names.size();
  const std::size_t test = count < 2 ? 0 : std::max<std::size_t>(1, count / 10);
  const std::size_t validation = count < 5 ? 0 : std::max<std::size_t>(1, count / 10);
  Splits splits;
  for (std::size_t i = 0; i < count; ++i)
    splits[i + test >= count ? "test" : i + test + validation >= count ? "validation" : "train"].push_back(names[i]);
  for (auto& [split, of_split] : splits) std::sort(of_split.begin(), of_split.end());
  return splits;
}

std::string splits_text(const Splits& splits) {
  std::string text = "\n[split]\n";
  for (const char* split : {"train", "validation", "test"}) {
    const auto found = splits.find(split);
    if (found == splits.end()) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : found->second) patterns.push_back(as_pattern(name));
    text += std::string(split) + " = " + list_text(patterns) + "\n";
  }
  return text;
}

std::string normalisation_text(const Normalisation& normalisation) {
  std::string text;
  const auto add = [&](const std::string& name, const Standard& standard) {
    text += "\n[normalisation." + toml_text(OptionValue(name)) + "]\nmean = " + toml_text(OptionValue(standard.mean)) +
            "\ndeviation = " + toml_text(OptionValue(standard.deviation)) + "\n";
  };
  add("position", normalisation.position);
  for (const auto& [name, standard] : normalisation.field) add(name, standard);
  return text;
}

// The samples as a manifest of these files would have them.
Dataset opened(const fs::path& manifest, const std::string& text) {
  const fs::path draft =
      manifest.parent_path() / ("." + manifest.stem().string() + ".draft-" + std::to_string(::getpid()) + ".toml");
  struct Removal {
    const fs::path& path;
    ~Removal() {
      std::error_code problem;
      fs::remove(path, problem);
    }
  } const removal{draft};
  write_text_atomically(draft, text);
  return Dataset::open(draft);
}

std::string split_of(const Splits& splits, const std::string& name) {
  for (const auto& [split, names] : splits)
    if (std::find(names.begin(), names.end(), name) != names.end()) return split;
  return "";
}

std::vector<std::string> names_of(const Dataset& dataset, const std::set<std::int64_t>& bad) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < dataset.samples().size(); ++i)
    if (!bad.contains(static_cast<std::int64_t>(i))) names.push_back(dataset.samples()[i].name);
  return names;
}

// The samples that cannot be used, with their reasons in the report; refuses them unless they may be left out.
std::set<std::int64_t> bad_samples(const Dataset& dataset, const Survey& survey, bool skip, ImportReport& report,
                                   const Job& job) {
  std::set<std::int64_t> bad;
  for (std::size_t i = 0; i < dataset.samples().size(); ++i) {
    const SampleEntry& entry = dataset.samples()[i];
    job.progress(0.5 * static_cast<double>(i) / static_cast<double>(dataset.samples().size()), "reading " + entry.name);
    std::string problem;
    try {
      problem = survey.problem_of(*dataset.load(static_cast<std::int64_t>(i), job), entry.frame);
    } catch (const Error& error) {
      if (!skip || error.kind() != ErrorKind::Format) throw error.at(entry.name);
      problem = error.message();
    }
    if (problem.empty()) continue;
    if (!skip)
      throw Error(ErrorKind::Format, "a sample cannot be used", entry.name + ": " + problem,
                  "Mend it, or go on without such samples with --skip-bad");
    bad.insert(static_cast<std::int64_t>(i));
    report.left_out.push_back(entry.name + ": " + problem);
  }
  if (bad.size() == dataset.samples().size())
    throw Error(ErrorKind::Format, "no sample can be used", report.left_out.front(), "Check the files");
  return bad;
}

void note_counts(const Splits& splits, ImportReport& report) {
  for (const auto& [split, names] : splits) report.splits[split] = std::ssize(names);
  if (!splits.contains("test"))
    report.warnings.push_back("there is nothing to test on: with one sample a network can only be tried out");
}

}  // namespace

ImportReport import_data(const ImportRequest& request, const Job& job) {
  ImportReport report;
  report.manifest = fs::absolute(request.out).lexically_normal();
  std::error_code problem;
  if (report.manifest.extension() != ".toml")
    throw Error(ErrorKind::Config, "a manifest is a file that ends in .toml", "--out " + request.out.string());
  if (!request.overwrite && fs::exists(report.manifest, problem))
    throw Error(ErrorKind::Config, "the manifest exists already", request.out.string(),
                "Give another name with --out, or replace it with --overwrite");
  report.inputs = request.inputs.empty() ? std::vector<std::string>{"position"} : request.inputs;
  const std::vector<std::string> files = named_files(request, report.manifest.parent_path());
  const Dataset dataset = opened(report.manifest, dataset_text(request, files, report.inputs, ""));
  const PointCloudPtr first = dataset.load(0, job);
  report.target = request.target.empty() ? import::only_candidate(*first, report.inputs) : request.target;
  Survey survey(report.inputs, report.target, *first);

  const std::set<std::int64_t> bad = bad_samples(dataset, survey, request.skip_bad, report, job);
  const std::vector<std::string> names = names_of(dataset, bad);
  Splits splits = splits_by_name(names);
  if (splits.empty()) splits = splits_by_share(names, request.all_frames);
  for (std::size_t i = 0; i < dataset.samples().size(); ++i) {
    if (bad.contains(static_cast<std::int64_t>(i))) continue;
    const SampleEntry& entry = dataset.samples()[i];
    job.progress(0.5 + 0.5 * static_cast<double>(i) / static_cast<double>(dataset.samples().size()),
                 "measuring " + entry.name);
    survey.add(entry.name, split_of(splits, entry.name), *dataset.load(static_cast<std::int64_t>(i), job), entry.frame,
               job);
  }
  report.dimension = first->dimension();
  report.fewest_points = survey.fewest_points();
  report.most_points = survey.most_points();
  report.normalisation = survey.normalisation();
  report.warnings = survey.warnings(report.normalisation);
  for (const std::string& input : report.inputs) report.input_components += survey.components(input);
  report.target_components = survey.components(report.target);
  if (const Field* target = first->field(report.target)) report.unit = target->unit();
  if (!request.all_frames && first->frames() > 1)
    report.warnings.push_back("the first file has " + std::to_string(first->frames()) +
                              " frames, of which the first is used: --frames all makes each a sample");
  note_counts(splits, report);
  std::string text = dataset_text(request, files, report.inputs, report.target) + splits_text(splits) +
                     normalisation_text(report.normalisation);
  if (request.density) text += "\n[task]\nkind = \"density\"\n";
  write_text_atomically(report.manifest, text);
  return report;
}

}  // namespace erwin
