#pragma once
// The published data sets in the form in which their authors give them away: samples that are records of a shard,
// windows of a trajectory, or cars of several files each. Opening one reads names, headers and an index; a sample's
// numbers are read when it is asked for.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/dataset/dataset.h"
#include "core/io/open.h"

namespace erwin {

// What a manifest says about an original beside quantities and splits.
struct OriginalOptions {
  std::string format;                           // one of original_formats()
  std::filesystem::path root;                   // folder or file
  bool published_constants = true;              // else the normalisation is computed
  std::map<std::string, std::int64_t> samples;  // how many of a split, all where absent
  std::int64_t window_step = 1;                 // frames between the beginnings of two windows
};

// Loads the samples of an original. Thread-safe.
class SampleSource {
public:
  virtual ~SampleSource() = default;
  // wanted: fields to load; empty: all. Raises Error{Io, Format, Memory, Cancelled} naming the file and the place in
  // it.
  virtual PointCloudPtr load(std::int64_t sample, const std::set<std::string>& wanted, const Job& job) const = 0;
  // The sample with the most points, as far as headers tell.
  virtual std::int64_t largest(std::span<const std::int64_t> samples) const = 0;
  // A digest that other content would change, without reading all of it: what it is made of is the source's choice.
  virtual std::string fingerprint(const Job& job) const = 0;
};

struct Original {
  std::string name;
  std::vector<std::string> inputs{"position"};
  std::string target;
  Normalisation constants;                                  // as published; empty where they are to be computed
  std::vector<SampleEntry> samples;                         // in the source's order
  std::map<std::string, std::vector<std::int64_t>> splits;  // indices into `samples`
  std::vector<LeftOut> left_out;
  std::shared_ptr<const SampleSource> source;
};

const std::vector<std::string>& original_formats();
// The format of a folder or file, by what lies in it; empty where it is none of them.
std::string original_format_of(const std::filesystem::path& path);
// Raises Error{Io, Format} naming the file, unless options.skip_bad leaves it out.
Original open_original(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job);

// The formats.
bool is_cosmology(const std::filesystem::path& path);
Original open_cosmology(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job);
bool is_cars(const std::filesystem::path& path);
Original open_cars(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job);
bool is_polymer(const std::filesystem::path& path);
Original open_polymer(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job);

// --- shared by them ---

// "shard_2" before "shard_10": runs of digits compare as numbers.
bool natural_less(std::string_view a, std::string_view b);
// What lies in a folder, by its file names in natural order, without hidden ones. Raises Error{Io}.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);
// Only the first `count` of a split.
void keep_first(std::vector<std::int64_t>& split, std::int64_t count);

}  // namespace erwin
