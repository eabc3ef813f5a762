// Single chains of a class of polymers in implicit solvent (M. Webb et al.; X. Fu et al., "Simulate time-integrated
// coarse-grained molecular dynamics with multi-scale graph networks", TMLR 2023; Zenodo 6764836): a folder of HDF5
// files per chain. A sample is a window of 17 frames: 16 of them give the velocities that go in, the 17th the
// acceleration.

#include <algorithm>
#include <iterator>
#include <list>
#include <mutex>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/dataset/internal/chain.h"
#include "core/dataset/internal/original.h"
#include "core/io/internal/cloud_builder.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t window = 17, differences = window - 2;
// Frames that the published splits use; the test trajectories have a hundred times longer steps.
constexpr std::int64_t train_frames = 10000, test_frames = 1000;
constexpr const char* required[] = {position_file, "ptype.h5", "bond.h5"};
constexpr std::size_t light_kept = 256, heavy_kept = 8;

// Deviations over the authors' training set; means are 0, as velocities and accelerations have none and positions are
// relative to the chain's own mean.
Normalisation published_constants() {
  const std::vector<double> position{21.4457, 31.7121, 25.5143}, velocity{1.2809, 1.2735, 1.2792},
      acceleration{1.7428, 1.7295, 1.7390};
  Normalisation constants;
  constants.position = {{0, 0, 0}, position};
  constants.field["acceleration"] = {{0, 0, 0}, acceleration};
  Standard& history = constants.field["velocity_history"];
  for (std::int64_t step = 0; step < differences; ++step)
    history.deviation.insert(history.deviation.end(), velocity.begin(), velocity.end());
  history.mean.assign(history.deviation.size(), 0);
  return constants;
}

// Numbers that say yes or no stay as they are.
Standard of_types() {
  return {std::vector<double>(bead_types, 0), std::vector<double>(bead_types, 1)};
}

bool is_chain(const fs::path& folder) {
  std::error_code problem;
  return fs::is_regular_file(folder / position_file, problem);
}

struct Chain {
  std::string name, split;
  fs::path file;  // position.h5, or another file with frames
  std::int64_t frames = 0, beads = 0;
};

std::vector<Chain> chains_below(const fs::path& folder, const std::string& prefix) {
  std::vector<Chain> chains;
  std::error_code problem;
  for (const fs::path& entry : entries_of(folder))
    if (fs::is_directory(entry, problem))
      chains.push_back({prefix + entry.filename().string(), {}, entry / position_file});
  return chains;
}

bool may_have_frames(io::FileKind kind) {
  return kind == io::FileKind::LammpsDump || kind == io::FileKind::Xyz || kind == io::FileKind::Hdf5Ours;
}

// Files with frames, each a chain.
std::vector<Chain> trajectories_in(const fs::path& folder) {
  std::vector<Chain> chains;
  std::error_code problem;
  for (const fs::path& entry : entries_of(folder))
    if (fs::is_regular_file(entry, problem) && may_have_frames(io::detect(entry)))
      chains.push_back({entry.stem().string(), {}, entry});
  return chains;
}

// Nine of ten training chains train, the others validate; with the published 100, these are 90 and 10.
std::vector<Chain> chains_in(const fs::path& root) {
  std::error_code problem;
  if (fs::is_regular_file(root, problem)) return {{root.stem().string(), {}, root}};
  if (is_chain(root)) return {{root.filename().string(), {}, root / position_file}};
  std::vector<Chain> chains;
  for (const auto& [folder, split] : {std::pair{"polymer_train", "train"}, {"polymer_test", "test"}}) {
    if (!fs::is_directory(root / folder, problem)) continue;
    std::vector<Chain> some = chains_below(root / folder, std::string(folder) + "/");
    const std::size_t trained = std::max<std::size_t>(1, 9 * some.size() / 10);
    for (std::size_t i = 0; i < some.size(); ++i)
      some[i].split = std::string(split) == "train" && i >= trained ? "validation" : split;
    std::move(some.begin(), some.end(), std::back_inserter(chains));
  }
  if (chains.empty()) chains = trajectories_in(root);
  return chains.empty() ? chains_below(root, {}) : chains;
}

