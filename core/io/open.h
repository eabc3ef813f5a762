#pragma once
// One way into the program for every file: looks at the content, picks the reader, checks sizes before memory is asked
// for, and answers with a PointCloud or one clear Error.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"

namespace erwin::io {

// What the first bytes say a file is; used by open(), info and the command line (which tells checkpoint from data).
enum class FileKind {
  Unknown,
  Empty,
  LfsPointer,
  Hdf5Data,
  Hdf5Ours,
  Cgns,
  VtkHdf,
  Checkpoint,
  Npy,
  Npz,
  Ply,
  Pcd,
  Las,
  Laz,
  LammpsDump,
  Xyz,
  Text,
  Vtp,
  Vtu,
  LegacyVtk,
  TorchZip,
  TfRecord,
  Manifest
};

struct OpenOptions {
  // HDF5: path of the N x 3 (or T x N x 3) array of positions; NPZ: name of the array. Empty: found by shape and name.
  std::string positions;
  // Leave points out whose position is not finite, instead of refusing the file.
  bool drop_nonfinite = false;
  // HDF5 files of ours hold several samples; empty: the first.
  std::string sample;
  // Data sets: leave samples out that are damaged or incomplete, and count them, instead of refusing the data set.
  bool skip_bad = false;
  // What detect() has said of this file before, where that was costly: HDF5 is looked into by a child process.
  std::optional<FileKind> kind;
  // VTK's parsers run in a child process with these limits.
  std::uint64_t child_memory_bytes = std::uint64_t{4} << 30;
  int child_seconds = 120;
};

// Raises Error{Io} (missing, unreadable), {Format} (what, where in the file), {Memory}, {Config} (an option that does
// not fit the file), {Cancelled}.
PointCloudPtr open(const std::filesystem::path& path, const OpenOptions& options = {}, const Job& job = {});

FileKind detect(const std::filesystem::path& path);
// "PLY", "CGNS/HDF5", ...
const char* name_of(FileKind kind);

// The samples of one of our HDF5 files, in the file's order; one empty name for every other kind of file. kind: what
// detect() has said of it.
std::vector<std::string> sample_names(const std::filesystem::path& path);
std::vector<std::string> sample_names(const std::filesystem::path& path, FileKind kind);

}  // namespace erwin::io
