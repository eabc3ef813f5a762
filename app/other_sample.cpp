#include "app/other_sample.h"

#include <algorithm>
#include <filesystem>

#include "app/command.h"
#include "core/base/error.h"
#include "core/dataset/dataset.h"

namespace erwin::app {

namespace {

OtherSample load(const Dataset& dataset, std::int64_t index) {
  return {dataset.samples().at(static_cast<std::size_t>(index)).name, dataset.target(),
          dataset.load(index, command_job())};
}

}  // namespace

OtherSample open_other_sample(const std::string& data, const std::string& name, const io::OpenOptions& options) {
  const bool is_file = std::filesystem::exists(name);
  if (data.empty()) {
    if (!is_file) throw Error(ErrorKind::Config, "there is no such file to compare with", name);
    return load(Dataset::open(name, options, command_job()), 0);
  }
  const Dataset dataset = Dataset::open(data, options, command_job());
  const auto is_it = [&](const SampleEntry& entry) { return entry.name == name; };
  if (is_file && std::ranges::none_of(dataset.samples(), is_it))
    return load(Dataset::open(name, options, command_job()), 0);
  return load(dataset, dataset.index_of(name));
}

}  // namespace erwin::app