void measure(Chain& chain, const Job& job) {
  std::error_code problem;
  for (const char* name : required) {
    const fs::path file = chain.file.parent_path() / name;
    if (is_of_folder(chain.file) && !fs::is_regular_file(file, problem))
      throw Error(ErrorKind::Format, "the chain lacks a file", file.string(),
                  "Unpack the archive again, or go on without such chains with --skip-bad");
  }
  const auto [frames, beads] = chain_shape(chain.file, job);
  const std::int64_t used = chain.split.empty() ? frames : chain.split == "test" ? test_frames : train_frames;
  chain.frames = std::min(frames, used);
  chain.beads = beads;
  if (chain.frames < window)
    throw Error(
        ErrorKind::Format, "the trajectory is too short for a window",
        chain.file.string() + ": " + std::to_string(frames) + " frames, a window has " + std::to_string(window));
}

struct Window {
  std::size_t chain = 0;
  std::int64_t first = 0;
};

class ChainSource : public SampleSource {
public:
  ChainSource(std::vector<Chain> chains, std::vector<Window> windows, const io::OpenOptions& options)
      : chains_(std::move(chains)), windows_(std::move(windows)), options_(options), open_(chains_.size()) {
    options_.sample.clear();
    options_.drop_nonfinite = false;  // a bead cannot be left out of its chain
  }

  PointCloudPtr load(std::int64_t sample, const std::set<std::string>&, const Job& job) const override {
    const Window& place = windows_.at(static_cast<std::size_t>(sample));
    const OpenChainPtr chain = open_chain(place.chain, job);
    const std::vector<std::int64_t>& bad = chain->facts.bad_frames;
    const auto first_bad = std::lower_bound(bad.begin(), bad.end(), place.first);
    if (first_bad != bad.end() && *first_bad < place.first + window)
      throw Error(ErrorKind::Format, "a position is not finite",
                  chains_[place.chain].file.string() + ": frame " + std::to_string(*first_bad),
                  "Go on without such windows with --skip-bad");
    return cloud_of(*chain, chains_[place.chain], chain->reader.read(place.first, window, job), job);
  }

  std::int64_t largest(std::span<const std::int64_t> samples) const override {
    return *std::max_element(samples.begin(), samples.end(),
                             [this](std::int64_t a, std::int64_t b) { return chain_of(a).beads < chain_of(b).beads; });
  }

  // Over names, shapes, types, bonds, and the mean of each chain, in which every position counts.
  std::string fingerprint(const Job& job) const override {
    Sha256 hash;
    for (std::size_t i = 0; i < chains_.size(); ++i) {
      job.check();
      job.progress(static_cast<double>(i) / static_cast<double>(chains_.size()), "reading " + chains_[i].name);
      const OpenChainPtr chain = open_chain(i, job);
      const ChainFacts& facts = chain->facts;
      hash.update(chains_[i].name.data(), chains_[i].name.size());
      hash.update(&chains_[i].frames, sizeof chains_[i].frames);
      hash.update(std::span<const std::int64_t>(facts.types));
      hash.update(std::span<const std::uint32_t>(facts.bonds));
      hash.update(facts.mean.data(), sizeof facts.mean);
    }
    for (const Window& place : windows_) hash.update(&place.first, sizeof place.first);
    return hash.hex();
  }

private:
  struct OpenChain {
    OpenChain(const Chain& chain, const Job& job)
        : reader(chain.file, job), facts(chain_facts(chain.file, reader, chain.frames, job)) {
      if (reader.beads() != chain.beads || reader.frames() < chain.frames)
        throw Error(ErrorKind::Format, "the trajectory has changed since the data set was opened", chain.file.string());
    }
    FrameReader reader;
    ChainFacts facts;
  };
  using OpenChainPtr = std::shared_ptr<const OpenChain>;

  const Chain& chain_of(std::int64_t sample) const { return chains_[windows_[static_cast<std::size_t>(sample)].chain]; }

  // One thread at a time opens chains; the ones used longest ago are closed where there are many.
  OpenChainPtr open_chain(std::size_t chain, const Job& job) const {
    const std::lock_guard lock(mutex_);
    if (!open_[chain]) {
      open_[chain] = std::make_shared<const OpenChain>(chains_[chain], job);
      if (order_.size() >= (open_[chain]->reader.is_light() ? light_kept : heavy_kept)) {
        open_[order_.front()] = nullptr;
        order_.pop_front();
      }
      order_.push_back(chain);
    }
    return open_[chain];
  }

  static void add_types(const std::vector<std::int64_t>& types, io::CloudBuilder& builder) {
    if (types.empty()) return;
    std::vector<double> is_type(types.size() * bead_types);
    for (std::size_t bead = 0; bead < types.size(); ++bead)
      is_type[bead * bead_types + static_cast<std::size_t>(types[bead])] = 1;
    builder.add_field("bead", FieldKind::Vector, bead_types, std::move(is_type));
    builder.add_field("type", FieldKind::Label, 1, std::vector<double>(types.begin(), types.end()));
  }

