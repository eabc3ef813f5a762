// The halo catalogues of the cosmology benchmark (C. Cuesta-Lazaro and S. Mishra-Sharma; Zenodo 11479419): shards of
// TFRecord files, one record per simulation with the 5000 most massive halos of Quijote's BSQ set.

#include <algorithm>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/dataset/internal/index_cache.h"
#include "core/dataset/internal/original.h"
#include "core/dataset/internal/tf_example.h"
#include "core/io/internal/cloud_builder.h"
#include "core/io/internal/tfrecord.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr const char* index_kind = "tfrecord";
constexpr std::size_t numbers_per_record = 3;

// Node features of a record that become fields, beside the positions x, y, z.
struct Quantity {
  const char* field;
  std::vector<const char*> features;
  const char* unit;
};
const std::vector<Quantity>& quantities() {
  static const std::vector<Quantity> all = {{"velocity", {"v_x", "v_y", "v_z"}, "km/s"},
                                            {"angular_momentum", {"J_x", "J_y", "J_z"}, "Msun/h Mpc/h km/s"},
                                            {"M200c", {"M200c"}, "Msun/h"},
                                            {"Rvir", {"Rvir"}, "kpc/h"}};
  return all;
}
constexpr const char* cosmological[] = {"Omega_m", "Omega_b", "h", "n_s", "sigma_8"};

// Means and deviations over the authors' training set.
Normalisation published_constants() {
  Normalisation constants;
  constants.position = {{499.91877075908684, 500.0947802559321, 499.964508664328},
                        {288.71092533309235, 288.7525818573022, 288.70234893905575}};
  constants.field["velocity"] = {{-0.0512854365234889, -0.01263126442198149, -0.06458034372345466},
                                 {344.0231468131901, 343.9333673335964, 344.071876710777}};
  return constants;
}

bool is_shard(const fs::path& file) {
  std::error_code problem;
  return fs::is_regular_file(file, problem) && io::begins_as_tfrecord(io::InputFile(file).text_at(0, 12));
}

bool is_named_as_shard(const fs::path& file) {
  return file.filename().string().find(".tfrecord") != std::string::npos;
}

struct Shard {
  fs::path file;
  std::string stem;  // the name up to ".tfrecord"
  std::vector<io::TfRecord> records;
};

std::string name_of_record(const Shard& shard, std::size_t record) {
  return shard.stem + "#" + std::to_string(record);
}

std::vector<std::uint64_t> packed(const std::vector<io::TfRecord>& records) {
  std::vector<std::uint64_t> numbers;
  for (const io::TfRecord& record : records)
    numbers.insert(numbers.end(), {record.offset, record.bytes, record.checksum});
  return numbers;
}

std::vector<io::TfRecord> unpacked(const std::vector<std::uint64_t>& numbers) {
  std::vector<io::TfRecord> records;
  for (std::size_t i = 0; i + numbers_per_record <= numbers.size(); i += numbers_per_record)
    records.push_back({numbers[i], numbers[i + 1], static_cast<std::uint32_t>(numbers[i + 2])});
  return records;
}

// Only an index that reaches the file's end is kept.
void read_index(Shard& shard, bool skip_bad, std::vector<LeftOut>& left_out, const Job& job) {
  if (const auto numbers = find_index(index_kind, shard.file)) {
    shard.records = unpacked(*numbers);
    return;
  }
  io::TfRecordIndex index = io::index_tfrecord(io::InputFile(shard.file), job);
  shard.records = std::move(index.records);
  if (index.broken.empty()) return keep_index(index_kind, shard.file, packed(shard.records));
  const std::string where =
      shard.file.string() + ": record " + std::to_string(shard.records.size()) + ", byte " + std::to_string(index.end);
  if (!skip_bad)
    throw Error(ErrorKind::Format, index.broken, where,
                "Copy the file again, or go on without the rest of it with --skip-bad");
  left_out.push_back({name_of_record(shard, shard.records.size()) + " and all behind it", index.broken + ", " + where});
}

class HaloSource : public SampleSource {
public:
  HaloSource(std::vector<Shard> shards, const io::OpenOptions& options)
      : shards_(std::move(shards)), options_(options) {
    options_.sample.clear();
    for (std::size_t shard = 0; shard < shards_.size(); ++shard)
      for (std::size_t record = 0; record < shards_[shard].records.size(); ++record) places_.push_back({shard, record});
  }

  PointCloudPtr load(std::int64_t sample, const std::set<std::string>& wanted, const Job& job) const override {
    const auto [shard, record] = places_.at(static_cast<std::size_t>(sample));
    const fs::path& file = shards_[shard].file;
    try {
      return cloud_of(io::read_tfrecord(io::InputFile(file), shards_[shard].records[record]), file, wanted, job);
    } catch (const Error& error) {
      throw error.at(file.string() + ": record " + std::to_string(record));
    }
  }

  std::int64_t largest(std::span<const std::int64_t> samples) const override {
    return *std::max_element(samples.begin(), samples.end(), [this](std::int64_t a, std::int64_t b) {
      return record_of(a).bytes < record_of(b).bytes;
    });
  }

  // Over the checksums of all records, which the index holds.
  std::string fingerprint(const Job& job) const override {
    Sha256 hash;
    for (const Shard& shard : shards_) {
      job.check();
      hash.update(shard.stem.data(), shard.stem.size());
      for (const io::TfRecord& record : shard.records) {
        hash.update(&record.bytes, sizeof record.bytes);
        hash.update(&record.checksum, sizeof record.checksum);
      }
    }
    return hash.hex();
  }

private:
  struct Place {
    std::size_t shard, record;
  };

