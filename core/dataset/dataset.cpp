#include "core/dataset/dataset.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/dataset/internal/assemble.h"
#include "core/dataset/internal/files.h"
#include "core/dataset/internal/manifest.h"
#include "core/dataset/internal/original.h"
#include "core/dataset/internal/statistics.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

void add_file(std::vector<SampleEntry>& samples, const fs::path& file, const std::string& name,
              const std::string& only) {
  const io::FileKind kind = io::detect(file);
  const std::vector<std::string> inner = io::sample_names(file, kind);
  if (!only.empty() && std::find(inner.begin(), inner.end(), only) == inner.end() &&
      inner != std::vector<std::string>{""})
    throw Error(ErrorKind::Config, "there is no sample named '" + only + "'", file.string(),
                "The file's samples are: " + some_of(inner));
  for (const std::string& sample : inner) {
    if (!only.empty() && !sample.empty() && sample != only) continue;
    samples.push_back({inner.size() > 1 ? name + "#" + sample : name, file, sample, 0, kind});
  }
}

// The sample once per frame asked for.
void add_frames(std::vector<SampleEntry>& samples, const SampleEntry& sample, const Manifest& manifest,
                io::OpenOptions options) {
  options.sample = sample.inner;
  const std::int64_t frames = io::open(sample.file, options)->frames();
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
    samples.push_back(std::move(entry));
  }
}

std::set<std::int64_t> chosen(const std::vector<SampleEntry>& samples, const std::string& split,
                              const std::string& pattern) {
  std::set<std::int64_t> indices;
  for (std::size_t i = 0; i < samples.size(); ++i)
    if (::fnmatch(pattern.c_str(), samples[i].name.c_str(), 0) == 0) indices.insert(static_cast<std::int64_t>(i));
  if (!indices.empty()) return indices;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < samples.size() && i <= named_at_most; ++i) names.push_back(samples[i].name);
  throw Error(ErrorKind::Config, "a split names no sample", "split." + split + " = \"" + pattern + "\"",
              "The samples are: " + some_of(names));
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

void require_finite(const PointCloud& cloud, std::int64_t frame, const std::set<std::string>& fields) {
  for (const std::string& name : fields) {
    if (!cloud.field(name)) throw Error(ErrorKind::Format, "the sample lacks an input or target", name);
    const Field& field = *cloud.field(name);
    const std::span<const float> values = field.frame(frame);
    const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
    if (bad == values.end()) continue;
    const std::int64_t point = (bad - values.begin()) / field.components();
    throw Error(ErrorKind::Format, "an input or target is not finite",
                name + ", point " + std::to_string(cloud.row_id(point)));
  }
}

}  // namespace

Dataset Dataset::open(const fs::path& given, const io::OpenOptions& options, const Job& job) {
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
  std::optional<Manifest> manifest;
  OriginalOptions original{original_format_of(path), fs::absolute(path).lexically_normal(), true, {}, 1};
  if (path.extension() == ".toml") {
    manifest = read_manifest(path);
    original = manifest->original;
    dataset.options_.drop_nonfinite |= manifest->drop_nonfinite;
  }
  if (!original.format.empty())
    dataset.take(open_original(original, dataset.options_, job));
  else
    dataset.open_files(path, place, manifest ? &*manifest : nullptr);
  if (manifest) dataset.apply(*manifest);
  if (dataset.samples_.empty()) throw Error(ErrorKind::Format, "there is no sample in this data set", given.string());
  if (!dataset.left_out_.empty()) log(LogLevel::Warning, text_of(dataset.left_out_));
  return dataset;
}

void Dataset::take(Original original) {
  name_ = std::move(original.name);
  inputs_ = std::move(original.inputs);
  target_ = std::move(original.target);
  given_ = std::move(original.constants);
  samples_ = std::move(original.samples);
  splits_ = std::move(original.splits);
  left_out_ = std::move(original.left_out);
  source_ = std::move(original.source);
}

void Dataset::open_files(const fs::path& path, const fs::path& place, const Manifest* manifest) {
  std::vector<fs::path> files;
  std::error_code problem;
  if (manifest) {
    if (options_.positions.empty()) options_.positions = manifest->positions;
    files = files_of(place, manifest->files);
  } else {
    const bool folder = fs::is_directory(path, problem);
    name_ = fs::absolute(path).lexically_normal().stem().string();
    if (folder && name_.empty()) name_ = place.parent_path().stem().string();
    files = folder ? data_files_of(path, options_) : std::vector<fs::path>{path};
    for (fs::path& file : files) file = fs::absolute(file).lexically_normal();
  }
  const std::vector<std::string> names = names_of(files, place);
  for (std::size_t i = 0; i < files.size(); ++i)
    tolerate(names[i], [&] { add_file(samples_, files[i], names[i], options_.sample); });
  if (!manifest || (!manifest->all_frames && manifest->frames == std::vector<std::int64_t>{0})) return;
  std::vector<SampleEntry> frames;
  for (const SampleEntry& sample : samples_)
    tolerate(sample.name, [&] { add_frames(frames, sample, *manifest, options_); });
  samples_ = std::move(frames);
}

