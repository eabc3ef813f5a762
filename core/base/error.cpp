#include "core/base/error.h"

#include <utility>

namespace erwin {

Error::Error(ErrorKind kind, std::string message, std::string detail, std::string hint)
    : kind_(kind), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {
  text_ = message_;
  if (!detail_.empty()) text_ += " (" + detail_ + ")";
  if (!hint_.empty()) text_ += ". " + hint_;
}

Error Error::at(std::string_view where) const {
  std::string detail(where);
  if (!detail_.empty()) detail += ": " + detail_;
  return Error(kind_, message_, detail, hint_);
}

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Internal:
      return 1;
    case ErrorKind::Config:
      return 2;
    case ErrorKind::Io:
      return 3;
    case ErrorKind::Format:
      return 4;
    case ErrorKind::Memory:
      return 5;
    case ErrorKind::DeviceMemory:
      return 6;
    case ErrorKind::Device:
      return 7;
    case ErrorKind::Model:
      return 8;
    case ErrorKind::Cancelled:
      return 130;
  }
  return 1;
}

std::string_view name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Internal:
      return "Internal";
    case ErrorKind::Config:
      return "Config";
    case ErrorKind::Io:
      return "Io";
    case ErrorKind::Format:
      return "Format";
    case ErrorKind::Memory:
      return "Memory";
    case ErrorKind::DeviceMemory:
      return "DeviceMemory";
    case ErrorKind::Device:
      return "Device";
    case ErrorKind::Model:
      return "Model";
    case ErrorKind::Cancelled:
      return "Cancelled";
  }
  return "Internal";
}

}  // namespace erwin
