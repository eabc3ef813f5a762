#include "core/generate/data_set.h"

#include <atomic>
#include <cstdio>
#include <thread>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/config/schema.h"
#include "core/io/write.h"
#include "kernels/parallel/parallel.h"

namespace erwin::generate {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> sample_names(const SplitCounts& counts) {
  const std::pair<const char*, std::int64_t> splits[] = {
      {"train", counts.train}, {"validation", counts.validation}, {"test", counts.test}};
  std::vector<std::string> names;
  for (const auto& [split, count] : splits)
    for (std::int64_t i = 0; i < count; ++i) {
      char name[64];
      std::snprintf(name, sizeof name, "%s_%03lld", split, static_cast<long long>(i));
      names.emplace_back(name);
    }
  return names;
}

std::string manifest_text(const fs::path& file, const DataSetDescription& description, const SplitCounts& counts) {
  std::string text = "# Made by: " + description.command + "\n[dataset]\n";
  const auto add = [&](const char* key, const OptionValue& value) {
    text += std::string(key) + " = " + toml_text(value) + "\n";
  };
  add("name", description.name);
  add("files", std::vector<std::string>{file.filename().string()});
  add("inputs", description.inputs);
  add("target", description.target);
  if (description.all_frames) add("frames", std::string("all"));
  // The sample of a file that holds one has no name of its own for a split to ask for.
  if (counts.total() > 1) {
    text += "[split]\n";
    const auto split = [&](const std::string& name, std::int64_t count) {
      if (count > 0) add(name.c_str(), std::vector<std::string>{"*#" + name + "_*"});
    };
    split("train", counts.train);
    split("validation", counts.validation);
    split("test", counts.test);
  }
  if (description.keep_positions)
    text += "[normalisation.position]\nmean = [0.0, 0.0, 0.0]\ndeviation = [1.0, 1.0, 1.0]\n";
  return text;
}

}  // namespace

SplitCounts split_counts(std::int64_t samples, std::int64_t validation, std::int64_t test) {
  SplitCounts counts;
  counts.validation = validation < 0 ? samples / 8 : validation;
  counts.test = test < 0 ? samples / 4 : test;
  counts.train = samples - counts.validation - counts.test;
  if (counts.train < 1)
    throw Error(ErrorKind::Config, "no sample is left to train on",
                std::to_string(samples) + " samples, " + std::to_string(counts.validation) + " to validate with, " +
                    std::to_string(counts.test) + " to test with",
                "Give more --samples, or a smaller --validation or --test");
  return counts;
}

std::vector<PointCloudPtr> make_in_parallel(std::int64_t samples, const char* what,
                                            const std::function<PointCloudPtr(std::int64_t index)>& make,
                                            const Job& job) {
  std::vector<PointCloudPtr> clouds(static_cast<std::size_t>(samples));
  std::atomic<std::int64_t> done = 0;
  const std::thread::id caller = std::this_thread::get_id();
  parallel_for(0, samples, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      job.check();
      clouds[static_cast<std::size_t>(i)] = make(i);
      const std::int64_t count = ++done;
      // A job hears of progress from the thread that works on it only.
      if (std::this_thread::get_id() == caller)
        job.progress(static_cast<double>(count) / static_cast<double>(samples + 1), what);
    }
  });
  return clouds;
}

fs::path manifest_path(const fs::path& file) {
  return fs::path(file).replace_extension(".toml");
}

void check_data_set_path(const fs::path& file) {
  const std::string name = file.filename().string(), extension = file.extension().string();
  if (extension != ".h5" && extension != ".hdf5")
    throw Error(ErrorKind::Config, "a data set is written as HDF5", file.string(), "Name a file that ends in .h5");
  if (name.find_first_of("*?[\\") != std::string::npos)
    throw Error(ErrorKind::Config, "the file's name cannot stand in a manifest", file.string(),
                "Leave out the characters * ? [ and \\");
}

void write_data_set(const fs::path& file, const DataSetDescription& description, const SplitCounts& counts,
                    const std::vector<PointCloudPtr>& clouds, const Job& job) {
  const std::vector<std::string> names = sample_names(counts);
  if (names.size() != clouds.size()) throw Error(ErrorKind::Internal, "another number of samples than the splits say");
  io::NamedClouds samples;
  for (std::size_t i = 0; i < clouds.size(); ++i) samples.emplace_back(names[i], clouds[i]);
  io::write_hdf5(file, samples, job);
  write_text_atomically(manifest_path(file), manifest_text(file, description, counts));
}

}  // namespace erwin::generate
