#include "core/dataset/dataset.h"

#include <fnmatch.h>
#include <glob.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/dataset/internal/manifest.h"
#include "core/dataset/internal/statistics.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

// "a, b, c, ..."
std::string some_of(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 8; ++i) text += (i ? ", " : "") + names[i];
  return names.size() > 8 ? text + ", ..." : text;
}

// The folder's own name is no pattern.
std::string without_magic(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::vector<fs::path> matching_files(const fs::path& folder, const std::string& pattern) {
  const std::string whole =
      !pattern.empty() && pattern.front() == '/' ? pattern : without_magic(folder.string()) + "/" + pattern;
  glob_t found{};
  const int result = ::glob(whole.c_str(), 0, nullptr, &found);
  std::vector<fs::path> files;
  std::error_code problem;
  for (std::size_t i = 0; result == 0 && i < found.gl_pathc; ++i)
    if (fs::is_regular_file(found.gl_pathv[i], problem)) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (files.empty())
    throw Error(ErrorKind::Config, "no file fits the manifest", "dataset.files = \"" + pattern + "\"",
                "Globs count from the manifest's folder, " + folder.string());
  return files;
}

std::vector<fs::path> files_of(const fs::path& folder, const std::vector<std::string>& patterns) {
  std::vector<fs::path> files;
  std::set<fs::path> seen;
  for (const std::string& pattern : patterns)
    for (fs::path& file : matching_files(folder, pattern))
      if (seen.insert(file.lexically_normal()).second) files.push_back(file.lexically_normal());
  return files;
}

bool is_data(io::FileKind kind) {
  switch (kind) {
    case io::FileKind::Unknown:
    case io::FileKind::Empty:
    case io::FileKind::LfsPointer:
    case io::FileKind::Checkpoint:
    case io::FileKind::Laz:
    case io::FileKind::TorchZip:
    case io::FileKind::Manifest:
      return false;
    default:
      return true;
  }
}

// Whether a file of a folder is a sample. Almost any file looks like a text table, so those are opened.
bool opens(const fs::path& file, const io::OpenOptions& options) {
  try {
    const io::FileKind kind = io::detect(file);
    if (!is_data(kind)) return false;
    if (kind == io::FileKind::Text || kind == io::FileKind::Xyz) io::open(file, options);
    return true;
  } catch (const Error& error) {
    log(LogLevel::Info, "not a sample: " + file.string() + ": " + error.what());
    return false;
  }
}

std::vector<fs::path> data_files_of(const fs::path& folder, const io::OpenOptions& options) {
  std::vector<fs::path> files;
  std::error_code problem;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, problem))
    if (entry.is_regular_file(problem) && entry.path().filename().string().front() != '.')
      files.push_back(entry.path());
  if (problem) throw Error(ErrorKind::Io, "cannot read the folder", folder.string() + ": " + problem.message());
  std::sort(files.begin(), files.end());
  std::erase_if(files, [&](const fs::path& file) { return !opens(file, options); });
  if (files.empty())
    throw Error(ErrorKind::Format, "no file of this folder can be opened", folder.string(),
                "Give a folder with point clouds, or a manifest (*.toml)");
  return files;
}

// The stem where it is the only one, else the path below the folder without its extension.
std::vector<std::string> names_of(const std::vector<fs::path>& files, const fs::path& folder) {
  std::map<std::string, int> stems;
  for (const fs::path& file : files) ++stems[file.stem().string()];
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    const std::string stem = file.stem().string();
    if (stems[stem] == 1)
      names.push_back(stem);
    else
      names.push_back(file.lexically_relative(folder.lexically_normal()).replace_extension().generic_string());
  }
  // a.csv beside a.h5
  std::map<std::string, int> seen;
  for (const std::string& name : names) ++seen[name];
  for (std::size_t i = 0; i < files.size(); ++i)
    if (seen[names[i]] > 1) names[i] = files[i].lexically_relative(folder.lexically_normal()).generic_string();
  return names;
}

void add_file(std::vector<SampleEntry>& samples, const fs::path& file, const std::string& name,
              const std::string& only) {
  const std::vector<std::string> inner = io::sample_names(file);
  if (!only.empty() && std::find(inner.begin(), inner.end(), only) == inner.end() &&
      inner != std::vector<std::string>{""})
    throw Error(ErrorKind::Config, "there is no sample named '" + only + "'", file.string(),
                "The file's samples are: " + some_of(inner));
  for (const std::string& sample : inner) {
    if (!only.empty() && !sample.empty() && sample != only) continue;
    samples.push_back({inner.size() > 1 ? name + "#" + sample : name, file, sample, 0});
  }
}

