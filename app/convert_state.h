#pragma once
// `erwinscope convert STATE.pt OUT --config FILE`: a state_dict saved by PyTorch becomes a checkpoint.

#include <filesystem>

namespace erwin::app {

// in: a PyTorch zip file; config: TOML with what the state does not say. Raises Error{Io, Format, Config, Model}.
void convert_state(const std::filesystem::path& in, const std::filesystem::path& out,
                   const std::filesystem::path& config);

}  // namespace erwin::app
