#pragma once
// The record of a forward pass in an HDF5 file: one group per layer, one dataset per array (resources/help/record.md).

#include <string>

#include "core/attention/tap.h"
#include "core/io/internal/hdf5.h"

namespace erwin::model {

void write_tap(h5::File& file, const std::string& group, const Tap& tap);
// Every index is checked, so that a damaged file cannot lead outside the arrays. points: of the sample. Raises
// Error{Format}, Error{Memory}.
TapPtr read_tap(const h5::File& file, const std::string& group, std::int64_t points);

}  // namespace erwin::model
