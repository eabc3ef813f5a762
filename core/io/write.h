#pragma once
// Writers: our HDF5 (format 1), VTP, CSV. All atomic; Error{Io} where the disk says no.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"

namespace erwin::io {

using NamedClouds = std::vector<std::pair<std::string, PointCloudPtr>>;

// By extension: .h5/.hdf5, .vtp, .csv; Error{Config} otherwise. CSV and VTP hold one cloud: more than one is
// Error{Config}.
void write(const std::filesystem::path& path, const NamedClouds& samples, const Job& job = {});

void write_hdf5(const std::filesystem::path& path, const NamedClouds& samples, const Job& job = {});
// VTK XML PolyData, appended raw, readable by ParaView: points, cells, fields (labels as Int32).
void write_vtp(const std::filesystem::path& path, const PointCloud& cloud, const Job& job = {});
// One row per point: id, x, y, z, then a column per component; numbers round-trip.
void write_csv(const std::filesystem::path& path, const PointCloud& cloud, const Job& job = {});

}  // namespace erwin::io
