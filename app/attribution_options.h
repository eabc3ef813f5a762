#pragma once
// How a prediction is attributed, as options of `explain` and `export`: what the panel Attribution has as a form.

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "core/model/attribution.h"

namespace erwin::app {

struct AttributionOptions {
  int component = 0, blocks = 32;
  std::string knock_out = "selection";
  bool all_layers = false;
};

// All but the component, which has a name of its own in each; they land in `options`, which must outlive the parsing.
void add_attribution_options(CLI::App& command, AttributionOptions& options);

// point: an index in the cloud. Raises Error{Config}: no such way to take blocks away.
AttributionRequest attribution_request(const AttributionOptions& options, std::int64_t point, int layer);

}  // namespace erwin::app
