#include "core/base/log.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

namespace erwin {

namespace {

std::mutex mutex;
std::function<void(LogLevel, std::string_view)> current_listener;

LogLevel stderr_level() {
  const char* given = std::getenv("ERWINSCOPE_LOG");
  const std::string name = given ? given : "";
  if (name == "debug") return LogLevel::Debug;
  if (name == "info") return LogLevel::Info;
  if (name == "error") return LogLevel::Error;
  return LogLevel::Warning;
}

const char* label(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "error";
}

}  // namespace

void log(LogLevel level, std::string_view text) {
  static const LogLevel shown = stderr_level();
  const std::lock_guard lock(mutex);
  if (level >= shown) std::fprintf(stderr, "%s: %.*s\n", label(level), static_cast<int>(text.size()), text.data());
  if (current_listener) current_listener(level, text);
}

void set_log_listener(std::function<void(LogLevel, std::string_view)> listener) {
  const std::lock_guard lock(mutex);
  current_listener = std::move(listener);
}

}  // namespace erwin
