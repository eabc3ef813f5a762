#pragma once
// The one thread pool of our CPU code. No OpenMP of our own: Torch brings libgomp and VTK brings TBB already.

#include <cstdint>
#include <functional>

namespace erwin {

// Threads that parallel_for uses, the calling one included. Default: the hardware's. Set once, at start.
void set_parallel_threads(int threads);
int parallel_threads();

// Calls body(first, last) on disjoint ranges of at least `grain` (but for the last) that cover [begin, end), from
// several threads, and returns when all are done. The first exception of a body is rethrown here. Nested calls run on
// the calling thread alone. Results must not depend on how the range is cut.
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  const std::function<void(std::int64_t first, std::int64_t last)>& body);

}  // namespace erwin
