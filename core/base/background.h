#pragma once
// Threads that compute beside a window.

namespace erwin {

// From now on the calling thread, and every thread that it starts (those of loops included), runs when threads of plain
// priority leave it a core: a window goes on drawing while all cores compute.
void yield_to_window();

}  // namespace erwin
