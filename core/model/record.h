#pragma once
// Open attention records: a data file (our HDF5, format 1) that also holds what a forward pass did, layer by layer, in
// the layout of resources/help/record.md. Ours are written by `erwinscope infer --record`; any point transformer's can
// be written with h5py and numpy alone, and opens in the explorer read-only.

#include <filesystem>
#include <string>

#include "core/attention/tap.h"
#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/io/open.h"

namespace erwin {

struct AttentionRecord {
  PointCloudPtr cloud;    // one frame, with whatever fields were recorded
  TapPtr tap;             // its rows can be asked for as those of a forward pass (attention_query.h)
  std::string generator;  // the program that wrote it; may be empty
  std::string sample;     // the name of the cloud in the file
};

// Atomic. The cloud's points are the record's. Raises Error{Io}, Error{Internal} where cloud and tap do not belong
// together, Error{Cancelled}.
void save_record(const std::filesystem::path& path, const std::string& sample, const PointCloudPtr& cloud,
                 const Tap& tap, const Job& job = {});

// Every index and size is checked: the file is hostile. Raises Error{Io}, Error{Format} (no record, damaged, of a newer
// format), Error{Memory}.
AttentionRecord load_record(const std::filesystem::path& path, const Job& job = {});

// Does an HDF5 file hold a record? False for every other file.
bool is_record(const std::filesystem::path& path);
// The same where io::detect has said already what kind of file it is.
bool is_record(const std::filesystem::path& path, io::FileKind kind);

}  // namespace erwin
