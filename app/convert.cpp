// `erwinscope convert IN OUT`: any point cloud that opens to HDF5, VTP or CSV; a PyTorch state to a checkpoint; a
// checkpoint to one without what only training needs.

#include <cstdio>
#include <memory>

#include "app/command.h"
#include "app/convert_state.h"
#include "app/open_options.h"
#include "core/base/error.h"
#include "core/io/open.h"
#include "core/io/write.h"
#include "core/model/checkpoint.h"

namespace erwin::app {

namespace {

namespace fs = std::filesystem;

struct ConvertArguments {
  fs::path in, out, config;
  io::OpenOptions open;
};

bool is_hdf5(const fs::path& path) {
  return path.extension() == ".h5" || path.extension() == ".hdf5";
}

// All samples of a file of ours where the output can hold them, else the one asked for.
io::NamedClouds open_samples(const ConvertArguments& arguments) {
  std::vector<std::string> names = io::sample_names(arguments.in);
  if (!arguments.open.sample.empty()) names = {arguments.open.sample};
  if (names.size() > 1 && !is_hdf5(arguments.out))
    throw Error(ErrorKind::Config, "the file holds " + std::to_string(names.size()) + " samples, the output one",
                arguments.in.string(), "Choose one with --sample, or write an .h5 file");
  io::NamedClouds clouds;
  for (const std::string& name : names) {
    io::OpenOptions options = arguments.open;
    options.sample = name;
    clouds.emplace_back(name.empty() ? arguments.in.stem().string() : name,
                        io::open(arguments.in, options, command_job()));
  }
  return clouds;
}

// The optimiser's averages are twice as large as the weights.
void keep_weights(const fs::path& in, const fs::path& out) {
  const Checkpoint checkpoint = load_checkpoint(in);
  save_checkpoint(out, checkpoint);
  std::printf("%s: the weights of step %lld, without the state of training\n", out.string().c_str(),
              static_cast<long long>(checkpoint.step));
}

void convert(const ConvertArguments& arguments) {
  if (io::detect(arguments.in) == io::FileKind::TorchZip) {
    if (arguments.config.empty())
      throw Error(ErrorKind::Config, "a PyTorch state does not say what network it belongs to", arguments.in.string(),
                  "Give its configuration with --config FILE");
    convert_state(arguments.in, arguments.out, arguments.config);
    return;
  }
  if (!arguments.config.empty())
    throw Error(ErrorKind::Config, "--config is for PyTorch states only", arguments.in.string(),
                "Leave it out for point clouds");
  if (io::detect(arguments.in) == io::FileKind::Checkpoint) return keep_weights(arguments.in, arguments.out);
  const io::NamedClouds clouds = open_samples(arguments);
  io::write(arguments.out, clouds, command_job());
  command_job().progress(1, "done");
  std::int64_t points = 0;
  for (const auto& [name, cloud] : clouds) {
    points += cloud->size();
    for (const std::string& remark : cloud->source().remarks) std::fprintf(stderr, "note: %s\n", remark.c_str());
  }
  std::printf("%s: %zu sample%s, %lld points\n", arguments.out.string().c_str(), clouds.size(),
              clouds.size() == 1 ? "" : "s", static_cast<long long>(points));
}

const CommandRegistration registration{[](CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "convert", "a point cloud to .h5, .vtp or .csv; a PyTorch state to a checkpoint; a checkpoint to its weights");
  const auto arguments = std::make_shared<ConvertArguments>();
  command->add_option("IN", arguments->in, "any file that opens, a state saved by PyTorch, or a checkpoint")
      ->required();
  command->add_option("OUT", arguments->out, "the file to write; its extension says the format")->required();
  command->add_option("--config", arguments->config, "for a PyTorch state: the configuration of its network");
  add_open_options(*command, arguments->open);
  add_sample_option(*command, arguments->open);
  command->callback([arguments] { convert(*arguments); });
}};

}  // namespace

}  // namespace erwin::app
