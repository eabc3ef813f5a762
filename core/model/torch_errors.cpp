#include "core/model/internal/torch_errors.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/util/Exception.h>

#include <new>
#include <optional>
#include <string>

#include "core/base/error.h"

namespace erwin::model {

namespace {

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Error device_memory_error(std::string_view what, const std::string& text) {
  return {ErrorKind::DeviceMemory, "the device's memory does not suffice for " + std::string(what), first_line(text),
          "Use a smaller sample or batch, another precision, or the device cpu"};
}

Error host_memory_error(std::string_view what, const std::string& text) {
  return {ErrorKind::Memory, "the memory does not suffice for " + std::string(what), first_line(text),
          "Use a smaller sample or batch, or close other programs"};
}

// c10's exceptions that are not c10::OutOfMemoryError, by what they say.
Error error_of(std::string_view what, const std::string& text) {
  if (contains(text, "can't allocate memory") || contains(text, "not enough memory"))
    return host_memory_error(what, text);
  if (contains(text, "CUDA out of memory") || contains(text, "CUBLAS_STATUS_ALLOC_FAILED"))
    return device_memory_error(what, text);
  if (contains(text, "CUDA error") || contains(text, "CUDA driver") || contains(text, "NVIDIA driver") ||
      contains(text, "CUDA-capable") || contains(text, "CUBLAS_STATUS"))
    return {ErrorKind::Device, "the device failed during " + std::string(what), first_line(text),
            "Start the program again; where it happens again use the device cpu"};
  return {ErrorKind::Internal, "Torch refused an operation during " + std::string(what), first_line(text),
          "Please report this"};
}

std::optional<Error> failure_of(std::string_view what, const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const c10::OutOfMemoryError& error) {
    return device_memory_error(what, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return error_of(what, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return host_memory_error(what, "an allocation failed");
  }
}

}  // namespace

void translating_torch_errors(std::string_view what, const std::function<void()>& work) {
  const std::optional<Error> failure = failure_of(what, work);
  if (!failure) return;
  if (failure->kind() == ErrorKind::DeviceMemory && at::detail::getCUDAHooks().hasCUDA()) at::accelerator::emptyCache();
  throw *failure;
}

}  // namespace erwin::model
