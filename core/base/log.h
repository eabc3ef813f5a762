#pragma once
// The log: lines on stderr, and to whoever listens (the window's log dock). The only singleton of the program.

#include <functional>
#include <string_view>

namespace erwin {

enum class LogLevel { Debug, Info, Warning, Error };

// Thread-safe. Lines below the level of ERWINSCOPE_LOG (debug, info, warning, error; default warning) stay off stderr.
void log(LogLevel level, std::string_view text);

// Every later line, of any level, also goes to `listener`, on the thread that logs. An empty function ends it.
void set_log_listener(std::function<void(LogLevel, std::string_view)> listener);

}  // namespace erwin
