#include "app/inputs.h"

#include "core/base/error.h"
#include "core/io/open.h"

namespace erwin::app {

namespace fs = std::filesystem;

Inputs tell_apart(const std::vector<std::string>& files) {
  Inputs inputs;
  for (const fs::path file : files) {
    const bool is_checkpoint = !fs::is_directory(file) && io::detect(file) == io::FileKind::Checkpoint;
    fs::path& slot = is_checkpoint ? inputs.checkpoint : inputs.data;
    if (!slot.empty())
      throw Error(ErrorKind::Config,
                  is_checkpoint ? "both files are checkpoints" : "neither of the two files is a checkpoint",
                  slot.string() + ", " + file.string(), "Give one checkpoint and one file, folder or manifest of data");
    slot = file;
  }
  return inputs;
}

Inputs checkpoint_and_data(const std::vector<std::string>& files) {
  const Inputs inputs = tell_apart(files);
  if (inputs.data.empty() || inputs.checkpoint.empty())
    throw Error(ErrorKind::Config, inputs.data.empty() ? "the data is missing" : "the checkpoint is missing", {},
                "Give one checkpoint and one file, folder or manifest of data");
  return inputs;
}

}  // namespace erwin::app