// Each sample once per frame asked for.
std::vector<SampleEntry> by_frames(const std::vector<SampleEntry>& samples, const Manifest& manifest,
                                   const io::OpenOptions& options) {
  if (!manifest.all_frames && manifest.frames == std::vector<std::int64_t>{0}) return samples;
  std::vector<SampleEntry> result;
  for (const SampleEntry& sample : samples) {
    io::OpenOptions of_sample = options;
    of_sample.sample = sample.inner;
    const std::int64_t frames = io::open(sample.file, of_sample)->frames();
    std::vector<std::int64_t> wanted = manifest.frames;
    if (manifest.all_frames) {
      wanted.resize(static_cast<std::size_t>(frames));
      std::iota(wanted.begin(), wanted.end(), 0);
    }
    for (const std::int64_t frame : wanted) {
      if (frame >= frames)
        throw Error(ErrorKind::Config, "the manifest names a frame that does not exist",
                    "dataset.frames: " + std::to_string(frame) + " of " + sample.name,
                    "It has frames 0 to " + std::to_string(frames - 1));
      SampleEntry entry = sample;
      entry.frame = frame;
      if (frames > 1) entry.name += "@" + std::to_string(frame);
      result.push_back(std::move(entry));
    }
  }
  return result;
}

std::vector<std::int64_t> chosen(const std::vector<SampleEntry>& samples, const std::string& split,
                                 const std::vector<std::string>& patterns) {
  std::set<std::int64_t> indices;
  for (const std::string& pattern : patterns) {
    bool any = false;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (::fnmatch(pattern.c_str(), samples[i].name.c_str(), 0) == 0) {
        any = true;
        indices.insert(static_cast<std::int64_t>(i));
      }
    if (any) continue;
    std::vector<std::string> names;
    for (const SampleEntry& sample : samples) names.push_back(sample.name);
    throw Error(ErrorKind::Config, "a split names no sample", "split." + split + " = \"" + pattern + "\"",
                "The samples are: " + some_of(names));
  }
  return {indices.begin(), indices.end()};
}

void require_apart(const std::map<std::string, std::vector<std::int64_t>>& splits,
                   const std::vector<SampleEntry>& samples) {
  std::map<std::int64_t, std::string> owner;
  for (const auto& [split, indices] : splits)
    for (const std::int64_t index : indices) {
      const auto [place, fresh] = owner.emplace(index, split);
      if (!fresh)
        throw Error(ErrorKind::Config, "a sample is in two splits",
                    samples[static_cast<std::size_t>(index)].name + ": " + place->second + " and " + split,
                    "A sample that is tested must not be trained on: change the globs under [split]");
    }
}

}  // namespace

Dataset Dataset::open(const fs::path& given, const io::OpenOptions& options) {
  std::error_code problem;
  fs::path path = given;
  const bool folder = fs::is_directory(path, problem);
  if (!folder && !fs::exists(path, problem))
    throw Error(ErrorKind::Io, "there is no such file or folder", path.string());
  if (folder && fs::is_regular_file(path / "manifest.toml", problem)) path /= "manifest.toml";
  Dataset dataset;
  dataset.options_ = options;
  dataset.inputs_ = {"position"};
  const fs::path place = (folder ? fs::absolute(given) : fs::absolute(path).parent_path()).lexically_normal();
  std::vector<fs::path> files;
  std::optional<Manifest> manifest;
  if (path.extension() == ".toml") {
    manifest = read_manifest(path);
    dataset.name_ = manifest->name;
    dataset.inputs_ = manifest->inputs;
    dataset.target_ = manifest->target;
    dataset.given_ = manifest->normalisation;
    if (dataset.options_.positions.empty()) dataset.options_.positions = manifest->positions;
    dataset.options_.drop_nonfinite |= manifest->drop_nonfinite;
    files = files_of(place, manifest->files);
  } else {
    dataset.name_ = fs::absolute(path).lexically_normal().stem().string();
    if (folder && dataset.name_.empty()) dataset.name_ = place.parent_path().stem().string();
    files = folder ? data_files_of(path, options) : std::vector<fs::path>{path};
    for (fs::path& file : files) file = fs::absolute(file).lexically_normal();
  }
  const std::vector<std::string> names = names_of(files, place);
  for (std::size_t i = 0; i < files.size(); ++i) add_file(dataset.samples_, files[i], names[i], options.sample);
  if (dataset.samples_.empty()) throw Error(ErrorKind::Format, "there is no sample in this data set", given.string());
  if (manifest) {
    dataset.samples_ = by_frames(dataset.samples_, *manifest, dataset.options_);
    for (const auto& [split, patterns] : manifest->splits)
      dataset.splits_[split] = chosen(dataset.samples_, split, patterns);
    require_apart(dataset.splits_, dataset.samples_);
  }
  return dataset;
}

