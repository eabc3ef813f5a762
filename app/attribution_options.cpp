#include "app/attribution_options.h"

#include "core/base/error.h"

namespace erwin::app {

void add_attribution_options(CLI::App& command, AttributionOptions& options) {
  command.add_option("--blocks", options.blocks, "attribution: blocks to take away, one by one")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command.add_option("--knock-out", options.knock_out, "attribution: selection (of the point's block) or everywhere")
      ->capture_default_str();
  command.add_flag("--all-layers", options.all_layers, "attribution: take the block from all layers of the same tree");
}

AttributionRequest attribution_request(const AttributionOptions& options, std::int64_t point, int layer) {
  if (options.knock_out != "selection" && options.knock_out != "everywhere")
    throw Error(ErrorKind::Config, "--knock-out is not understood", options.knock_out,
                "Allowed: selection, everywhere");
  AttributionRequest request;
  request.point = point;
  request.component = options.component;
  request.layer = layer;
  request.most_blocks = options.blocks;
  request.knock_out = options.knock_out == "selection" ? KnockOut::Selection : KnockOut::Everywhere;
  request.all_layers = options.all_layers;
  return request;
}

}  // namespace erwin::app
