#include "core/session/shipped.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <system_error>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/dataset/dataset.h"
#include "core/io/open.h"
#include "core/model/checkpoint.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_entries = 200;  // of one folder: a mistaken folder must not be read for minutes

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> paths;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem)) {
    if (paths.size() == most_entries) break;
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// "made_up-car" -> "Made up car".
std::string title_of(std::string name) {
  for (char& letter : name)
    if (letter == '_' || letter == '-') letter = ' ';
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

std::string with_thousands(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string describe_data(const Dataset& dataset, const Job& job) {
  const PointCloudPtr first = dataset.load(0, job);
  const std::size_t samples = dataset.samples().size();
  std::string text = samples > 1 ? std::to_string(samples) + " samples, the first with " : std::string();
  text += with_thousands(first->size()) + " points";
  if (first->frames() > 1) text += ", " + std::to_string(first->frames()) + " frames";
  std::string names;
  for (const Field& field : first->fields()) names += (names.empty() ? "" : ", ") + field.name();
  if (!names.empty()) text += "; " + names;
  return text;
}

std::string describe_model(const fs::path& path) {
  const Checkpoint checkpoint = load_checkpoint(path);
  std::string text = std::string(name_of(checkpoint.config.kind)) + " network";
  if (!checkpoint.recipe.target.empty()) text += " that predicts " + checkpoint.recipe.target;
  return text + (checkpoint.step > 0 ? ", trained for " + with_thousands(checkpoint.step) + " steps" : ", untrained");
}

bool is_checkpoint(const fs::path& path) {
  return path.extension() == ".h5" && io::detect(path) == io::FileKind::Checkpoint;
}

// Runs what may fail on a broken file; a broken file is a line in the log, a stop stops.
template <typename Work>
void tolerate(const fs::path& path, Work work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Cancelled) throw;
    log(LogLevel::Info, "left out of the samples: " + path.string() + ": " + error.what());
  }
}

std::optional<ShippedSample> open_data(const fs::path& data, const std::string& title, const Job& job) {
  std::optional<ShippedSample> sample;
  tolerate(data, [&] { sample = ShippedSample{data, {}, title, describe_data(Dataset::open(data), job)}; });
  return sample;
}

// The networks that attend to selected blocks first: they are what there is to see here.
void sort_models(std::vector<fs::path>& models) {
  std::stable_partition(models.begin(), models.end(),
                        [](const fs::path& model) { return model.stem().string().ends_with("-nsa"); });
}

void add_model(ShippedSample& sample, const fs::path& model) {
  tolerate(model, [&] {
    const std::string text = describe_model(model);
    sample.model = model;
    sample.description += "; " + text;
  });
}

// A folder with a manifest is one data set; without one, each data file stands for itself. Checkpoints of the folder
// (or of its folder `checkpoints`) belong to all of it.
void list_folder(const fs::path& folder, std::vector<ShippedSample>& found, const Job& job) {
  std::vector<fs::path> data, models;
  const fs::path manifest = folder / "manifest.toml";
  std::error_code problem;
  const bool is_set = fs::is_regular_file(manifest, problem);
  if (is_set) data.push_back(manifest);
  for (const fs::path& path : entries_of(folder))
    tolerate(path, [&] {
      job.check();
      if (path.extension() != ".h5") return;
      if (is_checkpoint(path))
        models.push_back(path);
      else if (!is_set)
        data.push_back(path);
    });
  for (const fs::path& path : data) {
    const std::string name = path == manifest ? folder.filename().string() : path.stem().string();
    auto sample = open_data(path, title_of(name), job);
    if (!sample) continue;
    sort_models(models);
    if (!models.empty()) add_model(*sample, models.front());
    found.push_back(std::move(*sample));
  }
}

}  // namespace

fs::path shipped_folder() {
  std::vector<fs::path> candidates;
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (!problem) {
    candidates.push_back(program.parent_path() / "datasets");
    candidates.push_back(program.parent_path().parent_path() / "share" / "erwinscope" / "datasets");
  }
  candidates.push_back(fs::path(ERWIN_SOURCE_DIR) / "datasets");
  for (const fs::path& folder : candidates)
    if (fs::is_directory(folder, problem)) return folder;
  return {};
}

std::vector<ShippedSample> list_shipped(const fs::path& folder, const Job& job) {
  std::vector<ShippedSample> found;
  std::vector<fs::path> models;
  for (const fs::path& path : entries_of(folder)) {
    job.check();
    std::error_code problem;
    if (fs::is_directory(path, problem)) {
      list_folder(path, found, job);
      continue;
    }
    tolerate(path, [&] {
      if (is_checkpoint(path)) {
        models.push_back(path);
        return;
      }
      const std::string kind = path.extension();
      if (kind != ".h5" && !(kind == ".toml" && io::detect(path) == io::FileKind::Manifest)) return;
      // A manifest of the same name says more about the file than the file itself.
      if (kind == ".h5" && fs::is_regular_file(fs::path(path).replace_extension(".toml"), problem)) return;
      if (auto sample = open_data(path, title_of(path.stem().string()), job)) found.push_back(std::move(*sample));
    });
  }
  sort_models(models);
  for (const fs::path& model : models)
    for (ShippedSample& sample : found) {
      const fs::path named = sample.data.filename() == "manifest.toml" ? sample.data.parent_path() : sample.data;
      if (sample.model.empty() && model.stem().string().starts_with(named.stem().string())) add_model(sample, model);
    }
  return found;
}

}  // namespace erwin