void Dataset::apply(const Manifest& manifest) {
  name_ = manifest.name;
  if (!manifest.inputs.empty()) inputs_ = manifest.inputs;
  if (!manifest.target.empty()) target_ = manifest.target;
  if (!manifest.normalisation.position.empty()) given_.position = manifest.normalisation.position;
  for (const auto& [name, standard] : manifest.normalisation.field) given_.field[name] = standard;
  if (manifest.splits.empty()) return;
  splits_.clear();  // a published one gives way to the manifest's
  for (const auto& [split, patterns] : manifest.splits) {
    std::set<std::int64_t> indices;
    for (const std::string& pattern : patterns)
      tolerate("split." + split + " = \"" + pattern + "\"", [&] { indices.merge(chosen(samples_, split, pattern)); });
    splits_[split] = {indices.begin(), indices.end()};
  }
  require_apart(splits_, samples_);
}

void Dataset::tolerate(const std::string& name, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    // A manifest that names what is not there is a matter of its data, too.
    if (!options_.skip_bad || !(is_of_the_data(error) || error.kind() == ErrorKind::Config)) throw;
    left_out_.push_back({name, why_of(error)});
  }
}

std::vector<std::int64_t> Dataset::split(const std::string& name) const {
  std::vector<std::int64_t> indices;
  if (splits_.empty()) {
    indices.resize(samples_.size());
    std::iota(indices.begin(), indices.end(), 0);
  } else if (const auto found = splits_.find(name); found != splits_.end()) {
    indices = found->second;
  }
  std::erase_if(indices, [this](std::int64_t index) { return bad_.contains(index); });
  return indices;
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

std::set<std::string> Dataset::fields() const {
  std::set<std::string> names(inputs_.begin(), inputs_.end());
  names.insert(target_);
  names.erase("");
  names.erase("position");
  return names;
}

PointCloudPtr Dataset::load(std::int64_t index, const Job& job) const {
  const SampleEntry& entry = samples_.at(static_cast<std::size_t>(index));
  if (source_) return source_->load(index, narrowed_ ? fields() : std::set<std::string>(), job);
  io::OpenOptions options = options_;
  options.sample = entry.inner;
  if (entry.kind == io::FileKind::Hdf5Ours || entry.kind == io::FileKind::Hdf5Data || entry.kind == io::FileKind::Cgns)
    options.kind = entry.kind;
  PointCloudPtr cloud = with_assembled_fields(io::open(entry.file, options, job), fields());
  if (entry.frame >= cloud->frames())
    throw Error(ErrorKind::Format, "the file has lost a frame",
                entry.file.string() + ": frame " + std::to_string(entry.frame));
  return cloud;
}

void Dataset::leave_out_bad(const Job& job) {
  std::optional<Error> first;
  const std::size_t before = left_out_.size();
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    job.check();
    job.progress(static_cast<double>(i) / static_cast<double>(samples_.size()), "checking the samples");
    const auto index = static_cast<std::int64_t>(i);
    try {
      require_finite(*load(index, job), samples_[i].frame, fields());
    } catch (const Error& error) {
      if (!is_of_the_data(error)) throw;
      if (!first) first = error.at(samples_[i].name);
      bad_.insert(index);
      left_out_.push_back({samples_[i].name, why_of(error)});
    }
  }
  if (bad_.size() == samples_.size() && first) throw *first;
  if (left_out_.size() > before) log(LogLevel::Warning, text_of(left_out_));
}

Normalisation Dataset::normalise(const Job& job) const {
  Moments positions("position");
  std::map<std::string, Moments> of_field;
  for (const std::string& name : fields())
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

void Dataset::visit_largest(const Visit& visit, const Job& job) const {
  std::vector<std::string> names;
  for (const auto& [name, indices] : splits_) names.push_back(name);
  if (names.empty()) names.emplace_back("train");  // without splits, all samples
  for (const std::string& name : names) {
    const std::vector<std::int64_t> indices = split(name);
    if (indices.empty()) continue;
    const std::int64_t index = source_->largest(indices);
    visit(index, *load(index, job));
  }
}

std::string Dataset::content_hash(const Job& job, const Visit& visit) const {
  if (source_) {
    if (visit) visit_largest(visit, job);
    return source_->fingerprint(job);
  }
  Sha256 hash;
  std::string last;
  PointCloudPtr cloud;
  std::size_t loaded = 0;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    job.check();
    if (bad_.contains(static_cast<std::int64_t>(i))) continue;
    job.progress(static_cast<double>(i) / static_cast<double>(samples_.size()), "hashing the data");
    // The frames of one file follow each other and share their cloud.
    const SampleEntry& last_loaded = samples_[loaded];
    const bool same = cloud && samples_[i].file == last_loaded.file && samples_[i].inner == last_loaded.inner;
    if (!same) {
      cloud = load(static_cast<std::int64_t>(i), job);
      loaded = i;
      last = cloud->content_hash(job);
    }
    if (visit) visit(static_cast<std::int64_t>(i), *cloud);
    hash.update(last.data(), last.size());
    hash.update(&samples_[i].frame, sizeof samples_[i].frame);
  }
  return hash.hex();
}

}  // namespace erwin
