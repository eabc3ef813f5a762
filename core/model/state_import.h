#pragma once
// A state_dict that PyTorch saved, read without PyTorch: tensors only. The file's pickle is a small program; ours is a
// reader of the few operations that describe tensors, and refuses every other one by name.

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/model/weights.h"

namespace erwin {

// Every tensor of the file by its name, as saved. float16 and bfloat16 come out as float32.
// Raises Error{Io}; Error{Format}: not a zip of torch.save, cut off, sizes that disagree, anything that is not a
// tensor.
Weights read_torch_state(const std::filesystem::path& path, const Job& job = {});

// The state under the names of `wanted` (a network's own weights): strips "module.", "_orig_mod." and any prefix that
// all wanted names share in the state (a wrapper around the network), converts types. BatchNorm counters that are
// absent start at 0. Raises Error{Model} listing what is missing, surplus or of another shape.
Weights match_state(const Weights& state, const Weights& wanted);

}  // namespace erwin
