#include "core/import/preset_choice.h"

#include "core/dataset/dataset.h"
#include "core/dataset/internal/manifest.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t most_of_small = 1000, most_of_medium = 20000;
// Random projections of more numbers than these hash them rather than show their waves.
constexpr int most_of_fourier = 6;

bool wants_density(const fs::path& data) {
  std::error_code problem;
  const fs::path manifest = fs::is_directory(data, problem) ? data / "manifest.toml" : data;
  return manifest.extension() == ".toml" && fs::is_regular_file(manifest, problem) && read_manifest(manifest).density;
}

}  // namespace

std::string preset_for_size(std::int64_t points, bool on_cpu) {
  if (on_cpu || points <= most_of_small) return "own-small-erwin-nsa";
  return points <= most_of_medium ? "own-medium-erwin-nsa" : "own-large-erwin-nsa";
}

PresetChoice choose_preset(const fs::path& data, const std::string& device, const Job& job) {
  const Dataset dataset = Dataset::open(data);
  const std::vector<std::int64_t> training = dataset.split("train");
  const PointCloudPtr cloud = dataset.load(training.empty() ? 0 : training.front(), job);
  PresetChoice choice;
  choice.preset = preset_for_size(cloud->size(), device == "cpu");
  choice.config = Config::from_toml_file(find_config(choice.preset));
  choice.why = std::to_string(cloud->size()) + " points on " + device;
  int inputs = 0;
  for (const std::string& input : dataset.inputs())
    inputs += input == "position" ? cloud->dimension() : cloud->require_field(input).components();
  if (inputs > most_of_fourier) choice.config.assign("model.embedding", std::string("linear"));
  if (wants_density(data)) choice.config.assign("model.head", std::string("gaussian"));
  return choice;
}

}  // namespace erwin