  PointCloudPtr cloud_of(const OpenChain& open, const Chain& chain, const std::vector<double>& frames,
                         const Job& job) const {
    const auto numbers = static_cast<std::size_t>(3 * chain.beads);
    const auto at = [&](std::int64_t frame, std::size_t number) {
      return frames[static_cast<std::size_t>(frame) * numbers + number];
    };
    const std::int64_t now = window - 2;
    std::vector<double> position(numbers), acceleration(numbers), history(numbers * differences);
    for (std::size_t i = 0; i < numbers; ++i) {
      position[i] = at(now, i) - open.facts.mean[i % 3];
      acceleration[i] = at(now + 1, i) - 2 * at(now, i) + at(now - 1, i);
      for (std::int64_t step = 0; step < differences; ++step)
        history[i / 3 * 3 * differences + static_cast<std::size_t>(3 * step) + i % 3] = at(step + 1, i) - at(step, i);
    }
    io::CloudBuilder builder("trajectory", options_, job);
    builder.set_positions(std::move(position));
    builder.add_field("velocity_history", FieldKind::Vector, 3 * differences, std::move(history));
    builder.add_field("acceleration", FieldKind::Vector, 3, std::move(acceleration));
    add_types(open.facts.types, builder);
    Cells cells;
    cells.lines = open.facts.bonds;
    builder.set_cells(std::move(cells));
    PointCloud::Parts parts = builder.finish();
    parts.source.path = chain.file.string();
    return std::make_shared<const PointCloud>(std::move(parts));
  }

  std::vector<Chain> chains_;
  std::vector<Window> windows_;
  io::OpenOptions options_;
  mutable std::mutex mutex_;
  mutable std::vector<OpenChainPtr> open_;
  mutable std::list<std::size_t> order_;  // in which chains were opened
};

// `count` of them, spread evenly.
void keep_spread(std::vector<std::int64_t>& split, std::int64_t count) {
  const std::int64_t all = std::ssize(split);
  if (count <= 0 || count >= all) return;
  for (std::int64_t i = 0; i < count; ++i)
    split[static_cast<std::size_t>(i)] = split[static_cast<std::size_t>(i * all / count)];
  split.resize(static_cast<std::size_t>(count));
}

}  // namespace

bool is_polymer(const fs::path& path) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) return false;
  if (is_chain(path)) return fs::is_regular_file(path / "bond.h5", problem);
  for (const char* below : {"polymer_train", "polymer_test", "."})
    if (fs::is_directory(path / below, problem))
      for (const fs::path& entry : entries_of(path / below))
        if (is_chain(entry)) return true;
  return false;
}

Original open_polymer(const OriginalOptions& wanted, const io::OpenOptions& options, const Job& job) {
  Original original;
  original.name = "polymer";
  original.inputs = {"velocity_history", "bead"};
  original.target = "acceleration";
  const std::vector<Chain> found = chains_in(wanted.root);
  const bool of_folders = std::all_of(found.begin(), found.end(), [](const Chain& c) { return is_of_folder(c.file); });
  if (wanted.published_constants && of_folders) original.constants = published_constants();
  original.constants.field["bead"] = of_types();
  std::vector<Chain> chains;
  std::vector<Window> windows;
  for (std::size_t i = 0; i < found.size(); ++i) {
    job.check();
    job.progress(static_cast<double>(i) / static_cast<double>(found.size()), "looking at " + found[i].name);
    Chain chain = found[i];
    try {
      measure(chain, job);
    } catch (const Error& error) {
      if (!options.skip_bad || !is_of_the_data(error)) throw;
      original.left_out.push_back({chain.name, why_of(error)});
      continue;
    }
    for (std::int64_t first = 0; first + window <= chain.frames; first += wanted.window_step) {
      if (!chain.split.empty()) original.splits[chain.split].push_back(std::ssize(windows));
      original.samples.push_back({chain.name + "@" + std::to_string(first), chain.file, {}, 0});
      windows.push_back({chains.size(), first});
    }
    chains.push_back(std::move(chain));
  }
  if (chains.empty())
    throw Error(ErrorKind::Format, "there is no chain in this folder", wanted.root.string(),
                "Name the folder that holds polymer_train and polymer_test, or folders with position.h5");
  for (auto& [split, samples] : original.splits)
    if (const auto count = wanted.samples.find(split); count != wanted.samples.end())
      keep_spread(samples, count->second);
  original.source = std::make_shared<ChainSource>(std::move(chains), std::move(windows), options);
  return original;
}

}  // namespace erwin
