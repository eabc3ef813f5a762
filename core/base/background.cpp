#include "core/base/background.h"

#include <sys/resource.h>
#include <unistd.h>

namespace erwin {

namespace {

// A third of a plain thread's share where both want the same core.
constexpr int steps_down = 5;

}  // namespace

void yield_to_window() {
  const auto self = static_cast<id_t>(::gettid());
  // Relative to what the user gave the program. A refusal changes nothing but the share.
  ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + steps_down);
}

}  // namespace erwin