std::vector<std::int64_t> Dataset::split(const std::string& name) const {
  if (splits_.empty()) {
    std::vector<std::int64_t> all(samples_.size());
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  const auto found = splits_.find(name);
  return found == splits_.end() ? std::vector<std::int64_t>{} : found->second;
}

std::int64_t Dataset::index_of(const std::string& name) const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    if (samples_[i].name == name) return static_cast<std::int64_t>(i);
    names.push_back(samples_[i].name);
  }
  // Within one file, the sample's own name is enough.
  std::int64_t match = -1;
  for (std::size_t i = 0; i < samples_.size(); ++i)
    if (!samples_[i].inner.empty() && samples_[i].inner == name) match = match < 0 ? static_cast<std::int64_t>(i) : -2;
  if (match >= 0) return match;
  throw Error(ErrorKind::Config, "there is no sample named '" + name + "'", name_,
              "The samples are: " + some_of(names));
}

PointCloudPtr Dataset::load(std::int64_t index, const Job& job) const {
  const SampleEntry& entry = samples_.at(static_cast<std::size_t>(index));
  io::OpenOptions options = options_;
  options.sample = entry.inner;
  PointCloudPtr cloud = io::open(entry.file, options, job);
  if (entry.frame >= cloud->frames())
    throw Error(ErrorKind::Format, "the file has lost a frame",
                entry.file.string() + ": frame " + std::to_string(entry.frame));
  return cloud;
}

Normalisation Dataset::normalise(const Job& job) const {
  std::set<std::string> fields;
  for (const std::string& input : inputs_)
    if (input != "position") fields.insert(input);
  if (!target_.empty() && target_ != "position") fields.insert(target_);
  Moments positions("position");
  std::map<std::string, Moments> of_field;
  for (const std::string& name : fields)
    if (!given_.field.contains(name)) of_field.emplace(name, Moments(name));
  const std::vector<std::int64_t> training = split("train");
  if (training.empty())
    throw Error(ErrorKind::Config, "the data set has no training samples to normalise with", name_,
                "Name some under [split] train");
  double done = 0;
  if (given_.position.empty() || !of_field.empty())
    for (const std::int64_t index : training) {
      job.progress(done++ / static_cast<double>(training.size()), "means and deviations");
      const PointCloudPtr cloud = load(index, job);
      const std::int64_t frame = samples_[static_cast<std::size_t>(index)].frame;
      positions.add_positions(*cloud, frame, job);
      for (auto& [name, moments] : of_field) moments.add_field(cloud->require_field(name), frame, job);
    }
  Normalisation result = given_;
  if (result.position.empty()) result.position = positions.standard();
  for (const auto& [name, moments] : of_field) result.field[name] = moments.standard();
  return result;
}

std::string Dataset::content_hash(const Job& job, const Visit& visit) const {
  Sha256 hash;
  std::string last;
  PointCloudPtr cloud;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    job.check();
    job.progress(static_cast<double>(i) / static_cast<double>(samples_.size()), "hashing the data");
    // The frames of one file follow each other and share their cloud.
    const bool same = i > 0 && samples_[i].file == samples_[i - 1].file && samples_[i].inner == samples_[i - 1].inner;
    if (!same) {
      cloud = load(static_cast<std::int64_t>(i), job);
      last = cloud->content_hash(job);
    }
    if (visit) visit(static_cast<std::int64_t>(i), *cloud);
    hash.update(last.data(), last.size());
    hash.update(&samples_[i].frame, sizeof samples_[i].frame);
  }
  return hash.hex();
}

}  // namespace erwin
