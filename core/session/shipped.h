#pragma once
// The samples that come with the program: what the window offers when nothing is open.

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"

namespace erwin {

struct ShippedSample {
  std::filesystem::path data;   // file, folder or manifest to open
  std::filesystem::path model;  // checkpoint that belongs to it; empty: none
  std::string title;            // of a few words
  std::string description;      // one line: what it holds, read from the files
};

// The folder `datasets` beside the program, in its share folder or in the source tree; empty where there is none.
std::filesystem::path shipped_folder();

// What lies in a folder: data files, and one level of folders with a manifest or data files. A checkpoint belongs to
// the data of its own folder; in the top folder to the data whose name its own name starts with. What does not open is
// left out, with a line in the log. Reads HDF5: for the I/O thread.
std::vector<ShippedSample> list_shipped(const std::filesystem::path& folder, const Job& job = {});

}  // namespace erwin
