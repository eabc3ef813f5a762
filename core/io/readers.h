#pragma once
// The seam between open() and the formats: one reader per format. Each checks sizes before it asks for memory, looks at
// job.check() in every chunk, keeps a point's row in the file as its id, and throws Error{Io, Format, Memory, Config,
// Cancelled}. open() fills source.path and adds the path to errors; a reader fills everything else, source.format too.

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/io/open.h"

namespace erwin::io {

using Path = std::filesystem::path;

// Formats parsed by code of our own.
PointCloud::Parts read_npy(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_npz(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_text(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_xyz(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_ply(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_pcd(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_las(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_lammps(const Path& path, const OpenOptions& options, const Job& job);

// Formats read through HDF5.
PointCloud::Parts read_hdf5(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_hdf5_ours(const Path& path, const OpenOptions& options, const Job& job);
PointCloud::Parts read_cgns(const Path& path, const OpenOptions& options, const Job& job);
// Tells the kinds of HDF5 file apart (Hdf5Data, Hdf5Ours, Cgns, VtkHdf, Checkpoint); the signature was already seen.
FileKind detect_hdf5(const Path& path);
std::vector<std::string> hdf5_sample_names(const Path& path);

// VTP, VTU, legacy VTK and VTKHDF, parsed in a child process.
PointCloud::Parts read_vtk(const Path& path, FileKind kind, const OpenOptions& options, const Job& job);

}  // namespace erwin::io