  const io::TfRecord& record_of(std::int64_t sample) const {
    const Place& place = places_.at(static_cast<std::size_t>(sample));
    return shards_[place.shard].records[place.record];
  }

  // [n, features], one feature per component.
  static std::vector<double> columns(const TfExample& example, const std::vector<const char*>& features) {
    std::vector<double> rows;
    for (std::size_t c = 0; c < features.size(); ++c) {
      const TfTensor tensor = example.tensor(features[c]);
      if (c == 0) rows.resize(tensor.values.size() * features.size());
      if (tensor.shape.size() != 1 || tensor.values.size() * features.size() != rows.size())
        throw Error(ErrorKind::Format, "the features of a record disagree about the number of halos",
                    std::string(features[0]) + ": " + std::to_string(rows.size() / features.size()) + ", " +
                        features[c] + ": " + std::to_string(tensor.values.size()));
      for (std::size_t halo = 0; halo < tensor.values.size(); ++halo)
        rows[halo * features.size() + c] = tensor.values[halo];
    }
    return rows;
  }

  PointCloudPtr cloud_of(const std::string& payload, const fs::path& file, const std::set<std::string>& wanted,
                         const Job& job) const {
    const TfExample example(payload);
    io::CloudBuilder builder(io::name_of(io::FileKind::TfRecord), options_, job);
    builder.set_positions(columns(example, {"x", "y", "z"}));
    builder.set_unit("Mpc/h");
    for (const Quantity& quantity : quantities()) {
      // What was asked for must be there; of the rest, what is.
      if (wanted.empty() ? !example.has(quantity.features[0]) : !wanted.contains(quantity.field)) continue;
      std::vector<double> values = columns(example, quantity.features);
      const auto components = static_cast<int>(quantity.features.size());
      if (std::ssize(values) != builder.rows() * components)
        throw Error(ErrorKind::Format, "the features of a record disagree about the number of halos",
                    "x: " + std::to_string(builder.rows()) + ", " + quantity.features[0] + ": " +
                        std::to_string(values.size() / quantity.features.size()));
      builder.add_field(quantity.field, components > 1 ? FieldKind::Vector : FieldKind::Scalar, components,
                        std::move(values), quantity.unit);
    }
    for (const char* name : cosmological)
      if (wanted.empty() && example.has(name)) builder.remark(remark_of(name, example.tensor(name)));
    PointCloud::Parts parts = builder.finish();
    parts.source.path = file.string();
    return std::make_shared<const PointCloud>(std::move(parts));
  }

  static std::string remark_of(const char* name, const TfTensor& tensor) {
    char text[64];
    std::snprintf(text, sizeof text, "%s = %.6g", name, tensor.values.empty() ? 0.0 : tensor.values.front());
    return text;
  }

  std::vector<Shard> shards_;
  std::vector<Place> places_;
  io::OpenOptions options_;
};

// halos_train_3 -> train.
std::string split_of(const std::string& stem) {
  const std::string padded = "_" + stem + "_";
  for (const auto& [word, split] :
       {std::pair{"_train_", "train"}, {"_val_", "validation"}, {"_validation_", "validation"}, {"_test_", "test"}})
    if (padded.find(word) != std::string::npos) return split;
  return {};
}

std::vector<Shard> shards_in(const fs::path& root) {
  std::error_code problem;
  std::vector<fs::path> files;
  if (!fs::is_directory(root, problem))
    files.push_back(root);
  else
    for (const fs::path& file : entries_of(root))
      if (is_named_as_shard(file)) files.push_back(file);
  if (files.empty())
    throw Error(ErrorKind::Format, "there is no shard (*.tfrecord) in this folder", root.string(),
                "Name the folder that holds halos_train_*.tfrecord");
  std::vector<Shard> shards;
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    shards.push_back({file, name.substr(0, name.find(".tfrecord")), {}});
  }
  return shards;
}

}  // namespace

bool is_cosmology(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) return is_shard(path);
  const std::vector<fs::path> entries = entries_of(path);
  return std::any_of(entries.begin(), entries.end(),
                     [](const fs::path& file) { return is_named_as_shard(file) && is_shard(file); });
}

Original open_cosmology(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job) {
  Original original;
  original.name = "cosmology";
  original.target = "velocity";
  if (wanted.published_constants) original.constants = published_constants();
  std::vector<Shard> shards = shards_in(wanted.root);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    job.check();
    job.progress(static_cast<double>(i) / static_cast<double>(shards.size()), "indexing " + shards[i].stem);
    read_index(shards[i], options.skip_bad, original.left_out, job);
    const std::string split = split_of(shards[i].stem);
    for (std::size_t record = 0; record < shards[i].records.size(); ++record) {
      const std::int64_t number = std::ssize(original.samples);
      if (!split.empty()) original.splits[split].push_back(number);
      original.samples.push_back({name_of_record(shards[i], record), shards[i].file, {}, 0});
    }
  }
  for (auto& [split, samples] : original.splits)
    if (const auto found = wanted.samples.find(split); found != wanted.samples.end())
      keep_first(samples, found->second);
  original.source = std::make_shared<HaloSource>(std::move(shards), options);
  return original;
}

}  // namespace erwin
