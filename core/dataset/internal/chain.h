#pragma once
// One polymer of the single-chain data set: a folder of HDF5 files with the positions of its beads over time, their
// types and bonds. Frames are read when they are asked for; never the whole trajectory is in memory. A chain may also
// be a file with frames of any format that opens (LAMMPS dump, XYZ, our HDF5); those are read as a whole.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/hdf5.h"

namespace erwin {

// The frames of position.h5:/position [T, N, 3], of any type of number, or of another file. Thread-safe.
class FrameReader {
public:
  // Raises Error{Io, Format}.
  FrameReader(const std::filesystem::path& file, const Job& job);
  // [count, N, 3].
  std::vector<double> read(std::int64_t first, std::int64_t count, const Job& job) const;

  std::int64_t frames() const { return frames_; }
  std::int64_t beads() const { return beads_; }
  // Null for position.h5.
  const PointCloudPtr& cloud() const { return cloud_; }
  // False where a whole file is in memory or a child process reads it.
  bool is_light() const { return direct_ != nullptr; }

private:
  void open_positions(const Job& job);

  std::filesystem::path file_;
  std::int64_t frames_ = 0, beads_ = 0;
  std::unique_ptr<h5::File> hdf5_;         // reads through a child process, or
  std::unique_ptr<io::InputFile> direct_;  // straight from the file, where the numbers lie in one piece
  h5::Piece piece_;
  PointCloudPtr cloud_;
};

// What is known of a chain beside its frames.
struct ChainFacts {
  std::vector<std::int64_t> types;       // [N], 0 to 3; empty where a file of another format has none such
  std::vector<std::uint32_t> bonds;      // [*, 2]
  std::array<double, 3> mean{};          // of all beads in all frames that are used
  std::vector<std::int64_t> bad_frames;  // in which a position is not finite; rising
};

constexpr const char* position_file = "position.h5";
constexpr int bead_types = 4;

// Whether the file is position.h5 of a folder, in which types and bonds lie beside it.
bool is_of_folder(const std::filesystem::path& file);

// Shape of the positions, from the cache of indices where the file has not changed: frames and beads. Raises
// Error{Io, Format}.
std::array<std::int64_t, 2> chain_shape(const std::filesystem::path& file, const Job& job);

// Reads all frames once, piece by piece, for the mean, unless the cache knows it. Raises Error{Io, Format} where types
// or bonds do not fit the positions.
ChainFacts chain_facts(const std::filesystem::path& file, const FrameReader& reader, std::int64_t frames,
                       const Job& job);

}  // namespace erwin
