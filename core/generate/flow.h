#pragma once
// Data of a kind that a network can learn from without a simulation package: air pressure on bodies shaped like cars.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/data/point_cloud.h"
#include "core/generate/data_set.h"

namespace erwin::generate {

struct FlowOptions {
  SplitCounts counts{15, 3, 6};
  std::int64_t points = 2300;  // of a body, about: what the grid of its surface allows
  std::uint64_t seed = 1;
  bool ground = true;  // a wall at z = 0; without it the bodies fly
};

// Raises Error{Config} for numbers out of range, Error{Memory} where the work does not fit.
void check(const FlowOptions& options);

// Body `index` of a seed, whatever the other options say: a closed surface of quads, positions in m (wind along +x,
// ground at z = 0) and the field "pressure", the pressure coefficient Cp of panel_flow.h at the vertices.
PointCloudPtr make_flow_sample(const FlowOptions& options, std::int64_t index, const Job& job = {});

// All samples, made in parallel, and the manifest. `command` goes into the manifest.
void write_flow(const std::filesystem::path& file, const FlowOptions& options, const std::string& command,
                const Job& job = {});

}  // namespace erwin::generate
