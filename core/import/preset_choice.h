#pragma once
// A network for data that nobody has chosen one for.

#include <filesystem>
#include <string>

#include "core/base/job.h"
#include "core/config/config.h"

namespace erwin {

struct PresetChoice {
  std::string preset;  // its name
  Config config;       // the preset's, fitted to the data's inputs and task
  std::string why;     // "300 points on cpu"
};

// By the size of a training sample and the device ("cpu", "cuda:0"): small on a CPU and up to 1000 points, medium up to
// 20,000, large beyond. Raises what opening the data raises.
PresetChoice choose_preset(const std::filesystem::path& data, const std::string& device, const Job& job = {});
// The same from what is known already.
std::string preset_for_size(std::int64_t points, bool on_cpu);

}  // namespace erwin
