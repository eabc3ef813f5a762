#pragma once
// Torch's exceptions as the program's: out of memory, no device, everything else that an operation refuses.

#include <functional>
#include <string_view>

namespace erwin::model {

// Runs `work`. Errors of ours pass through; c10::OutOfMemoryError becomes Error{DeviceMemory} and, once its handler has
// ended (the exception keeps activations alive), the device's cached memory is given back; a failed allocation on the
// host becomes Error{Memory}, a CUDA failure Error{Device}, the rest Error{Internal}. what: "the prediction of car_3".
void translating_torch_errors(std::string_view what, const std::function<void()>& work);

}  // namespace erwin::model
