#pragma once
// Our data HDF5, format 1: what its reader and its writer agree on.
//
//   /samples/<id>                     attribute dimension (2 or 3)
//   /samples/<id>/positions           f4 [n, 3] or [T, n, 3]; attributes origin f8 [3], unit
//   /samples/<id>/row_ids             i8 [n], only where points were left out of the original file
//   /samples/<id>/fields/<name>       f4 [n], [n, c] or, with frames, [T, n, c]; attributes unit, kind, offset f8
//   /samples/<id>/cells/{triangles,quads,lines}   u4 [m, 3], [m, 4], [m, 2]
//   root attributes                   format i8 = 1, generator

#include <cstdint>

#include "core/io/internal/hdf5.h"
#include "core/io/write.h"

namespace erwin::io {

constexpr std::int64_t hdf5_data_format = 1;
// The root attribute `format` of a checkpoint (a text there, a number in data).
constexpr const char* checkpoint_format = "erwinscope-checkpoint";

// The samples and root attributes of a data file, into an open file that may hold more (an attention record). Raises
// Error{Config} for a sample without a name of its own.
void write_data(h5::File& file, const NamedClouds& samples, const Job& job);

}  // namespace erwin::io
