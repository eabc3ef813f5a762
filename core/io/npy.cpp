#include "core/io/internal/file_bytes.h"
#include "core/io/internal/npy_array.h"
#include "core/io/readers.h"

namespace erwin::io {

PointCloud::Parts read_npy(const Path& path, const OpenOptions& options, const Job& job) {
  const FileBytes bytes(path, job);
  const NpyArray array = parse_npy(bytes.view(), {});
  CloudBuilder builder("NPY", options, job);
  job.progress(0.4, "reading the array");
  add_positions_and_columns(array, builder, job);
  return builder.finish();
}

}  // namespace erwin::io
