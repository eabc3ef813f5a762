#include "app/open_options.h"

namespace erwin::app {

void add_open_options(CLI::App& command, io::OpenOptions& options) {
  command.add_option("--positions", options.positions,
                     "path of the N x 3 array in an HDF5 file, its name in an NPZ file");
  command.add_flag("--drop-nonfinite", options.drop_nonfinite,
                   "leave out points whose position is not finite, instead of refusing the file");
}

void add_skip_option(CLI::App& command, io::OpenOptions& options) {
  command.add_flag("--skip-bad", options.skip_bad,
                   "leave damaged or incomplete samples out, and say how many, instead of refusing the data set");
}

void add_sample_option(CLI::App& command, io::OpenOptions& options) {
  command.add_option("--sample", options.sample, "sample of an HDF5 file that holds several; the first if not given");
}

}  // namespace erwin::app
