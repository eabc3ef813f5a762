#pragma once

namespace erwin::app {

// `erwinscope --version`: one line per library and per device, on stdout.
void print_version();

}  // namespace erwin::app
