#include "core/dataset/internal/chain.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/dataset/internal/index_cache.h"
#include "core/io/internal/numbers.h"
#include "core/io/open.h"

namespace erwin {

namespace fs = std::filesystem;

namespace {

constexpr const char* positions = "/position";
constexpr std::uint64_t bytes_at_once = std::uint64_t{16} << 20;
constexpr const char* shape_kind = "polymer shape";

// Adds the file to the error where it is not there yet.
template <typename Work>
auto naming(const fs::path& file, Work work) {
  try {
    return work();
  } catch (const Error& error) {
    const bool placed = error.kind() == ErrorKind::Cancelled || error.detail().find(file.string()) != std::string::npos;
    throw placed ? error : error.at(file.string());
  }
}

std::vector<std::int64_t> integers(const fs::path& file, const std::string& array, std::size_t rank, const Job& job) {
  return naming(file, [&] {
    const h5::File hdf5 = h5::File::open(file, job);
    const h5::DatasetInfo info = hdf5.info(array);
    if (info.shape.size() != rank || (rank == 2 && info.shape[1] != 2))
      throw Error(ErrorKind::Format, "the array has another shape", array,
                  rank == 1 ? "It must be one number per bead" : "It must be two numbers per bond");
    return hdf5.read_ints(array, job);
  });
}

std::vector<std::int64_t> types_in(const fs::path& folder, std::int64_t beads, const Job& job) {
  const fs::path file = folder / "ptype.h5";
  std::vector<std::int64_t> types = integers(file, "/particle_type", 1, job);
  if (std::ssize(types) != beads)
    throw Error(ErrorKind::Format, "the chain has another number of types than of beads",
                file.string() + ": " + std::to_string(types.size()) + " and " + std::to_string(beads));
  for (std::size_t bead = 0; bead < types.size(); ++bead)
    if (types[bead] < 0 || types[bead] >= bead_types)
      throw Error(ErrorKind::Format, "a bead has an unknown type",
                  file.string() + ": bead " + std::to_string(bead) + ": " + std::to_string(types[bead]));
  return types;
}

std::vector<std::uint32_t> bonds_in(const fs::path& folder, std::int64_t beads, const Job& job) {
  const fs::path file = folder / "bond.h5";
  std::vector<std::uint32_t> bonds;
  for (const std::int64_t bead : integers(file, "/bond_indices", 2, job)) {
    if (bead < 0 || bead >= beads)
      throw Error(ErrorKind::Format, "a bond names a bead that does not exist",
                  file.string() + ": bond " + std::to_string(bonds.size() / 2) + ": " + std::to_string(bead));
    bonds.push_back(static_cast<std::uint32_t>(bead));
  }
  return bonds;
}

// Mean and bad frames as numbers for the cache.
std::vector<std::uint64_t> packed(const ChainFacts& facts) {
  std::vector<std::uint64_t> numbers;
  for (const double mean : facts.mean) numbers.push_back(std::bit_cast<std::uint64_t>(mean));
  numbers.insert(numbers.end(), facts.bad_frames.begin(), facts.bad_frames.end());
  return numbers;
}

bool unpack(const std::vector<std::uint64_t>& numbers, ChainFacts& facts) {
  if (numbers.size() < facts.mean.size()) return false;
  for (std::size_t axis = 0; axis < facts.mean.size(); ++axis) facts.mean[axis] = std::bit_cast<double>(numbers[axis]);
  facts.bad_frames.assign(numbers.begin() + static_cast<std::ptrdiff_t>(facts.mean.size()), numbers.end());
  return true;
}

// Of a file of another format: its label "type", counted from 0 as here or from 1 as by LAMMPS, and its lines.
void add_types_and_bonds(const PointCloud& cloud, ChainFacts& facts) {
  facts.bonds = cloud.cells().lines;
  const Field* types = cloud.field("type");
  if (!types || types->components() != 1) return;
  const auto range = types->range();
  const std::int64_t lowest = cloud.source().format.starts_with("LAMMPS") ? 1 : 0;
  if (!range || range->minimum < static_cast<double>(lowest) ||
      range->maximum >= static_cast<double>(lowest + bead_types))
    return;
  for (std::int64_t bead = 0; bead < cloud.size(); ++bead)
    facts.types.push_back(std::llround(types->value(bead)) - lowest);
}

void add_mean(ChainFacts& facts, const FrameReader& reader, std::int64_t frames, const Job& job) {
  const auto frame_numbers = static_cast<std::size_t>(3 * reader.beads());
  const auto step = static_cast<std::int64_t>(std::max<std::uint64_t>(1, bytes_at_once / (8 * frame_numbers)));
  std::array<double, 3> sum{};
  std::int64_t good = 0;
  for (std::int64_t first = 0; first < frames; first += step) {
    job.check();
    job.progress(static_cast<double>(first) / static_cast<double>(frames), "mean position of a chain");
    const std::vector<double> block = reader.read(first, std::min(step, frames - first), job);
    for (std::size_t at = 0; at < block.size(); at += frame_numbers) {
      std::array<double, 3> of_frame{};
      for (std::size_t i = 0; i < frame_numbers; ++i) of_frame[i % 3] += block[at + i];
      if (!std::isfinite(of_frame[0] + of_frame[1] + of_frame[2])) {
        facts.bad_frames.push_back(first + static_cast<std::int64_t>(at / frame_numbers));
        continue;
      }
      for (std::size_t axis = 0; axis < 3; ++axis) sum[axis] += of_frame[axis];
      ++good;
    }
  }
  for (std::size_t axis = 0; axis < 3 && good > 0; ++axis)
    facts.mean[axis] = sum[axis] / static_cast<double>(good * reader.beads());
}

std::vector<double> cloud_frames(const PointCloud& cloud, std::int64_t first, std::int64_t count) {
  std::vector<double> values;
  for (std::int64_t frame = first; frame < first + count; ++frame)
    for (std::int64_t bead = 0; bead < cloud.size(); ++bead)
      for (const double coordinate : cloud.position(bead, frame)) values.push_back(coordinate);
  return values;
}

}  // namespace

bool is_of_folder(const fs::path& file) {
  return file.filename() == position_file;
}

FrameReader::FrameReader(const fs::path& file, const Job& job) : file_(file) {
  if (is_of_folder(file)) {
    naming(file_, [&] { open_positions(job); });
    return;
  }
  cloud_ = io::open(file, {}, job);
  frames_ = cloud_->frames();
  beads_ = cloud_->size();
}

void FrameReader::open_positions(const Job& job) {
  hdf5_ = std::make_unique<h5::File>(h5::File::open(file_, job));
  const h5::DatasetInfo info = hdf5_->info(positions);
  if (info.shape.size() != 3 || info.shape[2] != 3 || info.count() == 0 || !h5::is_number(info.type))
    throw Error(ErrorKind::Format, "the positions have another shape", positions, "They must be [frames, beads, 3]");
  frames_ = info.shape[0];
  beads_ = info.shape[1];
  const auto piece = hdf5_->in_one_piece(positions);
  auto direct = std::make_unique<io::InputFile>(file_);
  // Behind a block of the user's, offsets may count from its end.
  if (!piece || !direct->text_at(0, 4).starts_with("\x89HDF")) return;
  const std::uint64_t bytes = static_cast<std::uint64_t>(info.count()) * (piece->type == h5::Type::Float32 ? 4 : 8);
  if (piece->offset > direct->size() || bytes > direct->size() - piece->offset) return;
  piece_ = *piece;
  direct_ = std::move(direct);
  hdf5_.reset();
}

std::vector<double> FrameReader::read(std::int64_t first, std::int64_t count, const Job& job) const {
  return naming(file_, [&] {
    if (hdf5_) return hdf5_->read_rows(positions, {first, count}, job);
    if (cloud_) return cloud_frames(*cloud_, first, count);
    const bool single = piece_.type == h5::Type::Float32;
    const std::size_t width = single ? 4 : 8;
    const auto frame_numbers = static_cast<std::uint64_t>(3 * beads_);
    const auto numbers = static_cast<std::size_t>(static_cast<std::uint64_t>(count) * frame_numbers);
    require_memory(numbers * (sizeof(double) + width), "frames of a trajectory");
    const std::string bytes =
        direct_->text_at(piece_.offset + static_cast<std::uint64_t>(first) * frame_numbers * width, numbers * width);
    if (bytes.size() != numbers * width)
      throw Error(ErrorKind::Io, "the file ended while it was read", "frame " + std::to_string(first));
    std::vector<double> values(numbers);
    for (std::size_t i = 0; i < numbers; ++i)
      values[i] = single ? static_cast<double>(io::load_little<float>(bytes.data() + i * width))
                         : io::load_little<double>(bytes.data() + i * width);
    return values;
  });
}

std::array<std::int64_t, 2> chain_shape(const fs::path& file, const Job& job) {
  if (const auto known = find_index(shape_kind, file); known && known->size() == 2)
    return {static_cast<std::int64_t>((*known)[0]), static_cast<std::int64_t>((*known)[1])};
  const FrameReader reader(file, job);
  keep_index(shape_kind, file,
             {static_cast<std::uint64_t>(reader.frames()), static_cast<std::uint64_t>(reader.beads())});
  return {reader.frames(), reader.beads()};
}

ChainFacts chain_facts(const fs::path& file, const FrameReader& reader, std::int64_t frames, const Job& job) {
  ChainFacts facts;
  if (reader.cloud()) {
    add_types_and_bonds(*reader.cloud(), facts);
  } else {
    facts.types = types_in(file.parent_path(), reader.beads(), job);
    facts.bonds = bonds_in(file.parent_path(), reader.beads(), job);
  }
  const std::string kind = "polymer mean of " + std::to_string(frames);
  if (const auto known = find_index(kind, file); known && unpack(*known, facts)) return facts;
  add_mean(facts, reader, frames, job);
  keep_index(kind, file, packed(facts));
  return facts;
}

}  // namespace erwin
