#include "core/io/open.h"

#include <filesystem>
#include <new>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/io/internal/file_bytes.h"
#include "core/io/internal/foreign.h"
#include "core/io/internal/text_scan.h"
#include "core/io/readers.h"

namespace erwin::io {

namespace {

// Extensions that promise a format; others promise nothing.
bool extension_fits(const Path& path, FileKind kind) {
  static const std::pair<std::string_view, FileKind> promises[] = {{".npy", FileKind::Npy},
                                                                   {".npz", FileKind::Npz},
                                                                   {".ply", FileKind::Ply},
                                                                   {".pcd", FileKind::Pcd},
                                                                   {".las", FileKind::Las},
                                                                   {".vtp", FileKind::Vtp},
                                                                   {".vtu", FileKind::Vtu},
                                                                   {".vtk", FileKind::LegacyVtk},
                                                                   {".csv", FileKind::Text},
                                                                   {".tsv", FileKind::Text},
                                                                   {".lammpstrj", FileKind::LammpsDump},
                                                                   {".cgns", FileKind::Cgns}};
  const std::string extension = lower(path.extension().string());
  for (const auto& [promised, expected] : promises)
    if (extension == promised) return kind == expected;
  return true;
}

void require_fitting_options(FileKind kind, const OpenOptions& options) {
  if (!options.positions.empty() && kind != FileKind::Hdf5Data && kind != FileKind::Npz)
    throw Error(ErrorKind::Config, "positions can be named only in HDF5 and NPZ files",
                std::string("this is ") + name_of(kind) + ", asked for '" + options.positions + "'",
                "Leave --positions out");
  if (!options.sample.empty() && kind != FileKind::Hdf5Ours)
    throw Error(ErrorKind::Config, "only ErwinScope's own HDF5 files hold several samples",
                std::string("this is ") + name_of(kind) + ", asked for '" + options.sample + "'", "Leave --sample out");
}

[[noreturn]] void refuse(const Path& path, FileKind kind) {
  switch (kind) {
    case FileKind::Empty:
      throw Error(ErrorKind::Format, "the file is empty: there are no points in it", "0 bytes", "Copy the file again");
    case FileKind::LfsPointer:
      throw Error(ErrorKind::Format, "this is a Git LFS pointer, not the data itself", {},
                  "Fetch the data in its repository: git lfs pull");
    case FileKind::Laz:
      throw Error(ErrorKind::Format, "this is a LAZ file (compressed LAS), which is not supported", {},
                  "Unpack it first: laszip -i FILE.laz -o FILE.las");
    case FileKind::Checkpoint:
      throw Error(ErrorKind::Format, "this is a checkpoint of a model, not a point cloud", {},
                  "Give it together with data: erwinscope infer CHECKPOINT DATA");
    case FileKind::TorchZip:
      throw Error(ErrorKind::Format, "this is a file saved by PyTorch, not a point cloud", {},
                  "Import a model's state with: erwinscope convert STATE.pt OUT --config FILE");
    case FileKind::TfRecord:
      throw Error(ErrorKind::Format, "this is a TFRecord file: a data set, not a point cloud", {},
                  "Give it, or its folder, as DATA to info, train, infer or explain");
    case FileKind::Manifest:
      throw Error(ErrorKind::Format, "this is the manifest of a data set, not a point cloud", {},
                  "Give it as DATA to train, infer or explain, or open one of the files it names");
    default:
      break;
  }
  const std::string foreign = foreign_format(InputFile(path).text_at(0, 1 << 16));
  if (!foreign.empty())
    throw Error(ErrorKind::Format, "this is " + foreign + ", which cannot be opened", {}, what_can_be_opened());
  throw Error(ErrorKind::Format, "the format of this file is not known", {}, what_can_be_opened());
}

PointCloud::Parts read(const Path& path, FileKind kind, const OpenOptions& options, const Job& job) {
  switch (kind) {
    case FileKind::Npy:
      return read_npy(path, options, job);
    case FileKind::Npz:
      return read_npz(path, options, job);
    case FileKind::Text:
      return read_text(path, options, job);
    case FileKind::Xyz:
      return read_xyz(path, options, job);
    case FileKind::Ply:
      return read_ply(path, options, job);
    case FileKind::Pcd:
      return read_pcd(path, options, job);
    case FileKind::Las:
      return read_las(path, options, job);
    case FileKind::LammpsDump:
      return read_lammps(path, options, job);
    case FileKind::Hdf5Data:
      return read_hdf5(path, options, job);
    case FileKind::Hdf5Ours:
      return read_hdf5_ours(path, options, job);
    case FileKind::Cgns:
      return read_cgns(path, options, job);
    case FileKind::VtkHdf:
    case FileKind::Vtp:
    case FileKind::Vtu:
    case FileKind::LegacyVtk:
      return read_vtk(path, kind, options, job);
    default:
      refuse(path, kind);
  }
}

PointCloudPtr open_unguarded(const Path& path, const OpenOptions& options, const Job& job) {
  job.check();
  const FileKind kind = options.kind ? *options.kind : detect(path);
  require_fitting_options(kind, options);
  PointCloud::Parts parts = read(path, kind, options, job);
  job.progress(0.9, "checking");
  parts.source.path = path.string();
  if (!extension_fits(path, kind))
    parts.source.remarks.push_back("The name ends in " + path.extension().string() + ", but the content is " +
                                   parts.source.format + ".");
  auto cloud = std::make_shared<const PointCloud>(std::move(parts));
  job.progress(1, "done");
  return cloud;
}

}  // namespace

PointCloudPtr open(const std::filesystem::path& path, const OpenOptions& options, const Job& job) {
  const auto too_large = [&path] {
    return Error(ErrorKind::Memory, "there is not enough memory for this file",
                 path.string() + ", " + format_bytes(available_memory()) + " are free",
                 "Close other programs or open a smaller file");
  };
  try {
    return open_unguarded(path, options, job);
  } catch (const Error& error) {
    const bool placed = error.kind() == ErrorKind::Cancelled || error.detail().find(path.string()) != std::string::npos;
    throw placed ? error : error.at(path.string());
  } catch (const std::bad_alloc&) {
    throw too_large();
  } catch (const std::length_error&) {
    throw too_large();
  }
}

std::vector<std::string> sample_names(const std::filesystem::path& path) {
  return sample_names(path, detect(path));
}

std::vector<std::string> sample_names(const std::filesystem::path& path, FileKind kind) {
  if (kind != FileKind::Hdf5Ours) return {std::string()};
  return hdf5_sample_names(path);
}

}  // namespace erwin::io
