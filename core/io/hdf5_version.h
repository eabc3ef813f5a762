#pragma once

#include <string>

namespace erwin::io {

// Version of the HDF5 library that runs, "1.10.8".
std::string hdf5_version();

}  // namespace erwin::io
